"""Progress of long tasks in a notebook: one output of the cell, which is updated in place."""

from __future__ import annotations

import html
import io
import sys
import time
from typing import Any

from rich.console import Console
from rich.progress import Progress as Bars
from rich.progress import TaskID

from alzbench.progress import Progress

WIDTH = 100  # of the output, in characters
MOST_LINES = 20  # of what is said; the last ones are shown
INTERVAL_S = 0.5  # between two updates of the output


def in_notebook() -> bool:
    """Return True in a notebook of Jupyter, Colab, Kaggle or an editor, and False in a terminal."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return getattr(shell, "kernel", None) is not None


class NotebookProgress(Progress):
    """Progress bars and lines as one output."""

    def __init__(self) -> None:
        # bars are drawn only on a terminal; nothing is ever written to this one
        super().__init__(_console(terminal=True))
        self._lines: list[str] = []
        self._output: Any = None
        self._next = 0.0

    def say(self, line: str) -> None:
        """Add one line above the bars."""
        self._lines.append(line)
        self.show()

    def show(self, bars: Bars | None = None) -> None:
        """Replace the output by the lines and the bars."""
        from IPython.display import display

        left_out = len(self._lines) - MOST_LINES
        lines = [f"{left_out:,} more lines", *self._lines[-MOST_LINES:]] if left_out > 0 else list(self._lines)
        text = "\n".join([*lines, *([_drawn(bars)] if bars else [])])
        content = {"text/plain": text, "text/html": f'<pre style="white-space: pre-wrap">{html.escape(text)}</pre>'}
        if self._output is None:
            self._output = display(content, raw=True, display_id=True)
        else:
            self._output.update(content, raw=True)

    def show_soon(self, bars: Bars) -> None:
        """Replace the output, unless it was replaced a moment ago."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + INTERVAL_S
            self.show(bars)

    def _bars(self, console: Console) -> Bars:
        return _OutputBars(self, super()._bars(console), console)


class _OutputBars(Bars):
    """Bars with given columns that are shown in a notebook's output whenever a task advances."""

    def __init__(self, progress: NotebookProgress, like: Bars, console: Console) -> None:
        super().__init__(*like.columns, console=console, auto_refresh=False)
        self._progress = progress

    def start(self) -> None:
        """Show nothing yet."""

    def stop(self) -> None:
        """Leave only the lines."""
        self._progress.show()

    def update(self, task_id: TaskID, **fields: Any) -> None:
        """Update a task, and soon the output."""
        super().update(task_id, **fields)
        self._progress.show_soon(self)


def _console(terminal: bool = False) -> Console:
    return Console(
        file=io.StringIO(),
        width=WIDTH,
        force_terminal=terminal,
        force_jupyter=False,
        color_system=None,
        legacy_windows=False,
    )


def _drawn(bars: Bars) -> str:
    console = _console()
    console.print(bars.get_renderable())
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())  # type: ignore[attr-defined]
