"""Maps drawn over slices, with NumPy and Pillow only.

Notation: `H, W` height and width of the slice, `h, w` those of the map.
"""

from __future__ import annotations

import functools

import matplotlib
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

COLOUR_MAP = "inferno"  # perceptually uniform; its brightness grows with the value
_STRONGEST = 0.7  # opacity of the largest value
_TISSUE = 128  # grey value under the colours of the scale

Picture = npt.NDArray[np.uint8]
Relative = npt.NDArray[np.floating]


def upsampled(relative: Relative, height: int, width: int) -> npt.NDArray[np.float32]:
    """Return a map (h, w) in [0, 1] as (height, width), bilinear.

    The map covers the whole slice, whatever its aspect ratio, because the model sees the slice resized to a square.
    """
    image = Image.fromarray(np.asarray(relative, np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR), np.float32).clip(0, 1)


def colour(relative: Relative) -> npt.NDArray[np.float32]:
    """Return the colours (..., 4) of values in [0, 1]: red, green, blue and opacity, each in [0, 1]."""
    colours = _colours()[np.asarray(relative * 255 + 0.5).clip(0, 255).astype(np.intp)]
    opacity = (_STRONGEST * np.asarray(relative, np.float32)).clip(0, 1)
    return np.concatenate([colours, opacity[..., None]], axis=-1)


def blended(picture: Picture, relative: Relative) -> Picture:
    """Return a slice, (H, W) or (H, W, 3), with a map (h, w) in [0, 1] over it: (H, W, 3), without a scale."""
    height, width = picture.shape[:2]
    colours = colour(upsampled(relative, height, width))
    below = np.repeat(picture[..., None], 3, axis=-1) if picture.ndim == 2 else picture
    return _over(below, colours)


def overlay(picture: Picture, relative: Relative) -> Picture:
    """Return a slice with a map over it, in the slice's own size, and the colour scale to its right: (H, W + s, 3)."""
    return np.concatenate([blended(picture, relative), colour_scale(picture.shape[0])], axis=1)


@functools.lru_cache(maxsize=8)
def colour_scale(height: int) -> Picture:
    """Return the colour scale (height, s, 3), from 0 at the bottom to the map's largest value, 1, at the top.

    Its colours are those of the map over middle grey.
    """
    size = max(8, height // 16)  # of the text, and of the bar's width
    font = ImageFont.load_default(size)
    bar, gap, margin = size, max(2, size // 3), size // 2 + 1
    scale = np.full((height, gap + bar + gap + size, 3), 255, np.uint8)
    values = np.linspace(1, 0, height - 2 * margin, dtype=np.float32)
    colours = np.repeat(colour(values)[:, None], bar, axis=1)
    scale[margin : height - margin, gap : gap + bar] = _over(
        np.full(colours[..., :3].shape, _TISSUE, np.uint8), colours
    )
    image = Image.fromarray(scale)
    draw = ImageDraw.Draw(image)
    for text, place in (("1", margin), ("0", height - margin - 1)):
        draw.text((2 * gap + bar, place), text, fill=(0, 0, 0), font=font, anchor="lm")
    return np.asarray(image, np.uint8)


def _over(below: Picture, colours: npt.NDArray[np.float32]) -> Picture:
    """Return colours (..., 4) over a picture (..., 3)."""
    opacity = colours[..., 3:]
    mixed = (1 - opacity) * below + opacity * 255 * colours[..., :3]
    return mixed.round().clip(0, 255).astype(np.uint8)


@functools.lru_cache(maxsize=1)
def _colours() -> npt.NDArray[np.float32]:
    """Return the 256 colours (256, 3) of the colour map, in [0, 1]."""
    return np.asarray(matplotlib.colormaps[COLOUR_MAP](np.arange(256))[:, :3], np.float32)
