"""Paired differences between experiments on the same test images, with 95 % intervals and p-values.

Their standard error is that of `intervals`. If clusters show no variance, the p-value is that of the sign test.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from alzbench.evaluation.intervals import Interval, Jackknife, jackknife_interval
from alzbench.evaluation.metrics import Metric, Values, metrics

SMALLEST_P = 1e-300  # Student's distribution underflows to 0 below it, but no p-value is 0


@dataclass(frozen=True)
class Difference:
    """The paired difference between two experiments on the same test images, seed by seed.

    Attributes:
        interval: Of the second experiment's score minus the first's.
        p: Two-sided p-value for no difference, from the same standard error. If that is 0: from the sign test over
            clusters, or 1 if the scores are equal.
    """

    interval: Interval
    p: float


def paired_metrics() -> list[Metric]:
    """Return the metrics whose paired difference is computed."""
    return metrics(level="image", needs="counts", per_class=False)


def differences(first: Jackknife, second: Jackknife, metric: Metric) -> list[Difference | None]:
    """Return the paired difference of two experiments with the same seeds and test images, or one per class.

    None if it is undefined, or with too few clusters.

    Raises:
        ValueError: Their images differ.
    """
    if first.counts.shape != second.counts.shape or not np.array_equal(first.true, second.true):
        raise ValueError("paired experiments must have predictions of the same images")
    change, clusters = second.values(metric) - first.values(metric), first.clusters(metric)
    columns = [change[..., k] for k in range(len(clusters))] if metric.per_class else [change]
    each = zip(columns, clusters, strict=True)
    return [paired_difference(values, first.tested, number, metric.difference_bounds) for values, number in each]


def mean_difference(pairs: Sequence[tuple[Jackknife, Jackknife]], metric: Metric) -> Interval | None:
    """Return the mean of paired differences, each as in `differences`, all with the same seeds and clusters."""
    if len({jackknife.counts.shape for pair in pairs for jackknife in pair}) > 1:
        raise ValueError("pairs whose differences are averaged must have the same seeds, clusters and classes")
    changes = [second.values(metric) - first.values(metric) for first, second in pairs]
    tested = np.any([first.tested for first, _ in pairs], axis=0)
    clusters = min(first.clusters(metric)[0] for first, _ in pairs)
    return jackknife_interval(np.mean(changes, axis=0), tested, clusters, metric.difference_bounds)


def paired_difference(
    values: Values, tested: npt.NDArray[np.bool_], clusters: int, bounds: tuple[float, float]
) -> Difference | None:
    """Return a paired difference from its jackknife values; arguments as of `intervals.jackknife_interval`."""
    interval = jackknife_interval(values, tested, clusters, bounds)
    if interval is None:
        return None
    se = math.hypot(interval.se_clusters, interval.se_seeds)
    if not se:
        p = min(1.0, 2 * float(special.bdtr(0, clusters, 0.5))) if interval.value else 1.0
        return Difference(interval, p)
    # not `scipy.stats.t`, which spends more time on checking its arguments than on computing
    p = float(2 * special.stdtr(interval.df, -abs(interval.value) / se))
    return Difference(interval, max(p, SMALLEST_P))
