"""Maps drawn over slices, with NumPy and Pillow only.

Notation: `H, W` height and width of the slice, `h, w` those of the map.
"""

from __future__ import annotations

import functools

import matplotlib
import numpy as np
import numpy.typing as npt
from PIL import Image

COLOUR_MAP = "inferno"  # perceptually uniform; its brightness grows with the value
_STRONGEST = 0.7  # opacity of the largest value

Picture = npt.NDArray[np.uint8]
Relative = npt.NDArray[np.floating]


def upsampled(relative: Relative, height: int, width: int) -> npt.NDArray[np.float32]:
    """Return a map (h, w) in [0, 1] as (height, width), bilinear."""
    image = Image.fromarray(np.asarray(relative, np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR), np.float32).clip(0, 1)


def blended(picture: Picture, relative: Relative) -> Picture:
    """Return a slice, (H, W) or (H, W, 3), with a map (h, w) in [0, 1] over it: (H, W, 3)."""
    values = upsampled(relative, *picture.shape[:2])
    opacity = _STRONGEST * values[..., None]
    below = picture[..., None] if picture.ndim == 2 else picture
    mixed = (1 - opacity) * below + opacity * 255 * _colours()[(values * 255 + 0.5).astype(np.intp)]
    return mixed.round().clip(0, 255).astype(np.uint8)


@functools.lru_cache(maxsize=1)
def _colours() -> npt.NDArray[np.float32]:
    """Return the 256 colours (256, 3) of the colour map, in [0, 1]."""
    return np.asarray(matplotlib.colormaps[COLOUR_MAP](np.arange(256))[:, :3], np.float32)
