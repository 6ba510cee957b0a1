"""Stacked predictions of subjects, for tests of pairs and effects."""

from __future__ import annotations

import numpy as np

from alzbench.evaluation.differences import Difference, differences
from alzbench.evaluation.metrics import ACCURACY
from alzbench.evaluation.stacked import StackedCounts

SLICES = 10


def stacked(right: np.ndarray, seeds: tuple[int, ...] | None = None, names: list[str] | None = None) -> StackedCounts:
    """Return predictions of subjects of class 0: `right` (S, C) of their ten slices are right, and half decides."""
    counts = np.zeros((*right.shape, 2, 2), np.uint8)
    counts[..., 0, 0], counts[..., 0, 1] = right, SLICES - right
    clusters = tuple(names or [f"s{k:03d}" for k in range(right.shape[1])])
    labels, predicted = np.zeros(right.shape, np.int8), (right <= SLICES / 2).astype(np.int8)
    return StackedCounts("subject", clusters, seeds or tuple(range(len(right))), counts, labels, predicted)


def difference(first: StackedCounts, second: StackedCounts) -> Difference | None:
    """Return the paired difference of accuracy."""
    return differences(first.images, second.images, ACCURACY)[0]


def draw_right(seed: int, share: float, seeds: int = 2, subjects: int = 30) -> np.ndarray:
    """Draw the number of right slices (S, C), each right with the same chance."""
    return np.random.default_rng(seed).binomial(SLICES, share, (seeds, subjects))
