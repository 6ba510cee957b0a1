"""Similarity of maps: the rank correlation of two maps, and pairs of unrelated images for comparison.

Letters: `n` images, `h, w` height and width of maps.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import stats

Float = npt.NDArray[np.floating]


def rank_correlations(first: Float, second: Float) -> npt.NDArray[np.float64]:
    """Return Spearman's rank correlation (n,) of each map of `first` (n, h, w) with that of `second` (n, h, w).

    A map with one value everywhere has no order; its correlation is 0.
    """
    if first.shape != second.shape:
        raise ValueError(f"maps must have the same shape, got {first.shape} and {second.shape}")
    ranks = [stats.rankdata(maps.reshape(len(maps), -1), axis=1) for maps in (first, second)]
    a, b = (rank - rank.mean(axis=1, keepdims=True) for rank in ranks)
    norms = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    correlations: npt.NDArray[np.float64] = (a * b).sum(axis=1) / np.where(norms > 0, norms, 1)
    return correlations


def unrelated(subjects: Sequence[str]) -> npt.NDArray[np.intp]:
    """Return for each image the position of an image of another subject, always the same one.

    Each image is the partner of one image. Where subjects are unknown (''), another image counts as another subject.
    If one subject has more than half of the images, some of its images are paired with each other.
    """
    n = len(subjects)
    order = np.argsort(np.array(subjects, dtype=np.str_), kind="stable")
    partner = np.empty(n, np.intp)
    partner[order] = order[(np.arange(n) + n // 2) % n]
    return partner


def resized(maps: Float, height: int, width: int) -> npt.NDArray[np.float32]:
    """Return maps (n, h, w) resized to (n, height, width), bilinear."""
    one = [Image.fromarray(np.asarray(m, np.float32)).resize((width, height), Image.Resampling.BILINEAR) for m in maps]
    return np.stack([np.asarray(image, np.float32) for image in one])
