"""Counts of clusters, and metrics of them, for tests of intervals and differences."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from alzbench.evaluation.differences import Difference, differences
from alzbench.evaluation.intervals import Interval, Jackknife, intervals
from alzbench.evaluation.metrics import METRICS, Counts, Metric

SLICES = 32


@dataclass(frozen=True)
class One:
    """A metric, or one class of a metric per class."""

    metric: Metric
    label: int = 0

    def __call__(self, matrix: Counts) -> np.ndarray:
        value = self.metric.function(matrix)
        return value[..., self.label] if self.metric.per_class else value


accuracy, balanced_accuracy, macro_f1, kappa = (
    One(METRICS[name]) for name in ("accuracy", "balanced_accuracy", "macro_f1", "quadratic_kappa")
)


def f1_of(label: int) -> One:
    """Return F1 of one class."""
    return One(METRICS["f1"], label)


def interval(counts: Counts, one: One) -> Interval | None:
    """Return the interval of counts (S, C, K, K)."""
    return intervals(Jackknife(counts), one.metric)[one.label]


def difference(first: Counts, second: Counts, one: One) -> Difference | None:
    """Return the paired difference of counts (S, C, K, K)."""
    return differences(Jackknife(first), Jackknife(second), one.metric)[one.label]


def one_class(right: np.ndarray, n: int = SLICES) -> Counts:
    """Counts (S, C, 2, 2) of clusters of `n` images of class 0, of which `right` (S, C) are predicted right."""
    counts = np.zeros((*right.shape, 2, 2))
    counts[..., 0, 0], counts[..., 0, 1] = right, n - right
    return counts


def chance(rng: np.random.Generator, deviate: float) -> float:
    """Return the mean chance of a right prediction over endlessly many subjects, at a seed's deviate."""
    return float((1 / (1 + np.exp(-0.3 - rng.normal(0, math.hypot(1, 0.3), 100_000) - deviate))).mean())
