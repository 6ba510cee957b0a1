"""Progress of long work, with the time left, on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress

Advance = Callable[..., None]


class Progress:
    """Where long work reports to; silent unless it is given a console.

    Args:
        console: Where bars and lines are drawn (standard error), or None for none at all.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console
        self._live: RichProgress | None = None

    def say(self, line: str) -> None:
        """Print one line above the bars."""
        if self._console is not None:
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    @contextmanager
    def track(self, what: str, total: int, done: int = 0) -> Iterator[Advance]:
        """Show a bar while the block runs; call the yielded function as ``advance(n, note="...")``."""
        if self._console is None or total <= 0:
            yield lambda n=1, note="": None
            return
        outermost = self._live is None
        if self._live is None:
            self._live = self._bars(self._console)
            self._live.start()
        live = self._live
        task = live.add_task(what, total=total, completed=done, note="")

        def advance(n: int = 1, note: str | None = None) -> None:
            live.update(task, advance=n, **({} if note is None else {"note": note}))

        try:
            yield advance
        finally:
            if outermost:
                live.stop()
                self._live = None
            else:
                live.remove_task(task)

    @staticmethod
    def _bars(console: Console) -> RichProgress:
        return RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
        )
