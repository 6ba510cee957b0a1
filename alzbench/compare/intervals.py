"""How sure a figure is: 95 % intervals over seeds and test subjects at once, of figures and of paired differences.

Slices of one subject are alike, so subjects are what is resampled: the variance over subjects is that of the delete-one
jackknife (Efron and Stein 1981, doi 10.1214/aos/1176345462), which is the cluster-robust variance for a mean. The
variance over seeds is that of their mean. They add up, and the interval is Student's, with the degrees of freedom of
their sum (Satterthwaite 1946, doi 10.2307/3002019): with three seeds that differ it is as wide as three seeds deserve.
One seed says nothing about seeds, and its interval is about subjects alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import stats

LEVEL = 0.95
FEWEST_CLUSTERS = 5  # with fewer, no interval is honest

Counts = npt.NDArray[np.float64]
# confusion matrices (..., K, K), rows truth -> figures (...)
Figure = Callable[[Counts], npt.NDArray[np.float64]]


def accuracy(matrices: Counts) -> npt.NDArray[np.float64]:
    """Return the share of right answers."""
    shares: npt.NDArray[np.float64] = _ratio(np.trace(matrices, axis1=-2, axis2=-1), matrices.sum((-1, -2)))
    return shares


def balanced_accuracy(matrices: Counts) -> npt.NDArray[np.float64]:
    """Return the mean recall of the classes that are there."""
    return _mean_of_present(_ratio(_diagonal(matrices), matrices.sum(-1)), matrices)


def macro_f1(matrices: Counts) -> npt.NDArray[np.float64]:
    """Return the mean F1 of the classes that are there."""
    return _mean_of_present(_f1(matrices), matrices)


def f1_of(label: int) -> Figure:
    """Return the function for the F1 of one class."""

    def f1(matrices: Counts) -> npt.NDArray[np.float64]:
        return _ratio(
            2 * matrices[..., label, label], matrices[..., label, :].sum(-1) + matrices[..., :, label].sum(-1)
        )

    return f1


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval.

    Attributes:
        value: Mean over the seeds.
        low, high: The interval.
        seeds, clusters: How many it is of.
        se_clusters, se_seeds: Standard errors from the clusters and from the seeds; 0 for a single seed.
        df: Degrees of freedom.
    """

    value: float
    low: float
    high: float
    seeds: int
    clusters: int
    se_clusters: float
    se_seeds: float
    df: float


@dataclass(frozen=True)
class Difference:
    """What changes from one experiment to another on the same test images, seed by seed.

    Attributes:
        interval: Of the second one's figure less the first one's.
        p: Two-sided p-value of no difference, by the same standard error; 1 where nothing differs at all.
    """

    interval: Interval
    p: float


def interval(counts: Counts, figure: Figure) -> Interval | None:
    """Return a figure with its interval.

    Args:
        counts: (S, C, K, K), see `answers.Answers`.
        figure: Of confusion matrices, in [0, 1].

    Returns:
        None where the figure is not defined, or there are too few clusters.
    """
    found = _interval(figure(counts.sum(1)), figure(_without_each(counts)), counts)
    return found and replace(found, low=max(0.0, found.low), high=min(1.0, found.high))


def difference(first: Counts, second: Counts, figure: Figure) -> Difference | None:
    """Return the paired difference of two experiments with the same seeds and test images; None as for `interval`."""
    if first.shape != second.shape or not np.array_equal(first.sum(-1), second.sum(-1)):
        raise ValueError("paired experiments must have answered about the same images")
    values = figure(second.sum(1)) - figure(first.sum(1))
    found = _interval(values, figure(_without_each(second)) - figure(_without_each(first)), first)
    if found is None:
        return None
    se = math.hypot(found.se_clusters, found.se_seeds)
    p = float(2 * stats.t.sf(abs(found.value) / se, found.df)) if se else float(found.value == 0)
    return Difference(found, p)


def mean_difference(pairs: Sequence[tuple[Counts, Counts]], figure: Figure) -> Interval | None:
    """Return the mean of paired differences, each as for `difference`, all with the same seeds and clusters."""
    values = np.mean([figure(b.sum(1)) - figure(a.sum(1)) for a, b in pairs], axis=0)
    without = np.mean([figure(_without_each(b)) - figure(_without_each(a)) for a, b in pairs], axis=0)
    return _interval(values, without, pairs[0][0])


def _interval(values: npt.NDArray[np.float64], without: npt.NDArray[np.float64], counts: Counts) -> Interval | None:
    """Return the interval from values (S,) and those without each cluster (S, C)."""
    there = counts.sum((0, 2, 3)) > 0
    n, seeds = int(there.sum()), len(values)
    left_out = without.mean(0)[there]
    if n < FEWEST_CLUSTERS or not np.isfinite(values).all() or not np.isfinite(left_out).all():
        return None
    over_clusters = (n - 1) / n * float(((left_out - left_out.mean()) ** 2).sum())
    over_seeds = float(values.var(ddof=1)) / seeds if seeds > 1 else 0.0
    parts = over_clusters**2 / (n - 1) + (over_seeds**2 / (seeds - 1) if seeds > 1 else 0.0)
    df = (over_clusters + over_seeds) ** 2 / parts if parts else float(n - 1)
    value, half = float(values.mean()), float(stats.t.ppf((1 + LEVEL) / 2, df)) * math.sqrt(over_clusters + over_seeds)
    return Interval(value, value - half, value + half, seeds, n, math.sqrt(over_clusters), math.sqrt(over_seeds), df)


def _without_each(counts: Counts) -> Counts:
    """Return the confusion matrices (S, C, K, K) of all clusters less each one."""
    rest: Counts = counts.sum(1, keepdims=True) - counts
    return rest


def _f1(matrices: Counts) -> npt.NDArray[np.float64]:
    return _ratio(2 * _diagonal(matrices), matrices.sum(-1) + matrices.sum(-2))


def _diagonal(matrices: Counts) -> npt.NDArray[np.float64]:
    diagonal: Counts = np.diagonal(matrices, axis1=-2, axis2=-1)
    return diagonal


def _mean_of_present(values: npt.NDArray[np.float64], matrices: Counts) -> npt.NDArray[np.float64]:
    present = matrices.sum(-1) > 0
    means: npt.NDArray[np.float64] = _ratio(np.where(present, values, 0).sum(-1), present.sum(-1))
    return means


def _ratio(above: npt.NDArray[np.floating], below: npt.NDArray[np.number]) -> npt.NDArray[np.float64]:
    """Return a quotient, NaN where it is not defined."""
    below = np.asarray(below, np.float64)
    quotient: npt.NDArray[np.float64] = np.divide(above, below, out=np.full(np.shape(below), np.nan), where=below > 0)
    return quotient
