"""Parts of a brain slice by its grey values: the head, and the fluid inside it (ventricles and sulci).

Letters: `h, w` height and width of a slice.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Mask = npt.NDArray[np.bool_]

DARK = 8  # largest grey value of the background
STARTS = (0.3, 0.9, 1.25)  # of the three classes fluid, grey and white matter, as shares of the median grey value
_STEPS = 100


def head_mask(pixels: npt.NDArray[np.number]) -> Mask:
    """Return the mask (h, w) of the head: all but the dark region that touches a corner, holes filled, without specks.

    Args:
        pixels: (h, w) grey values in [0, 255], or (h, w, C) colours, whose mean is used.
    """
    grey = as_grey(pixels)
    regions, _ = ndimage.label(grey <= DARK)
    corners = {int(regions[row, column]) for row in (0, -1) for column in (0, -1)} - {0}
    filled: Mask = ndimage.binary_fill_holes(~np.isin(regions, list(corners)))
    parts, number = ndimage.label(filled)
    return filled if number < 2 else parts == 1 + np.bincount(parts.ravel())[1:].argmax()


def fluid_mask(pixels: npt.NDArray[np.number], head: Mask | None = None) -> Mask:
    """Return the mask (h, w) of pixels inside the head that are as dark as cerebrospinal fluid.

    The grey values of the head are divided into three classes by one-dimensional k-means; the darkest one is fluid.

    Args:
        pixels: See `head_mask`.
        head: (h, w) the head's mask; None: computed.
    """
    grey = as_grey(pixels)
    inside = head_mask(grey) if head is None else head
    return inside & (grey < fluid_limit(grey[inside]))


def fluid_limit(values: npt.NDArray[np.floating]) -> float:
    """Return the grey value below which the values (n,) of a head belong to the darkest of three classes."""
    if not len(values) or values.min() == values.max():
        return 0.0
    levels, counts = np.unique(values, return_counts=True)
    centres = np.median(values) * np.array(STARTS)
    for _ in range(_STEPS):
        nearest = np.abs(levels[:, None] - centres).argmin(axis=1)
        weights = np.bincount(nearest, counts, minlength=3)
        sums = np.bincount(nearest, counts * levels, minlength=3)
        moved = np.where(weights > 0, sums / np.maximum(weights, 1), centres)
        if np.array_equal(moved, centres):
            break
        centres = moved
    first, second = np.sort(centres)[:2]
    return float(first + second) / 2


def as_grey(pixels: npt.NDArray[np.number]) -> npt.NDArray[np.float64]:
    """Return grey values (h, w) of a slice (h, w) or (h, w, C)."""
    values = pixels.astype(np.float64)
    grey: npt.NDArray[np.float64] = values.mean(axis=-1) if values.ndim == 3 else values
    return grey
