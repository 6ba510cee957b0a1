"""Text as a terminal shows it, and text that would be harmful on an unescaped page."""

from __future__ import annotations

import io
import re

from rich.console import Console, RenderableType

EVIL = "<script>alert(1)</script>"


def text_of(renderable: RenderableType, width: int = 80) -> str:
    """Return what a terminal of `width` columns without colours would show."""
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(renderable, crop=False)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def cells(line: str) -> list[str]:
    """Return the cells of a line of a table in the terminal."""
    return re.split(r" {2,}", line.strip())
