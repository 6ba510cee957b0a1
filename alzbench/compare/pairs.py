"""Two experiments on the same test images: the difference, whether it is shown, and what it would take to see one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from alzbench.compare.answers import Answers, align_all, obstacle
from alzbench.compare.intervals import Difference, Figure, Interval, accuracy, differences, macro_f1

Verdict = Literal["better", "worse", "no difference shown", "too few subjects"]

ALPHA, POWER = 0.05, 0.8
FEWEST, MOST = 3, 10_000_000  # units that `needed` returns
WORTH_SEEING = 0.02  # the difference that `subjects_needed` is about, unless another is asked for: two points
_NORMAL = float(special.ndtri(1 - ALPHA / 2) + special.ndtri(POWER)) ** 2
_FIGURES: dict[str, Figure] = {"accuracy": accuracy, "macro_f1": macro_f1}


@dataclass(frozen=True)
class Pair:
    """What changes from the baseline to another experiment.

    Attributes:
        baseline, other: Their labels.
        seeds: The seeds that both have.
        by: What is resampled: `subject` or `image`.
        differences: accuracy and macro_f1 -> the other's less the baseline's; None where there are too few clusters.
        p_holm: The p-value of the accuracies' difference, corrected for all pairs of the comparison by Holm's method.
        mcnemar: Exact p-value of McNemar's test on the answers about whole clusters, for the first common seed.
        only_baseline, only_other: In it, the clusters that only one of them answers right.
        verdict: By `p_holm` and the sign.
        sanity: Whether the other is a sanity row; those are a family of their own for Holm's method.
        worth: The difference that the next two are about.
        subjects_needed, seeds_needed: How many it would take to see it with a power of 80 %, each as if the other were
            plenty; MOST where it would take that many or more, None where what there is shows no spread.
    """

    baseline: str
    other: str
    seeds: tuple[int, ...]
    by: str
    differences: dict[str, Difference | None]
    p_holm: float | None
    mcnemar: float
    only_baseline: int
    only_other: int
    verdict: Verdict
    sanity: bool
    worth: float
    subjects_needed: int | None
    seeds_needed: int | None


def compare_pairs(
    baseline: str, answers: Mapping[str, Answers], sanity: Collection[str] = (), worth: float = WORTH_SEEING
) -> tuple[tuple[Pair, ...], dict[str, str]]:
    """Compare experiments, by label, with one of them.

    Args:
        baseline: Its label.
        answers: Those of all.
        sanity: Labels of sanity rows.
        worth: The difference that is worth seeing, in [0, 1].

    Returns:
        The pairs, and of each experiment that cannot be paired the reason.
    """
    first = answers[baseline]
    pairs: list[Pair] = []
    reasons: dict[str, str] = {}
    for label, other in answers.items():
        if label == baseline:
            continue
        if reason := obstacle(first, other):
            reasons[label] = reason
        else:
            pairs.append(_pair(baseline, first, label, other, label in sanity, worth))
    return tuple(_judged(pairs)), reasons


def _judged(pairs: Sequence[Pair]) -> list[Pair]:
    """Return pairs with verdicts, corrected for those of their family: experiments, or sanity rows."""
    corrected: dict[str, float] = {}
    for family in (False, True):
        ps = {pair.other: d.p for pair in pairs if pair.sanity is family and (d := pair.differences["accuracy"])}
        corrected |= dict(zip(ps, holm(list(ps.values())), strict=True))
    return [_judge(pair, corrected.get(pair.other)) for pair in pairs]


def holm(ps: Sequence[float]) -> list[float]:
    """Return p-values corrected by Holm's method (1979, jstor 4615733), in their order.

    It is `statsmodels.stats.multitest.multipletests`, which takes as long to import as a thousand runs to compare.
    """
    order = np.argsort(ps, kind="stable")
    corrected = np.empty(len(order))
    corrected[order] = np.maximum.accumulate(np.asarray(ps)[order] * np.arange(len(order), 0, -1)).clip(max=1.0)
    return [float(p) for p in corrected]


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Return the exact p-value of McNemar's test, from the numbers that only one of two answers right.

    It is `scipy.stats.binomtest` of one half, twice the smaller tail of a symmetric distribution, without its import.
    """
    return min(1.0, 2 * float(special.bdtr(min(only_first, only_second), only_first + only_second, 0.5)))


def needed(se: float, n: int, size: float = WORTH_SEEING) -> int | None:
    """Return how many units it takes to see a mean difference of `size` with a power of 80 %.

    Args:
        se: Standard error of the mean of `n` units.
        n: How many there were.
        size: The difference.

    Returns:
        MOST where it takes that many or more, None for a standard error of 0.
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

    It is that of `statsmodels.stats.power.TTestPower`, from the functions below it: a comparison asks a thousand times.
    """
    df, shift = n - 1, effect * np.sqrt(n)
    limit = special.stdtrit(df, 1 - ALPHA / 2)
    power: npt.NDArray[np.floating] = 1 - special.nctdtr(df, shift, limit) + special.nctdtr(df, shift, -limit)
    return power


def _pair(name: str, first: Answers, label: str, other: Answers, sanity: bool, worth: float) -> Pair:
    ((first, second),) = align_all([(first, other)])
    changes = differences(first.sample, second.sample, _FIGURES)
    only_first = int((first.right[0] & ~second.right[0]).sum())
    only_second = int((second.right[0] & ~first.right[0]).sum())
    found = changes["accuracy"]
    needs = _needs(found.interval, worth) if found else (None, None)
    return Pair(
        baseline=name,
        other=label,
        seeds=first.seeds,
        by=first.by,
        differences=changes,
        p_holm=None,
        mcnemar=mcnemar_exact(only_first, only_second),
        only_baseline=only_first,
        only_other=only_second,
        verdict="no difference shown",
        sanity=sanity,
        worth=worth,
        subjects_needed=needs[0],
        seeds_needed=needs[1],
    )


def _needs(interval: Interval, worth: float) -> tuple[int | None, int | None]:
    seeds = needed(interval.se_seeds, interval.seeds, worth) if interval.seeds > 1 else None
    return needed(interval.se_clusters, interval.clusters, worth), seeds


def _judge(pair: Pair, p: float | None) -> Pair:
    found = pair.differences["accuracy"]
    if found is None or p is None:
        return replace(pair, verdict="too few subjects")
    if p > ALPHA:
        return replace(pair, p_holm=p)
    return replace(pair, p_holm=p, verdict="better" if found.interval.value > 0 else "worse")
