"""Two experiments on the same test images: the difference, its significance, and the numbers needed to detect one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from alzbench.evaluation.differences import Difference, differences, paired_difference, paired_metrics
from alzbench.evaluation.intervals import Interval
from alzbench.evaluation.metrics import ACCURACY, DEMENTED_AUC
from alzbench.evaluation.significance import ALPHA, MIN_EFFECT, holm, mcnemar_exact, needed
from alzbench.evaluation.stacked import StackedCounts, align, align_all, obstacle

Verdict = Literal["better", "worse", "no difference shown", "too few subjects"]


@dataclass(frozen=True)
class Pair:
    """The difference between the baseline and another experiment.

    Attributes:
        baseline, other: Their labels.
        seeds: The seeds that both have.
        by: Unit that is resampled: `subject` or `image`.
        differences: Metric -> the other's score minus the baseline's; None if there are too few clusters. The ROC AUC
            by subject is absent where it is undefined.
        p_holm: The p-value of the accuracies' difference, corrected for all pairs of the comparison by Holm's method.
        mcnemar: Exact p-value of McNemar's test on the predictions of whole clusters, for the first common seed.
        only_baseline, only_other: For this seed, the number of clusters that only one of them predicts correctly.
        verdict: By `p_holm` and the sign.
        sanity: True if the other is a sanity baseline; Holm's method corrects these separately.
        min_effect: The minimum detectable difference, in [0, 1].
        subjects_needed, seeds_needed: Numbers needed to detect it with a power of 80 %, each without limit on the
            other; MOST if at least so many are needed, None if there is no variance or the difference is shown.
    """

    baseline: str
    other: str
    seeds: tuple[int, ...]
    by: str
    differences: Mapping[str, Difference | None]
    p_holm: float | None
    mcnemar: float
    only_baseline: int
    only_other: int
    verdict: Verdict
    sanity: bool
    min_effect: float
    subjects_needed: int | None
    seeds_needed: int | None


def compare_pairs(
    baseline: str,
    counts: Mapping[str, StackedCounts],
    sanity: Collection[str] = (),
    min_effect: float = MIN_EFFECT,
) -> tuple[tuple[Pair, ...], dict[str, str]]:
    """Compare each experiment with the baseline.

    Args:
        baseline: Label of the baseline.
        counts: Label of each experiment -> its predictions.
        sanity: Labels of sanity baselines.
        min_effect: The minimum detectable difference, in [0, 1].

    Returns:
        The pairs, and the reason for each experiment that cannot be paired.
    """
    first = counts[baseline]
    pairs: list[Pair] = []
    reasons: dict[str, str] = {}
    for label, other in counts.items():
        if label == baseline:
            continue
        if reason := obstacle(first, other):
            reasons[label] = reason
        else:
            pair = _pair(first, other, min_effect)
            pairs.append(replace(pair, baseline=baseline, other=label, sanity=label in sanity))
    return tuple(_judged(pairs)), reasons


def _judged(pairs: Sequence[Pair]) -> list[Pair]:
    """Return pairs with verdicts; p-values are corrected among experiments, and among sanity baselines."""
    corrected: dict[str, float] = {}
    for family in (False, True):
        ps = {pair.other: d.p for pair in pairs if pair.sanity is family and (d := pair.differences[ACCURACY.name])}
        corrected |= dict(zip(ps, holm(list(ps.values())), strict=True))
    return [_judge(pair, corrected.get(pair.other)) for pair in pairs]


def _pair(first: StackedCounts, other: StackedCounts, min_effect: float) -> Pair:
    ((one, two),) = align_all([(first, other)])
    changes = {metric.name: differences(one.images, two.images, metric)[0] for metric in paired_metrics()}
    if (auc := auc_difference(first, other)) is not None:
        changes[DEMENTED_AUC.name] = auc
    only_first = int((one.right[0] & ~two.right[0]).sum())
    only_second = int((two.right[0] & ~one.right[0]).sum())
    accuracy = changes[ACCURACY.name]
    needs = _needs(accuracy.interval, min_effect) if accuracy else (None, None)
    return Pair(
        baseline="",
        other="",
        seeds=one.seeds,
        by=one.by,
        differences=changes,
        p_holm=None,
        mcnemar=mcnemar_exact(only_first, only_second),
        only_baseline=only_first,
        only_other=only_second,
        verdict="no difference shown",
        sanity=False,
        min_effect=min_effect,
        subjects_needed=needs[0],
        seeds_needed=needs[1],
    )


def _needs(interval: Interval, min_effect: float) -> tuple[int | None, int | None]:
    seeds = needed(interval.se_seeds, interval.seeds, min_effect) if interval.seeds > 1 else None
    return needed(interval.se_clusters, interval.clusters, min_effect), seeds


def _judge(pair: Pair, p: float | None) -> Pair:
    accuracy = pair.differences[ACCURACY.name]
    if accuracy is None or p is None:
        return replace(pair, verdict="too few subjects")
    if p > ALPHA:
        return replace(pair, p_holm=p)
    verdict: Verdict = "better" if accuracy.interval.value > 0 else "worse"
    return replace(pair, p_holm=p, verdict=verdict, subjects_needed=None, seeds_needed=None)


def auc_difference(first: StackedCounts, second: StackedCounts) -> Difference | None:
    """Return the paired difference of the ROC AUC by subject, demented or not; None where it is undefined."""
    aligned = align(first, second)
    if aligned is None:
        return None
    one, two = aligned
    jackknife = one.jackknife(DEMENTED_AUC.view)
    if jackknife is None or two.jackknife(DEMENTED_AUC.view) is None or one.healthy != two.healthy:
        return None
    change = two.areas(DEMENTED_AUC) - one.areas(DEMENTED_AUC)
    number = jackknife.clusters(DEMENTED_AUC)[0]
    return paired_difference(change, jackknife.tested, number, DEMENTED_AUC.difference_bounds)
