"""Predictions of seeds and folds, stacked and aligned."""

from __future__ import annotations

import numpy as np
import pytest

from alzbench.evaluation.intervals import Jackknife, intervals
from alzbench.evaluation.metrics import METRICS
from alzbench.evaluation.stacked import NOT_TESTED, align, stack
from alzbench.evaluation.subject_counts import SubjectCounts
from tests.helpers.stacked import SLICES, stacked


def test_alignment_puts_clusters_of_other_seeds_in_their_places() -> None:
    first = stacked(np.array([[10, 0], [10, 10]]), (0, 1), ["b", "c"])
    second = stacked(np.array([[5, 10]]), (0,), ["c", "b"])
    pair = align(first, second)
    assert pair is not None
    assert pair[0].clusters == pair[1].clusters == ("b", "c")
    assert pair[0].counts[0, :, 0, 0].tolist() == [10, 0]
    assert pair[1].counts[0, :, 0, 0].tolist() == [10, 5]


def test_folds_of_a_seed_are_stacked_side_by_side() -> None:
    def fold(name: str, right: int) -> SubjectCounts:
        counts = np.array([[[right, SLICES - right], [0, 0]]])
        return SubjectCounts("subject", (name,), counts, np.array([0]), np.array([0 if right > 5 else 1]))

    found = stack({0: [fold("b", 9), fold("a", 2)], 1: [fold("a", 8)]})
    assert found is not None
    assert (found.clusters, found.seeds, found.by) == (("a", "b"), (0, 1), "subject")
    assert found.counts[:, :, 0, 0].tolist() == [[2, 9], [8, 0]]
    assert found.labels.tolist() == [[0, 0], [0, NOT_TESTED]]
    assert found.predicted.tolist() == [[1, 0], [0, NOT_TESTED]]
    assert found.right.tolist() == [[False, True], [True, False]]
    assert stack({}) is None


@pytest.mark.parametrize("slices", [1, 255, 256, 70_000])
def test_counts_are_stored_in_few_bytes_and_never_wrap(slices: int) -> None:
    """Figures of them are those of the same numbers as floating-point ones."""

    def fold(name: str, right: int) -> SubjectCounts:
        counts = np.array([[[right, slices - right], [0, 0]]])
        return SubjectCounts("subject", (name,), counts, np.array([0]), np.array([0]))

    # the same subject in two folds, too
    found = stack({0: [fold(f"s{k % 9}", slices - k % 2) for k in range(10)], 1: [fold(f"s{k}", 0) for k in range(9)]})
    assert found is not None
    assert found.counts[:, 0].sum() == 3 * slices
    for name in ("accuracy", "f1", "specificity", "quadratic_kappa"):
        metric = METRICS[name]
        assert intervals(found.images, metric) == intervals(Jackknife(found.counts.astype(float)), metric)
    assert found.placed((1, 0), found.clusters).counts[1].sum() == 10 * slices
