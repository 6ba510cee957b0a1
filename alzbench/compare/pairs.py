"""Two experiments on the same test images: the difference, whether it is shown, and what it would take to see one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import stats

from alzbench.compare.answers import NOT_TESTED, Answers, align
from alzbench.compare.intervals import Difference, Figure, Interval, accuracy, differences, macro_f1

Verdict = Literal["better", "worse", "no difference shown", "too few subjects"]

ALPHA, POWER = 0.05, 0.8
FEWEST, MOST = 3, 10_000_000  # units that `needed` returns
WORTH_SEEING = 0.02  # the difference that `subjects_needed` is about: two percentage points
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
        subjects_needed, seeds_needed: How many it would take to see a difference of WORTH_SEEING with a power of 80 %,
            each as if the other were plenty; None where what there is shows no spread.
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
    subjects_needed: int | None
    seeds_needed: int | None


def compare_pairs(baseline: str, answers: dict[str, Answers]) -> tuple[Pair, ...]:
    """Compare experiments, by label, with one of them; those that share no seed with it are left out."""
    first = answers[baseline]
    found = [_pair(baseline, first, label, other) for label, other in answers.items() if label != baseline]
    pairs = [pair for pair in found if pair is not None]
    ps = [None if d is None else d.p for d in (pair.differences["accuracy"] for pair in pairs)]
    corrected = holm([p for p in ps if p is not None])
    left = iter(corrected)
    return tuple(_judge(pair, None if p is None else next(left)) for pair, p in zip(pairs, ps, strict=True))


def holm(ps: Sequence[float]) -> list[float]:
    """Return p-values corrected by Holm's method, in their order."""
    if not ps:
        return []
    from statsmodels.stats.multitest import multipletests

    return [float(p) for p in multipletests(ps, method="holm")[1]]


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Return the exact p-value of McNemar's test, from the numbers that only one of two answers right."""
    from statsmodels.stats.contingency_tables import mcnemar

    return float(mcnemar([[0, only_first], [only_second, 0]], exact=True).pvalue)


def needed(se: float, n: int, size: float = WORTH_SEEING) -> int | None:
    """Return how many units it takes to see a mean difference of `size` with a power of 80 %.

    Args:
        se: Standard error of the mean of `n` units.
        n: How many there were.
        size: The difference.
    """
    from statsmodels.stats.power import TTestPower

    spread = se * np.sqrt(n)
    if not spread:
        return None
    effect = size / spread
    # Student's distribution needs about two more than the normal one
    normal = int(min(MOST, (stats.norm.ppf(1 - ALPHA / 2) + stats.norm.ppf(POWER)) ** 2 / effect**2))
    counts = max(FEWEST, normal) + np.arange(8)
    return int(counts[0] + np.searchsorted(TTestPower().power(effect, counts, ALPHA), POWER))


def _pair(name: str, first: Answers, label: str, other: Answers) -> Pair | None:
    aligned = align(first, other)
    if aligned is None:
        return None
    first, second = aligned
    changes = differences(first.counts, second.counts, _FIGURES)
    tested = first.right[0] != NOT_TESTED
    only_first = int((tested & (first.right[0] == 1) & (second.right[0] == 0)).sum())
    only_second = int((tested & (first.right[0] == 0) & (second.right[0] == 1)).sum())
    found = changes["accuracy"]
    needs = _needs(found.interval) if found else (None, None)
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
        subjects_needed=needs[0],
        seeds_needed=needs[1],
    )


def _needs(interval: Interval) -> tuple[int | None, int | None]:
    seeds = needed(interval.se_seeds, interval.seeds) if interval.seeds > 1 else None
    return needed(interval.se_clusters, interval.clusters), seeds


def _judge(pair: Pair, p: float | None) -> Pair:
    found = pair.differences["accuracy"]
    if found is None or p is None:
        return replace(pair, verdict="too few subjects")
    if p > ALPHA:
        return replace(pair, p_holm=p)
    return replace(pair, p_holm=p, verdict="better" if found.interval.value > 0 else "worse")
