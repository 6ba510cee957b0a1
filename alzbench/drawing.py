"""The figure class of all figures, and writing figures to files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.text import Text

from alzbench import atomic

DPI = 150


class PlainFigure(Figure):
    """A figure whose texts show `$` as it is; matplotlib would read it as mathematics, and fail on many names."""

    def draw(self, renderer: Any) -> None:
        # set here, because matplotlib creates the texts of an axis only while it draws
        with matplotlib.rc_context({"text.parse_math": False}):
            for text in self.findobj(Text):
                text.set_parse_math(False)
            super().draw(renderer)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, atomically."""
    with atomic.replacing(path) as temporary:
        figure.savefig(temporary, dpi=DPI, format="png")
