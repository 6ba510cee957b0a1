"""Calibration: how well confidence agrees with the share of correct predictions.

Letters: `N` images, `G` groups of them, `BINS` bins of equal width.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

BINS = 10
EDGES = np.linspace(0, 1, BINS + 1)
Sums = npt.NDArray[np.float64]


def bin_sums(
    confidence: npt.NDArray[np.float64], right: npt.NDArray[np.bool_], group: npt.NDArray[np.intp], groups: int
) -> Sums:
    """Return, for each bin of confidence, the number of images, the sum of their confidence, and the number correct.

    Args:
        confidence: (N,) probability of the predicted class; a bin includes its upper edge.
        right: (N,) True if the prediction is correct.
        group: (N,) the group of each image, in [0, groups).
        groups: G.

    Returns:
        (G, 3, BINS)
    """
    place = group * BINS + np.clip(np.digitize(confidence, EDGES[1:-1], right=True), 0, BINS - 1)
    sums = [np.bincount(place, values, groups * BINS) for values in (np.ones(len(place)), confidence, right)]
    return np.stack([part.reshape(groups, BINS) for part in sums], axis=1)


def calibration_error(sums: Sums) -> npt.NDArray[np.float64]:
    """Return the expected calibration error (...), in [0, 1], of sums (..., 3, BINS); NaN without images.

    The mean distance between confidence and accuracy, with bins weighted by their images: Guo et al.
    2017, https://arxiv.org/abs/1706.04599, equation 5.
    """
    images, confidence, right = np.moveaxis(sums, -2, 0)
    whole = images.sum(-1)
    error: npt.NDArray[np.float64] = np.divide(
        np.abs(confidence - right).sum(-1), whole, out=np.full(whole.shape, np.nan), where=whole > 0
    )
    return error
