"""Two experiments on the same test images: the difference, its significance, and the numbers needed to detect one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from alzbench.evaluation.intervals import Difference, Interval, differences
from alzbench.evaluation.metrics import ACCURACY, metrics
from alzbench.evaluation.stacked import StackedCounts, align_all, obstacle

Verdict = Literal["better", "worse", "no difference shown", "too few subjects"]

ALPHA, POWER = 0.05, 0.8
FEWEST, MOST = 3, 10_000_000  # units that `needed` returns
MIN_EFFECT = 0.02  # the default minimum detectable difference: two points
_NORMAL = float(special.ndtri(1 - ALPHA / 2) + special.ndtri(POWER)) ** 2


@dataclass(frozen=True)
class Pair:
    """The difference between the baseline and another experiment.

    Attributes:
        baseline, other: Their labels.
        seeds: The seeds that both have.
        by: Unit that is resampled: `subject` or `image`.
        differences: Metric -> the other's score minus the baseline's; None if there are too few clusters.
        p_holm: The p-value of the accuracies' difference, corrected for all pairs of the comparison by Holm's method.
        mcnemar: Exact p-value of McNemar's test on the predictions of whole clusters, for the first common seed.
        only_baseline, only_other: For this seed, the number of clusters that only one of them predicts correctly.
        verdict: By `p_holm` and the sign.
        sanity: True if the other is a sanity baseline; Holm's method corrects these separately.
        min_effect: The minimum detectable difference, in [0, 1].
        subjects_needed, seeds_needed: Numbers needed to detect it with a power of 80 %, each without limit on the
            other; MOST if at least so many are needed, None if there is no variance.
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


def holm(ps: Sequence[float]) -> list[float]:
    """Return p-values corrected by Holm's method (1979, jstor 4615733), in their order.

    Equal to `statsmodels.stats.multitest.multipletests`, whose import takes as long as comparing a thousand runs.
    """
    order = np.argsort(ps, kind="stable")
    corrected = np.empty(len(order))
    corrected[order] = np.maximum.accumulate(np.asarray(ps)[order] * np.arange(len(order), 0, -1)).clip(max=1.0)
    return [float(p) for p in corrected]


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Return the exact p-value of McNemar's test, from the numbers that only one of the two predicts correctly.

    Equal to `scipy.stats.binomtest` with probability one half, without its slow import.
    """
    return min(1.0, 2 * float(special.bdtr(min(only_first, only_second), only_first + only_second, 0.5)))


def needed(se: float, n: int, size: float = MIN_EFFECT) -> int | None:
    """Return the number of units needed to detect a mean difference of `size` with a power of 80 %.

    Args:
        se: Standard error of the mean of `n` units.
        n: Number of units.
        size: The difference.

    Returns:
        MOST if at least so many are needed, None for a standard error of 0.
    """
    spread = se * np.sqrt(n)
    if not spread:
        return None
    effect = size / spread
    normal = _NORMAL / effect**2
    if normal >= MOST:
        return MOST
    # Student's distribution needs about two more than the normal one
    counts = max(FEWEST, int(normal)) + np.arange(8)
    return min(MOST, int(counts[0] + np.searchsorted(_power(effect, counts), POWER)))


def _power(effect: float, n: npt.NDArray[np.int64]) -> npt.NDArray[np.floating]:
    """Return the power of Student's two-sided test of `n` units whose mean is `effect` standard deviations.

    Equal to `statsmodels.stats.power.TTestPower`, but fast: a comparison calls it a thousand times.
    """
    df, shift = n - 1, effect * np.sqrt(n)
    limit = special.stdtrit(df, 1 - ALPHA / 2)
    power: npt.NDArray[np.floating] = 1 - special.nctdtr(df, shift, limit) + special.nctdtr(df, shift, -limit)
    return power


def _pair(first: StackedCounts, other: StackedCounts, min_effect: float) -> Pair:
    ((one, two),) = align_all([(first, other)])
    paired = metrics(level="image", needs="counts", per_class=False)
    changes = {metric.name: differences(one.images, two.images, metric)[0] for metric in paired}
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
    return replace(pair, p_holm=p, verdict="better" if accuracy.interval.value > 0 else "worse")
