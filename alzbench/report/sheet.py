"""A figure of pictures and texts, placed in inches from the upper left corner."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from PIL import Image

from alzbench.drawing import PlainFigure
from alzbench.explain.overlay import blended

SCALE_HEIGHT = 0.55  # of the colour scale with its texts
_TISSUE = 128  # grey value under the colours of the scale

Pixels = npt.NDArray[np.uint8]


class Sheet:
    """A figure of a size in inches.

    Args:
        width, height: The size.
        px_per_inch: Resolution of the pictures, which are reduced to it, so that a page with many of them stays small.
    """

    def __init__(self, width: float, height: float, px_per_inch: int = 144) -> None:
        self.figure = PlainFigure(figsize=(width, height))
        self._size, self._px_per_inch = (width, height), px_per_inch
        self._axes = self.figure.add_axes((0, 0, 1, 1))
        self._axes.set(xlim=(0, width), ylim=(height, 0))
        self._axes.axis("off")

    def picture(self, picture: Pixels, x: float, y: float, width: float, height: float) -> None:
        """Place a picture in a box, in its own aspect ratio, in the middle."""
        rows, columns = picture.shape[:2]
        scale = min(width / columns, height / rows)
        w, h = scale * columns, scale * rows
        left, top = x + (width - w) / 2, y + (height - h) / 2
        # `none` keeps the pixels as they are in an SVG file
        self._axes.imshow(
            reduced(picture, round(h * self._px_per_inch)), cmap="gray", vmin=0, vmax=255, interpolation="none",
            extent=(left, left + w, top + h, top), aspect="auto", clip_on=False,
        )  # fmt: skip
        self._axes.set(xlim=(0, self._size[0]), ylim=(self._size[1], 0))

    def tiles(self, values: npt.NDArray[np.floating], x: float, y: float, side: float, most: float) -> None:
        """Place values (rows, columns) from 0 to `most` in the colours of the maps over black; NaN stays empty."""
        rows, columns = values.shape
        scale = side / max(rows, columns)
        relative = np.nan_to_num(values / most if most > 0 else values)
        shown = np.where(np.isnan(values)[..., None], 255, blended(np.zeros(values.shape, np.uint8), relative)).astype(
            np.uint8
        )
        extent = (x, x + scale * columns, y + scale * rows, y)
        self._axes.imshow(shown, interpolation="none", extent=extent, aspect="auto", clip_on=False)
        self._axes.set(xlim=(0, self._size[0]), ylim=(self._size[1], 0))

    def text(self, text: str, x: float, y: float, size: float = 8, **options: Any) -> None:
        """Place a text below a point."""
        self._axes.text(x, y, text, **{"fontsize": size, "va": "top", "ha": "left", **options})

    def mark(self, x: float, y: float) -> None:
        """Place a small ring around a point."""
        self._axes.plot(
            [x], [y], "o", markersize=3, markerfacecolor="none", markeredgecolor="white", markeredgewidth=0.8
        )

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        """Place axes in a box."""
        whole_width, whole_height = self._size
        box = (x / whole_width, 1 - (y + height) / whole_height, width / whole_width, height / whole_height)
        return self.figure.add_axes(box)

    def colour_scale(self, x: float, y: float, label: str, width: float = 2.2, below: int = _TISSUE) -> None:
        """Place the colour scale of the maps, from 0 to 1, as it looks over a grey value."""
        strip = blended(np.full((1, 128), below, np.uint8), np.linspace(0, 1, 128, dtype=np.float32)[None])
        self._axes.imshow(strip, extent=(x, x + width, y + 0.12, y), aspect="auto", interpolation="none")
        self._axes.set(xlim=(0, self._size[0]), ylim=(self._size[1], 0))
        for value in (0.0, 0.5, 1.0):
            self.text(f"{value:g}", x + value * width, y + 0.15, 7, ha="center")
        self.text(label, x + width + 0.15, y + 0.06, 7, va="center")


def reduced(picture: Pixels, height: int) -> Pixels:
    """Return a picture reduced to a height in pixels, at least 1; one that is lower stays as it is."""
    rows, columns = picture.shape[:2]
    height = max(1, height)
    if rows <= height:
        return picture
    size = (max(1, round(columns * height / rows)), height)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS), np.uint8)
