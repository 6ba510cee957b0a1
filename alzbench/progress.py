"""Progress of long work, with the time left, on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress
from rich.text import Text

Advance = Callable[..., None]

LOG_INTERVAL_S = 30.0  # between two lines of one piece of work, where bars cannot be drawn


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

    def warn(self, line: str) -> None:
        """Print one line that even a silent progress must not swallow."""
        if self._console is not None:
            self.say(line)
        else:
            print(line, file=sys.stderr)

    @contextmanager
    def track(
        self, what: str, total: int, done: int = 0, left: Callable[[], float | None] | None = None
    ) -> Iterator[Advance]:
        """Show a bar while the block runs; call the yielded function as ``advance(n, note="...")``.

        Args:
            what: What it is called.
            total: Its length.
            done: How much of it was done before.
            left: Returns the seconds that are left, where that is known better than by the pace so far.
        """
        if self._console is None or total <= 0:
            yield _ignore
            return
        if not self._console.is_terminal:
            yield _Log(self._console, what, total, done, left).advance
            return
        outermost = self._live is None
        if self._live is None:
            self._live = self._bars(self._console)
            self._live.start()
        live = self._live
        task = live.add_task(what, total=total, completed=done, note="", left=left)

        def advance(n: int = 1, note: str | None = None) -> None:
            live.update(task, advance=n)
            if note is not None:
                live.update(task, note=note)

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
            _TimeLeft(),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
            redirect_stdout=False,  # results on standard output must not end up on standard error
            redirect_stderr=False,
        )


class _TimeLeft(TimeRemainingColumn):
    """The time left, from whoever knows it better."""

    def render(self, task: Task) -> Text:
        left = task.fields["left"]
        seconds = left() if left else None
        if seconds is None:
            return super().render(task)
        return Text(str(timedelta(seconds=round(seconds))), style="progress.remaining")


class _Log:
    """Progress as plain lines now and then, for a log file."""

    def __init__(
        self, console: Console, what: str, total: int, done: int, left: Callable[[], float | None] | None
    ) -> None:
        self._console, self._what, self._total, self._left = console, what, total, left
        self._done, self._done_before = done, done
        self._start = self._last = time.monotonic()
        self._note = ""

    def advance(self, n: int = 1, note: str | None = None) -> None:
        self._done += n
        self._note = self._note if note is None else note
        now = time.monotonic()
        if now - self._last < LOG_INTERVAL_S or self._done == self._done_before:
            return
        self._last = now
        left = self._left() if self._left else None
        if left is None:
            left = (now - self._start) / (self._done - self._done_before) * (self._total - self._done)
        line = f"{self._what}: {self._done:,} of {self._total:,}, {timedelta(seconds=round(left))} left {self._note}"
        self._console.print(line.rstrip(), highlight=False, markup=False, soft_wrap=True)


def _ignore(_n: int = 1, note: str | None = None) -> None:
    del note
