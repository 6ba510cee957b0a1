"""Pairs of experiments: differences, corrections by family, verdicts, and the reasons why some are not paired."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from alzbench.compare.pairs import compare_pairs
from alzbench.evaluation.differences import differences
from alzbench.evaluation.metrics import metrics
from alzbench.evaluation.significance import holm
from alzbench.evaluation.stacked import StackedCounts, align
from tests.helpers.stacked import difference, draw_right, stacked


def test_a_pair_holds_the_difference_and_mcnemar_of_the_first_seed() -> None:
    first, second = draw_right(1, 0.5), draw_right(2, 0.75)
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
    one, two = stacked(draw_right(1, 0.5)), stacked(draw_right(2, 0.75))
    ((pair,), _) = compare_pairs("a", {"a": one, "b": two})
    for metric in metrics(level="image", needs="counts", per_class=False):
        assert pair.differences[metric.name] == differences(one.images, two.images, metric)[0]


def test_verdicts_go_by_the_corrected_p() -> None:
    base = draw_right(1, 0.5)
    others = {f"x{k}": stacked(np.clip(base + (np.arange(30) % 3 == 0), 0, 10)) for k in range(3)}
    worse = stacked(np.clip(base - 3, 0, 10))
    pairs, _ = compare_pairs("base", {"base": stacked(base), **others, "worse": worse, "same": stacked(base)})
    by_name = {pair.other: pair for pair in pairs}
    assert by_name["worse"].verdict == "worse"
    assert (by_name["same"].verdict, by_name["same"].p_holm) == ("no difference shown", 1.0)
    raw = [pair.differences["accuracy"] for pair in pairs]
    assert [pair.p_holm for pair in pairs] == pytest.approx(holm([d.p for d in raw if d]))


def test_too_few_subjects_have_no_verdict_and_do_not_count_for_the_others() -> None:
    base, other = stacked(draw_right(1, 0.5)[:, :3]), stacked(draw_right(2, 0.9)[:, :3])
    ((pair,), _) = compare_pairs("a", {"a": base, "b": other})
    assert (pair.verdict, pair.p_holm, pair.differences["accuracy"]) == ("too few subjects", None, None)


def test_only_common_seeds_are_paired() -> None:
    first, second = draw_right(1, 0.5, seeds=3), draw_right(2, 0.6, seeds=2)
    pairs, reasons = compare_pairs(
        "a", {"a": stacked(first, (0, 1, 2)), "b": stacked(second, (2, 7)), "c": stacked(second, (8, 9))}
    )
    (pair,) = pairs
    assert reasons == {"c": "they have no common seed"}
    assert (pair.other, pair.seeds) == ("b", (2,))
    assert pair.differences["accuracy"] == difference(stacked(first[2:]), stacked(second[:1]))


def test_other_labels_are_not_paired() -> None:
    """As in the sanity baseline whose labels are shuffled."""
    first = stacked(draw_right(1, 0.5))
    swapped = first.counts[..., ::-1, :]
    other = replace(first, counts=swapped)
    assert align(first, other) is None
    reason = "they have different labels for the same test images"
    assert compare_pairs("a", {"a": first, "b": other}) == ((), {"b": reason})


def test_sanity_baselines_are_a_family_of_their_own() -> None:
    base = draw_right(1, 0.5)
    others = {name: stacked(draw_right(k, 0.56)) for k, name in enumerate(("x", "y", "shuffled", "largest"), start=2)}
    pairs, _ = compare_pairs("base", {"base": stacked(base), **others}, sanity=("shuffled", "largest"))
    ps = {pair.other: d.p for pair in pairs if (d := pair.differences["accuracy"])}
    corrected = {pair.other: pair.p_holm for pair in pairs}
    assert [corrected["x"], corrected["y"]] == pytest.approx(holm([ps["x"], ps["y"]]))
    assert [corrected["shuffled"], corrected["largest"]] == pytest.approx(holm([ps["shuffled"], ps["largest"]]))


def test_where_nothing_varies_the_verdict_is_the_sign_tests() -> None:
    """Five subjects are too few to show anything: the smallest p of a sign test is 0.0625; six are enough."""
    for n, verdict in ((5, "no difference shown"), (6, "better")):
        ((pair,), _) = compare_pairs("a", {"a": stacked(np.full((1, n), 2)), "b": stacked(np.full((1, n), 9))})
        assert (pair.p_holm, pair.verdict) == (pytest.approx(2 * 0.5**n), verdict)
        assert pair.p_holm == pytest.approx(pair.mcnemar)


def test_a_larger_effect_needs_fewer_subjects() -> None:
    (more,) = compare_pairs("a", {"a": stacked(draw_right(1, 0.5)), "b": stacked(draw_right(2, 0.5))}, min_effect=0.2)[
        0
    ]
    (few,) = compare_pairs("a", {"a": stacked(draw_right(1, 0.5)), "b": stacked(draw_right(2, 0.5))}, min_effect=0.02)[
        0
    ]
    assert more.subjects_needed is not None
    assert few.subjects_needed is not None
    assert more.subjects_needed < few.subjects_needed


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (replace(stacked(draw_right(1, 0.5)), by="image"), "known for only one of the two"),
        (stacked(draw_right(1, 0.5), names=[f"t{k}" for k in range(30)]), "different test images"),
    ],
)
def test_what_cannot_be_paired_has_a_reason(other: StackedCounts, reason: str) -> None:
    pairs, reasons = compare_pairs("a", {"a": stacked(draw_right(1, 0.5)), "b": other})
    assert pairs == ()
    assert reason in reasons["b"]
