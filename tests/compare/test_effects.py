"""Effects of a study's factors: means over pairs, and the pairs that are left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alzbench.compare.effects import Effect, effects
from alzbench.evaluation.intervals import Interval
from alzbench.evaluation.metrics import ACCURACY
from alzbench.evaluation.stacked import StackedCounts
from tests.helpers.stacked import SLICES, difference, draw_right, stacked


def accuracy_of(effect: Effect) -> Interval:
    change = effect.changes["accuracy"]
    assert change is not None
    return change


def test_an_effect_is_the_mean_over_pairs_that_differ_in_it_alone() -> None:
    """A grid of two factors: by hand, the mean of the two differences for each."""
    base = draw_right(1, 0.5)
    level = {"plain": 0, "a": 1, "b": 2, "a-b": 4}
    found, _ = effects(
        {name: stacked(np.clip(base + more, 0, SLICES)) for name, more in level.items()},
        {"plain": frozenset(), "a": frozenset({("A", "a")}), "b": frozenset({("B", "b")}),
         "a-b": frozenset({("A", "a"), ("B", "b")})},
    )  # fmt: skip

    def mean(name: str) -> float:
        return float(np.clip(base + level[name], 0, SLICES).mean() / SLICES)

    by_level = {effect.level: effect for effect in found}
    assert by_level.keys() == {"a", "b"}
    assert by_level["a"].pairs == by_level["b"].pairs == 2
    for name, expected in (
        ("a", (mean("a") - mean("plain") + mean("a-b") - mean("b")) / 2),
        ("b", (mean("b") - mean("plain") + mean("a-b") - mean("a")) / 2),
    ):
        value = accuracy_of(by_level[name])
        assert value.value == pytest.approx(expected)
        assert value.low < value.value < value.high


def test_an_effect_of_one_pair_is_its_difference() -> None:
    first, second = stacked(draw_right(1, 0.5)), stacked(draw_right(2, 0.6))
    ((effect,), _) = effects({"base": first, "x": second}, {"base": frozenset(), "x": frozenset({("F", "x")})})
    expected = difference(first, second)
    assert expected is not None
    assert (effect.factor, effect.level, effect.pairs, accuracy_of(effect)) == ("F", "x", 1, expected.interval)


def test_levels_without_a_partner_have_no_effect() -> None:
    both = stacked(draw_right(1, 0.5))
    assert effects({"x": both}, {"base": frozenset(), "x": frozenset({("F", "x")})}) == ((), ())
    assert effects({"x": both, "base": both}, {}) == ((), ())


def grid(of_b: dict[str, StackedCounts]) -> dict[str, StackedCounts]:
    """Two factors; plain and a have three seeds, b and a-b what is given."""
    return {"plain": stacked(draw_right(1, 0.5, 3)), "a": stacked(draw_right(2, 0.6, 3)), **of_b}


LEVELS = {
    "plain": frozenset[tuple[str, str]](), "a": frozenset({("A", "a")}), "b": frozenset({("B", "b")}),
    "a-b": frozenset({("A", "a"), ("B", "b")}),
}  # fmt: skip


def test_an_effect_is_of_the_seeds_that_all_its_pairs_have() -> None:
    stacks = grid({"b": stacked(draw_right(3, 0.5)), "a-b": stacked(draw_right(4, 0.7))})
    ((of_a, of_b), _) = effects(stacks, LEVELS)
    assert (of_a.pairs, of_b.pairs) == (2, 2)
    assert accuracy_of(of_a).seeds == 2
    values = {name: ACCURACY.function(stack.counts[:2].sum(1)).mean() for name, stack in stacks.items()}
    expected = (values["a"] - values["plain"] + values["a-b"] - values["b"]) / 2
    assert accuracy_of(of_a).value == pytest.approx(expected)


@pytest.mark.parametrize("of_b", [(0,), (0, 2), (2, 0)])
def test_subjects_that_the_pairs_of_an_effect_do_not_share_keep_their_places(of_b: tuple[int, ...]) -> None:
    """Each seed tests subjects of its own: plain and a have seeds 0 and 1, b and a-b seed 0, and maybe 2 besides."""
    share = dict(zip(LEVELS, (0.4, 0.5, 0.6, 0.9), strict=True))

    def of_seeds(name: str, seeds: tuple[int, ...]) -> StackedCounts:
        names = {seed: [f"s{(7 * k) % 20 + 20 * ((seed + 2) % 3):03d}" for k in range(20)] for seed in seeds}
        every = sorted({cluster for clusters in names.values() for cluster in clusters})
        right = draw_right(len(name), share[name], 1, 20)
        placed = [stacked(right, (seed,), names[seed]).placed((seed,), every) for seed in seeds]
        counts, labels, predicted = (
            np.concatenate([getattr(one, field) for one in placed]) for field in ("counts", "labels", "predicted")
        )
        return StackedCounts("subject", tuple(every), seeds, counts, labels, predicted)

    seeds = {"plain": (0, 1), "a": (0, 1), "b": of_b, "a-b": of_b}
    found, without = effects({name: of_seeds(name, its) for name, its in seeds.items()}, LEVELS)
    assert not without
    assert found == effects({name: of_seeds(name, (0,)) for name in seeds}, LEVELS)[0]
    assert accuracy_of(found[0]).clusters == 20


def test_pairs_without_a_common_seed_have_no_effect() -> None:
    stacks = grid({"b": stacked(draw_right(3, 0.5), (7, 8)), "a-b": stacked(draw_right(4, 0.7), (7, 8))})
    found, without = effects(stacks, LEVELS)
    assert not found
    assert without == (
        "effect of A: a: not computed, because its pairs of experiments have no common seed",
        "effect of B: b: the pair plain and b is left out, because they have no common seed",
        "effect of B: b: the pair a and a-b is left out, because they have no common seed",
    )


def test_a_pair_that_cannot_be_compared_is_named_and_the_others_are_averaged() -> None:
    stacks = grid({"b": stacked(draw_right(3, 0.5, 3)), "a-b": replace(stacked(draw_right(4, 0.7, 3)), by="image")})
    found, without = effects(stacks, LEVELS)
    assert [(effect.level, effect.pairs) for effect in found] == [("a", 1), ("b", 1)]
    why = "because the subjects of the test images are known for only one of the two"
    assert without == (
        f"effect of A: a: the pair b and a-b is left out, {why}",
        f"effect of B: b: the pair a and a-b is left out, {why}",
    )


def test_an_effect_does_not_average_a_pair_by_image_with_one_by_subject() -> None:
    unknown = {name: replace(stacked(draw_right(k, 0.5, 3)), by="image") for k, name in enumerate(("plain", "a"))}
    stacks = {**unknown, "b": stacked(draw_right(3, 0.5, 3)), "a-b": stacked(draw_right(4, 0.7, 3))}
    levels = {name: LEVELS[name] for name in stacks}
    found, without = effects(stacks, levels)
    assert [(effect.level, effect.pairs) for effect in found] == [("a", 1)]
    assert found[0].changes == effects({"b": stacks["b"], "a-b": stacks["a-b"]}, levels)[0][0].changes
    assert without[0] == (
        "effect of A: a: the pair plain and a is left out, because the subjects of its test images are unknown, but "
        "those of other pairs are known"
    )
