"""The figure class of all figures, figures of panels, and writing figures to files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from alzbench import atomic

DPI = 150


class PlainFigure(Figure):
    """A figure whose texts show `$` as it is; matplotlib would read it as mathematics, and fail on many names.

    A notebook shows it, with or without pyplot.
    """

    def _repr_png_(self) -> bytes:
        content = io.BytesIO()
        self.savefig(content, dpi=DPI, format="png")
        return content.getvalue()

    def draw(self, renderer: Any) -> None:
        # set here, because matplotlib creates the texts of an axis only while it draws
        with matplotlib.rc_context({"text.parse_math": False}):
            for text in self.findobj(Text):
                text.set_parse_math(False)
            super().draw(renderer)


def panel_figure(n: int, across: int, width: float, height: float, below: float = 0) -> tuple[Figure, list[Axes]]:
    """Return a figure with `n` panels of a size in inches, `across` side by side, and room for a legend below."""
    across = min(n, across)
    down = -(-n // across)
    figure = PlainFigure(figsize=(width * across, height * down + below), layout="constrained")
    axes = list(figure.subplots(down, across, squeeze=False).flat)
    for spare in axes[n:]:
        spare.remove()
    return figure, axes[:n]


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, atomically."""
    with atomic.replacing(path) as temporary:
        figure.savefig(temporary, dpi=DPI, format="png")


def as_image(figure: Figure) -> Image.Image:
    """Return a figure as an image."""
    content = io.BytesIO()
    figure.savefig(content, dpi=DPI, format="png")
    return Image.open(content)
