"""95 % intervals over seeds and test subjects at once.

Slices of one subject are alike, so subjects are resampled: the variance over subjects is that of the delete-one
jackknife (Efron and Stein 1981, doi 10.1214/aos/1176345462), which is the cluster-robust variance for a mean. The
variance over seeds is that of their mean. Both are added, and the interval is Student's, with the degrees of freedom of
the sum (Satterthwaite 1946, doi 10.2307/3002019), so that few seeds give a wide interval. One seed has no variance over
seeds, and its interval is over subjects alone.

If the clusters show no variance, the score is still uncertain. The interval is then based on Clopper and Pearson's for
n of n clusters, with any value for the remaining share.

Letters: `S` seeds, `C` clusters (subjects, or images where subjects are not known), `K` classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import special

from alzbench.evaluation.metrics import Counts, Metric, RestsOn, Values

LEVEL = 0.95
FEWEST_CLUSTERS = 5  # with fewer, an interval is not reliable
_ROUNDING = 1e-9  # a smaller standard error counts as 0

Resting = dict[RestsOn, list[int]]  # number of clusters for each class


@dataclass(frozen=True)
class Interval:
    """A score with its 95 % interval.

    Attributes:
        value: Mean over the seeds.
        low, high: Ends of the interval.
        seeds, clusters: Number of seeds and of clusters.
        se_clusters, se_seeds: Standard errors from the clusters and from the seeds; the latter 0 for a single seed.
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


class Jackknife:
    """Counts (S, C, K, K), with each cluster left out in turn; each metric is computed once."""

    def __init__(self, counts: Counts) -> None:
        self.counts = counts
        self._values: dict[Metric, Values] = {}

    @cached_property
    def true(self) -> Counts:
        """(S, C, K) images of each cluster by true class."""
        true: Counts = self.counts.sum(-1)
        return true

    @cached_property
    def tested(self) -> npt.NDArray[np.bool_]:
        """(C,) True for clusters that any seed has tested."""
        tested: npt.NDArray[np.bool_] = np.any(self.true > 0, axis=(0, 2))
        return tested

    def clusters(self, metric: Metric) -> list[int]:
        """Return the number of clusters that a metric rests on: one number, or one per class."""
        return clusters_of(metric, self._resting)

    @cached_property
    def _resting(self) -> Resting:
        predicted: npt.NDArray[np.bool_] = np.any(self.counts.sum(-2) > 0, axis=0)
        true: npt.NDArray[np.bool_] = np.any(self.true > 0, axis=0)
        return count_resting(true, predicted, int(self.tested.sum()))

    def values(self, metric: Metric) -> Values:
        """Return a metric over all clusters, then without each one: (S, 1 + C), per class (S, 1 + C, K)."""
        self.prepare([metric])
        place = self._place
        if place is None:
            return self._values[metric]
        return np.take_along_axis(self._values[metric], place[..., None] if metric.per_class else place, 1)

    def prepare(self, metrics: Sequence[Metric]) -> None:
        """Compute several metrics at once: the matrices without each cluster are large, and are not kept."""
        missing = [metric for metric in metrics if metric not in self._values]
        if missing:
            matrices = self._matrices()
            self._values |= {metric: metric.function(matrices) for metric in missing}

    def _matrices(self) -> Counts:
        """Return the different matrices (S, M, K, K) over all clusters and without one of them, see `_place`."""
        size = self.counts.shape[-1]
        if self._place is None:
            # stored with the matrices' axes outermost: the sums that metrics are made of take a fifth of the time
            turned = np.ascontiguousarray(np.moveaxis(self.counts, (2, 3), (0, 1)))
            whole = turned.sum(3, keepdims=True)
            return np.moveaxis(np.concatenate([whole, whole - turned], 3), (0, 1), (2, 3))
        less = np.concatenate([np.zeros((1, size * size)), np.eye(size * size)]).reshape(1, -1, size, size)
        fewer: Counts = self.counts.sum(1)[:, None] - less
        return fewer

    @cached_property
    def _place(self) -> npt.NDArray[np.intp] | None:
        """(S, 1 + C) place of each matrix; None if each is in its own place.

        If each cluster is one image, there are only as many different matrices as cells.
        """
        if self.true.sum(-1).max(initial=0) > 1:
            return None
        seeds, clusters, size, _ = self.counts.shape
        flat = self.counts.reshape(seeds, clusters, size * size)
        cells = np.where(flat.any(-1), 1 + flat.argmax(-1), 0)
        return np.concatenate([np.zeros((seeds, 1), np.intp), cells], 1)


def count_resting(true: npt.NDArray[np.bool_], predicted: npt.NDArray[np.bool_], tested: int) -> Resting:
    """Count the clusters that metrics rest on.

    Args:
        true, predicted: (C, K) True for clusters with images that have a class, or that it is predicted for.
        tested: Number of clusters that any seed has tested.
    """
    classes = true.sum(0).tolist()
    others = [int(np.delete(true, k, axis=1).any(1).sum()) for k in range(true.shape[1])]
    return {
        "all": [tested] * len(classes),
        "rarest_class": [min((n for n in classes if n), default=0)] * len(classes),
        "class": classes,
        "other_classes": others,
        "both_sides": [min(pair) for pair in zip(classes, others, strict=True)],
        "predicted": predicted.sum(0).tolist(),
    }


def clusters_of(metric: Metric, resting: Resting) -> list[int]:
    """Return the number of clusters that a metric rests on: one number, or one per class."""
    per_class = resting[metric.rests_on]
    return per_class if metric.per_class else [min(per_class)]


def intervals(jackknife: Jackknife, metric: Metric) -> list[Interval | None]:
    """Return the interval of a metric, or one per class; None if undefined, or with too few clusters."""
    return metric_intervals(metric, jackknife.values(metric), jackknife.tested, jackknife.clusters(metric))


def metric_intervals(
    metric: Metric, values: Values, tested: npt.NDArray[np.bool_], clusters: Sequence[int]
) -> list[Interval | None]:
    """Return the interval of a metric, or one per class, from jackknife values.

    Args:
        metric: The metric.
        values: (S, 1 + C), per class (S, 1 + C, K), see `Jackknife.values`.
        tested: (C,) True for clusters that any seed has tested.
        clusters: Number of clusters that it rests on, see `Jackknife.clusters`.
    """
    if not metric.per_class:
        return [jackknife_interval(values, tested, clusters[0], metric.bounds)]
    per_class = enumerate(clusters)
    return [jackknife_interval(values[..., k], tested, number, metric.bounds) for k, number in per_class]


def jackknife_interval(
    values: Values, tested: npt.NDArray[np.bool_], clusters: int, bounds: tuple[float, float] = (0.0, 1.0)
) -> Interval | None:
    """Return the interval of a score from its jackknife values.

    Args:
        values: (S, 1 + C) over all clusters, then without each one.
        tested: (C,) True for clusters that any seed has tested.
        clusters: Number of clusters that the score rests on.
        bounds: Smallest and largest possible value.

    Returns:
        None if it is undefined, or rests on fewer than FEWEST_CLUSTERS.
    """
    whole, left_out = values[:, 0], values[:, 1:].mean(0)[tested]
    n, seeds = len(left_out), len(whole)
    if clusters < FEWEST_CLUSTERS or not np.isfinite(whole).all() or not np.isfinite(left_out).all():
        return None
    value = float(whole.mean())
    spread, apart = left_out - left_out.mean(), whole - value
    over_clusters = (n - 1) / n * float(spread @ spread)
    over_seeds = float(apart @ apart) / (seeds - 1) / seeds if seeds > 1 else 0.0
    if math.sqrt(over_clusters + over_seeds) < _ROUNDING:
        alike = float(special.betaincinv(clusters, 1, (1 - LEVEL) / 2))  # Clopper and Pearson's of n in n
        low, high = (alike * value + (1 - alike) * bound for bound in bounds)
        return Interval(0.0 if abs(value) < _ROUNDING else value, low, high, seeds, n, 0.0, 0.0, float(n - 1))
    parts = over_clusters**2 / (n - 1) + (over_seeds**2 / (seeds - 1) if seeds > 1 else 0.0)
    df = (over_clusters + over_seeds) ** 2 / parts
    half = float(special.stdtrit(df, (1 + LEVEL) / 2)) * math.sqrt(over_clusters + over_seeds)
    low, high = max(bounds[0], value - half), min(bounds[1], value + half)
    return Interval(value, low, high, seeds, n, math.sqrt(over_clusters), math.sqrt(over_seeds), df)
