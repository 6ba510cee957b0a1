"""Faithfulness of maps: does the prediction change where the map says that it should?

Deletion replaces the most important pixels first, by a blurred version of the image; insertion starts from the blurred
image and brings the most important pixels back first (Petsiuk et al., 2018, https://arxiv.org/abs/1806.07421). A good
map makes the target's probability fall fast in deletion and rise fast in insertion.

Letters: `n` images, `S` pixels along each side, `C` channels.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from alzbench.explain.inputs import Inputs, Maps
from alzbench.explain.similarity import resized

SHARES = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75)  # of the pixels that are replaced, between none and all
SEED = 20180607
BLUR = 0.08  # standard deviation of the blur, as a share of the side
RANDOM_SIDE = 8
CENTRE_SPREAD = 0.2  # standard deviation of the centre map, as a share of the side

Float = npt.NDArray[np.float64]


class Perturbation:
    """Insertion and deletion on fixed images; the ends of the curves are computed once for all maps."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._size = inputs.pixels.shape[1]
        spread = BLUR * self._size
        self._blurred = ndimage.gaussian_filter(inputs.pixels.astype(np.float32), (0, spread, spread, 0))
        self._original = inputs.target_probabilities(inputs.pixels)
        self._end = inputs.target_probabilities(self._blurred)

    def curves(self, maps: Maps) -> tuple[Float, Float]:
        """Return the target's probability (n, 2 + shares) in deletion and in insertion, from no pixel to all."""
        order = self._order(maps)
        deletion, insertion = [self._original], [self._end]
        for share in SHARES:
            first = order < round(share * self._size**2)
            mask = first.reshape(len(first), self._size, self._size, 1)
            deletion.append(self._inputs.target_probabilities(np.where(mask, self._blurred, self._inputs.pixels)))
            insertion.append(self._inputs.target_probabilities(np.where(mask, self._inputs.pixels, self._blurred)))
        deletion.append(self._end)
        insertion.append(self._original)
        return np.stack(deletion, 1), np.stack(insertion, 1)

    def score(self, maps: Maps) -> Float:
        """Return the area (n,) under the insertion curve minus that under the deletion curve, in [-1, 1]."""
        deletion, insertion = self.curves(maps)
        return area(insertion) - area(deletion)

    def _order(self, maps: Maps) -> npt.NDArray[np.intp]:
        """Return the rank (n, S * S) of each pixel, 0 for the most important one; ties are broken at random."""
        flat = resized(maps, self._size, self._size).reshape(len(maps), -1)
        ties = np.random.default_rng(SEED).random(flat.shape[1])
        order = np.lexsort((np.broadcast_to(ties, flat.shape), -flat), axis=1)
        ranks = np.empty_like(order)
        np.put_along_axis(ranks, order, np.arange(flat.shape[1])[None], axis=1)
        return ranks


def area(curves: Float) -> Float:
    """Return the area (n,) under curves (n, 2 + shares) over the share of the pixels."""
    return np.asarray(np.trapezoid(curves, (0, *SHARES, 1), axis=1))


def random_maps(n: int) -> Maps:
    """Return maps (n, side, side) of random values, a baseline for any map."""
    return np.random.default_rng(SEED).random((n, RANDOM_SIDE, RANDOM_SIDE)).astype(np.float32)


def centre_maps(n: int, size: int) -> Maps:
    """Return maps (n, size, size) that fall off from the centre of the image, a baseline that knows no image."""
    offset = (np.arange(size) - (size - 1) / 2) / (CENTRE_SPREAD * size)
    one = np.exp(-(offset[:, None] ** 2 + offset**2) / 2)
    return np.broadcast_to(one.astype(np.float32), (n, size, size))
