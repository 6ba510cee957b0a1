"""Pairs of experiments: alignment, tests against other packages and by hand, verdicts, and what it would take."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import ttest_power

from alzbench.compare.effects import Effect, effects
from alzbench.compare.pairs import MOST, compare_pairs, holm, mcnemar_exact, needed
from alzbench.evaluation.intervals import Difference, Interval, Jackknife, differences, intervals
from alzbench.evaluation.metrics import ACCURACY, METRICS, metrics
from alzbench.evaluation.stacked import NOT_TESTED, StackedCounts, align, stack
from alzbench.evaluation.subject_counts import SubjectCounts

SLICES = 10


def stacked(right: np.ndarray, seeds: tuple[int, ...] | None = None, names: list[str] | None = None) -> StackedCounts:
    """Predictions of subjects of class 0, of whose ten slices `right` (S, C) are predicted right; half decides."""
    counts = np.zeros((*right.shape, 2, 2), np.uint8)
    counts[..., 0, 0], counts[..., 0, 1] = right, SLICES - right
    clusters = tuple(names or [f"s{k:03d}" for k in range(right.shape[1])])
    labels, predicted = np.zeros(right.shape, np.int8), (right <= SLICES / 2).astype(np.int8)
    return StackedCounts("subject", clusters, seeds or tuple(range(len(right))), counts, labels, predicted)


def difference(first: StackedCounts, second: StackedCounts) -> Difference | None:
    return differences(first.images, second.images, ACCURACY)[0]


def accuracy_of(effect: Effect) -> Interval:
    change = effect.changes["accuracy"]
    assert change is not None
    return change


def draw(seed: int, share: float, seeds: int = 2, subjects: int = 30) -> np.ndarray:
    return np.random.default_rng(seed).binomial(SLICES, share, (seeds, subjects))


def test_holm_is_the_textbook_one() -> None:
    """By hand: sorted 0.01, 0.03, 0.04 times 3, 2, 1, and never smaller than the one before."""
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06], abs=1e-12)
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_is_that_of_statsmodels(ps: list[float]) -> None:
    assert holm(ps) == pytest.approx(multipletests(ps, method="holm")[1].tolist(), abs=1e-9)


@pytest.mark.parametrize(("first", "second"), [(0, 0), (3, 3), (1, 9), (20, 5), (0, 60), (4000, 3800), (501, 500)])
def test_mcnemar_is_the_exact_binomial_test(first: int, second: int) -> None:
    expected = stats.binomtest(first, first + second).pvalue if first + second else 1.0
    assert mcnemar_exact(first, second) == pytest.approx(expected, abs=1e-9)


def test_what_is_needed_has_the_power() -> None:
    n = needed(se=0.02, n=100, size=0.02)  # a spread of 0.2
    assert n is not None
    assert ttest_power(0.1, n, 0.05) >= 0.8 > ttest_power(0.1, n - 1, 0.05)
    assert needed(se=0.0, n=100) is None
    assert needed(se=1e-6, n=100) == 3  # fewer say nothing


def test_a_pair_holds_the_difference_and_mcnemar_of_the_first_seed() -> None:
    first, second = draw(1, 0.5), draw(2, 0.75)
    ((pair,), _) = compare_pairs("a", {"a": stacked(first), "b": stacked(second)})
    expected = difference(stacked(first), stacked(second))
    assert expected is not None
    assert pair.differences["accuracy"] == expected
    only_a = int(((first[0] > 5) & (second[0] <= 5)).sum())
    only_b = int(((first[0] <= 5) & (second[0] > 5)).sum())
    assert (pair.only_baseline, pair.only_other) == (only_a, only_b)
    assert pair.mcnemar == pytest.approx(stats.binomtest(only_a, only_a + only_b).pvalue)
    assert (pair.verdict, pair.p_holm) == ("better", expected.p)  # one pair: nothing to correct


def test_every_metric_of_whole_matrices_has_a_paired_difference() -> None:
    one, two = stacked(draw(1, 0.5)), stacked(draw(2, 0.75))
    ((pair,), _) = compare_pairs("a", {"a": one, "b": two})
    for metric in metrics(level="image", needs="counts", per_class=False):
        assert pair.differences[metric.name] == differences(one.images, two.images, metric)[0]


def test_verdicts_go_by_the_corrected_p() -> None:
    base = draw(1, 0.5)
    others = {f"x{k}": stacked(np.clip(base + (np.arange(30) % 3 == 0), 0, 10)) for k in range(3)}
    worse = stacked(np.clip(base - 3, 0, 10))
    pairs, _ = compare_pairs("base", {"base": stacked(base), **others, "worse": worse, "same": stacked(base)})
    by_name = {pair.other: pair for pair in pairs}
    assert by_name["worse"].verdict == "worse"
    assert (by_name["same"].verdict, by_name["same"].p_holm) == ("no difference shown", 1.0)
    raw = [pair.differences["accuracy"] for pair in pairs]
    assert [pair.p_holm for pair in pairs] == pytest.approx(holm([d.p for d in raw if d]))


def test_too_few_subjects_have_no_verdict_and_do_not_count_for_the_others() -> None:
    base, other = stacked(draw(1, 0.5)[:, :3]), stacked(draw(2, 0.9)[:, :3])
    ((pair,), _) = compare_pairs("a", {"a": base, "b": other})
    assert (pair.verdict, pair.p_holm, pair.differences["accuracy"]) == ("too few subjects", None, None)


def test_only_common_seeds_are_paired() -> None:
    first, second = draw(1, 0.5, seeds=3), draw(2, 0.6, seeds=2)
    pairs, reasons = compare_pairs(
        "a", {"a": stacked(first, (0, 1, 2)), "b": stacked(second, (2, 7)), "c": stacked(second, (8, 9))}
    )
    (pair,) = pairs
    assert reasons == {"c": "they have no common seed"}
    assert (pair.other, pair.seeds) == ("b", (2,))
    assert pair.differences["accuracy"] == difference(stacked(first[2:]), stacked(second[:1]))


def test_alignment_puts_clusters_of_other_seeds_in_their_places() -> None:
    first = stacked(np.array([[10, 0], [10, 10]]), (0, 1), ["b", "c"])
    second = stacked(np.array([[5, 10]]), (0,), ["c", "b"])
    pair = align(first, second)
    assert pair is not None
    assert pair[0].clusters == pair[1].clusters == ("b", "c")
    assert pair[0].counts[0, :, 0, 0].tolist() == [10, 0]
    assert pair[1].counts[0, :, 0, 0].tolist() == [10, 5]


def test_other_labels_are_not_paired() -> None:
    """As in the sanity baseline whose labels are shuffled."""
    first = stacked(draw(1, 0.5))
    swapped = first.counts[..., ::-1, :]
    other = replace(first, counts=swapped)
    assert align(first, other) is None
    reason = "they have different labels for the same test images"
    assert compare_pairs("a", {"a": first, "b": other}) == ((), {"b": reason})


def test_folds_of_a_seed_are_stacked_side_by_side() -> None:
    def fold(name: str, right: int) -> SubjectCounts:
        counts = np.array([[[right, SLICES - right], [0, 0]]])
        return SubjectCounts("subject", (name,), counts, np.array([0]), np.array([0 if right > 5 else 1]))

    found = stack({0: [fold("b", 9), fold("a", 2)], 1: [fold("a", 8)]})
    assert found is not None
    assert (found.clusters, found.seeds, found.by) == (("a", "b"), (0, 1), "subject")
    assert found.counts[:, :, 0, 0].tolist() == [[2, 9], [8, 0]]
    assert found.labels.tolist() == [[0, 0], [0, NOT_TESTED]]
    assert found.predicted.tolist() == [[1, 0], [0, NOT_TESTED]]
    assert found.right.tolist() == [[False, True], [True, False]]
    assert stack({}) is None


@pytest.mark.parametrize("slices", [1, 255, 256, 70_000])
def test_counts_are_stored_in_few_bytes_and_never_wrap(slices: int) -> None:
    """Figures of them are those of the same numbers as floating-point ones."""

    def fold(name: str, right: int) -> SubjectCounts:
        counts = np.array([[[right, slices - right], [0, 0]]])
        return SubjectCounts("subject", (name,), counts, np.array([0]), np.array([0]))

    # the same subject in two folds, too
    found = stack({0: [fold(f"s{k % 9}", slices - k % 2) for k in range(10)], 1: [fold(f"s{k}", 0) for k in range(9)]})
    assert found is not None
    assert found.counts[:, 0].sum() == 3 * slices
    for name in ("accuracy", "f1", "specificity", "quadratic_kappa"):
        metric = METRICS[name]
        assert intervals(found.images, metric) == intervals(Jackknife(found.counts.astype(float)), metric)
    assert found.placed((1, 0), found.clusters).counts[1].sum() == 10 * slices


# Effects


def test_an_effect_is_the_mean_over_pairs_that_differ_in_it_alone() -> None:
    """A grid of two factors: by hand, the mean of the two differences for each."""
    base = draw(1, 0.5)
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
    first, second = stacked(draw(1, 0.5)), stacked(draw(2, 0.6))
    ((effect,), _) = effects({"base": first, "x": second}, {"base": frozenset(), "x": frozenset({("F", "x")})})
    expected = difference(first, second)
    assert expected is not None
    assert (effect.factor, effect.level, effect.pairs, accuracy_of(effect)) == ("F", "x", 1, expected.interval)


def test_levels_without_a_partner_have_no_effect() -> None:
    both = stacked(draw(1, 0.5))
    assert effects({"x": both}, {"base": frozenset(), "x": frozenset({("F", "x")})}) == ((), ())
    assert effects({"x": both, "base": both}, {}) == ((), ())


def grid(of_b: dict[str, StackedCounts]) -> dict[str, StackedCounts]:
    """Two factors; plain and a have three seeds, b and a-b what is given."""
    return {"plain": stacked(draw(1, 0.5, 3)), "a": stacked(draw(2, 0.6, 3)), **of_b}


LEVELS = {
    "plain": frozenset[tuple[str, str]](), "a": frozenset({("A", "a")}), "b": frozenset({("B", "b")}),
    "a-b": frozenset({("A", "a"), ("B", "b")}),
}  # fmt: skip


def test_an_effect_is_of_the_seeds_that_all_its_pairs_have() -> None:
    stacks = grid({"b": stacked(draw(3, 0.5)), "a-b": stacked(draw(4, 0.7))})
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
        right = draw(len(name), share[name], 1, 20)
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
    stacks = grid({"b": stacked(draw(3, 0.5), (7, 8)), "a-b": stacked(draw(4, 0.7), (7, 8))})
    found, without = effects(stacks, LEVELS)
    assert not found
    assert without == (
        "effect of A: a: not computed, because its pairs of experiments have no common seed",
        "effect of B: b: the pair plain and b is left out, because they have no common seed",
        "effect of B: b: the pair a and a-b is left out, because they have no common seed",
    )


def test_a_pair_that_cannot_be_compared_is_named_and_the_others_are_averaged() -> None:
    stacks = grid({"b": stacked(draw(3, 0.5, 3)), "a-b": replace(stacked(draw(4, 0.7, 3)), by="image")})
    found, without = effects(stacks, LEVELS)
    assert [(effect.level, effect.pairs) for effect in found] == [("a", 1), ("b", 1)]
    why = "because the subjects of the test images are known for only one of the two"
    assert without == (
        f"effect of A: a: the pair b and a-b is left out, {why}",
        f"effect of B: b: the pair a and a-b is left out, {why}",
    )


def test_an_effect_does_not_average_a_pair_by_image_with_one_by_subject() -> None:
    unknown = {name: replace(stacked(draw(k, 0.5, 3)), by="image") for k, name in enumerate(("plain", "a"))}
    stacks = {**unknown, "b": stacked(draw(3, 0.5, 3)), "a-b": stacked(draw(4, 0.7, 3))}
    levels = {name: LEVELS[name] for name in stacks}
    found, without = effects(stacks, levels)
    assert [(effect.level, effect.pairs) for effect in found] == [("a", 1)]
    assert found[0].changes == effects({"b": stacks["b"], "a-b": stacks["a-b"]}, levels)[0][0].changes
    assert without[0] == (
        "effect of A: a: the pair plain and a is left out, because the subjects of its test images are unknown, but "
        "those of other pairs are known"
    )


# Families, and what is needed


def test_sanity_baselines_are_a_family_of_their_own() -> None:
    base = draw(1, 0.5)
    others = {name: stacked(draw(k, 0.56)) for k, name in enumerate(("x", "y", "shuffled", "largest"), start=2)}
    pairs, _ = compare_pairs("base", {"base": stacked(base), **others}, sanity=("shuffled", "largest"))
    ps = {pair.other: d.p for pair in pairs if (d := pair.differences["accuracy"])}
    of = {pair.other: pair.p_holm for pair in pairs}
    assert [of["x"], of["y"]] == pytest.approx(holm([ps["x"], ps["y"]]))
    assert [of["shuffled"], of["largest"]] == pytest.approx(holm([ps["shuffled"], ps["largest"]]))


def test_where_nothing_varies_the_verdict_is_the_sign_tests() -> None:
    """Five subjects are too few to show anything: the smallest p of a sign test is 0.0625; six are enough."""
    for n, verdict in ((5, "no difference shown"), (6, "better")):
        ((pair,), _) = compare_pairs("a", {"a": stacked(np.full((1, n), 2)), "b": stacked(np.full((1, n), 9))})
        assert (pair.p_holm, pair.verdict) == (pytest.approx(2 * 0.5**n), verdict)
        assert pair.p_holm == pytest.approx(pair.mcnemar)


@pytest.mark.parametrize(("size", "se", "n"), [(0.05, 0.03, 40), (0.02, 0.3, 30), (0.5, 0.2, 9)])
def test_power_is_that_of_statsmodels(size: float, se: float, n: int) -> None:
    found = needed(se, n, size)
    assert found is not None
    effect = size / (se * np.sqrt(n))
    assert ttest_power(effect, found, 0.05) >= 0.8
    assert all(ttest_power(effect, fewer, 0.05) < 0.8 for fewer in range(3, found))


def test_more_than_can_be_had_is_not_a_number() -> None:
    assert needed(se=100, n=100) == MOST
    (more,) = compare_pairs("a", {"a": stacked(draw(1, 0.5)), "b": stacked(draw(2, 0.5))}, min_effect=0.2)[0]
    (few,) = compare_pairs("a", {"a": stacked(draw(1, 0.5)), "b": stacked(draw(2, 0.5))}, min_effect=0.02)[0]
    assert more.subjects_needed is not None
    assert few.subjects_needed is not None
    assert more.subjects_needed < few.subjects_needed


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (replace(stacked(draw(1, 0.5)), by="image"), "known for only one of the two"),
        (stacked(draw(1, 0.5), names=[f"t{k}" for k in range(30)]), "different test images"),
    ],
)
def test_what_cannot_be_paired_has_a_reason(other: StackedCounts, reason: str) -> None:
    pairs, reasons = compare_pairs("a", {"a": stacked(draw(1, 0.5)), "b": other})
    assert pairs == ()
    assert reason in reasons["b"]
