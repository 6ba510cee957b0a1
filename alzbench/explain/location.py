"""Location of maps: where their mass lies, and where they are highest.

Letters: `n` images, `S` pixels along each side.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from alzbench.data.anatomy import fluid_mask, head_mask
from alzbench.data.phantom import changed_region
from alzbench.explain.inputs import Maps, Pixels
from alzbench.explain.similarity import resized

Masks = npt.NDArray[np.bool_]
Float = npt.NDArray[np.float64]


def head_masks(pixels: Pixels) -> Masks:
    """Return the masks (n, S, S) of the heads of images (n, S, S, C)."""
    return np.stack([head_mask(image) for image in pixels])


def fluid_masks(pixels: Pixels, heads: Masks) -> Masks:
    """Return the masks (n, S, S) of the fluid of images (n, S, S, C), given their heads."""
    return np.stack([fluid_mask(image, head) for image, head in zip(pixels, heads, strict=True)])


def changed_regions(names: list[str], size: int) -> Masks | None:
    """Return the regions (n, size, size) that the stage changes; None if an image is not an original phantom."""
    regions = [changed_region(name) for name in names]
    if not regions or any(region is None for region in regions):
        return None
    images = [
        Image.fromarray(region).resize((size, size), Image.Resampling.NEAREST)
        for region in regions
        if region is not None
    ]
    return np.stack([np.asarray(image, bool) for image in images])


def share_of_mass(maps: Maps, region: Masks, within: Masks | None = None) -> Float:
    """Return the share (n,) of each map's mass in its region, NaN for a map without mass (relevance mass accuracy).

    Args:
        maps: (n, h, w) maps.
        region: (n, S, S) regions.
        within: (n, S, S) the part of the image that counts; None: all.

    Reference: Arras et al., 2022, https://doi.org/10.1016/j.inffus.2021.11.008.
    """
    large = resized(maps, *region.shape[1:]).astype(np.float64)
    counted = large if within is None else large * within
    total = counted.sum(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(total > 0, (counted * region).sum(axis=(1, 2)) / total, np.nan))


def share_of_area(region: Masks, within: Masks | None = None) -> Float:
    """Return the share (n,) of the area in the region, NaN without an area: the mass of a uniform map."""
    counted = np.ones(region.shape, bool) if within is None else within
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((counted & region).sum(axis=(1, 2)) / counted.sum(axis=(1, 2)))


def hits(maps: Maps, region: Masks) -> Float:
    """Return 1 for each image whose map is highest inside its region, else 0 (n,), as in the pointing game.

    Reference: Zhang et al., 2018, https://arxiv.org/abs/1608.00507.
    """
    large = resized(maps, *region.shape[1:]).reshape(len(maps), -1)
    highest = large.argmax(axis=1)
    return np.asarray(region.reshape(len(maps), -1)[np.arange(len(maps)), highest], np.float64)
