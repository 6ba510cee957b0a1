"""Means of one value per image, with 95 % intervals over subjects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from alzbench.evaluation.intervals import Interval, jackknife_interval


def mean_interval(
    values: npt.NDArray[np.floating], subjects: Sequence[str], bounds: tuple[float, float] = (0.0, 1.0)
) -> Interval | None:
    """Return the mean of one value per image, with its interval over subjects; None with too few subjects.

    Args:
        values: (n,) values; images whose value is NaN are left out.
        subjects: The subject of each image; an image of an unknown subject ('') counts as a subject of its own.
        bounds: Smallest and largest possible value.
    """
    names = np.array([subject or f"\0{k}" for k, subject in enumerate(subjects)], dtype=object)
    defined = np.isfinite(values)
    values, names = np.asarray(values, np.float64)[defined], names[defined]
    if not len(values):
        return None
    _, cluster = np.unique(names.astype(str), return_inverse=True)
    sums, counts = np.bincount(cluster, values), np.bincount(cluster)
    if len(sums) == 1:
        return None
    left_out = (sums.sum() - sums) / (counts.sum() - counts)
    row = np.concatenate([[values.mean()], left_out])[None]
    return jackknife_interval(row, np.ones(len(sums), bool), len(sums), bounds)
