"""What every figure is drawn on, and how it is written to a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.text import Text

from alzbench import atomic

DPI = 150


class PlainFigure(Figure):
    """A figure in which a name with `$` is a name and no mathematics, which could not even be drawn."""

    def draw(self, renderer: Any) -> None:
        # here, and not where texts are made: those of an axis are made while it is drawn
        with matplotlib.rc_context({"text.parse_math": False}):
            for text in self.findobj(Text):
                text.set_parse_math(False)
            super().draw(renderer)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, at once."""
    with atomic.replacing(path) as temporary:
        figure.savefig(temporary, dpi=DPI, format="png")
