"""Progress of long tasks, with the time left, on standard error."""

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

from alzbench import interrupts

Advance = Callable[..., None]

LOG_INTERVAL_S = 30.0  # between two lines of one task, if bars cannot be drawn


class Progress:
    """Progress bars on a terminal, lines in a log file, or nothing.

    Args:
        console: Console for bars and lines (standard error); None: nothing is shown but warnings.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console
        self._live: RichProgress | None = None

    def say(self, line: str) -> None:
        """Print one line above the bars."""
        if self._console is not None:
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def warn(self, line: str) -> None:
        """Print one line, on standard error if there is no console."""
        if self._console is not None:
            self.say(line)
        else:
            print(line, file=sys.stderr)

    @contextmanager
    def track(
        self, title: str, total: int, done: int = 0, left: Callable[[], float | None] | None = None
    ) -> Iterator[Advance]:
        """Show a bar while the block runs; call the yielded function as ``advance(n, note="...")``.

        Args:
            title: Title of the bar.
            total: Number of steps.
            done: Number of steps done before.
            left: Returns the time left in seconds, or None to estimate it from the pace so far.

        Raises:
            KeyboardInterrupt: Raised by the yielded function, if the user has stopped the command.
        """
        with self._shown(title, total, done, left) as show:

            def advance(n: int = 1, note: str | None = None) -> None:
                show(n, note)
                interrupts.check()

            yield advance

    @contextmanager
    def _shown(self, title: str, total: int, done: int, left: Callable[[], float | None] | None) -> Iterator[Advance]:
        if self._console is None or total <= 0:
            yield _ignore
            return
        if not self._console.is_terminal:
            yield _Log(self._console, title, total, done, left).advance
            return
        outermost = self._live is None
        if self._live is None:
            self._live = self._bars(self._console)
            self._live.start()
        live = self._live
        task = live.add_task(title, total=total, completed=done, note="", left=left)

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

    def _bars(self, console: Console) -> RichProgress:
        return RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            _TimeLeft(),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
            redirect_stdout=False,  # else results on standard output would go to standard error
            redirect_stderr=False,
        )


class _TimeLeft(TimeRemainingColumn):
    """Column of the time left, from the task's own estimate if it has one."""

    def render(self, task: Task) -> Text:
        left = task.fields["left"]
        seconds = left() if left else None
        if seconds is None:
            return super().render(task)
        return Text(str(timedelta(seconds=round(seconds))), style="progress.remaining")


class _Log:
    """Progress as a plain line every `LOG_INTERVAL_S` seconds, for a log file."""

    def __init__(
        self, console: Console, title: str, total: int, done: int, left: Callable[[], float | None] | None
    ) -> None:
        self._console, self._title, self._total, self._left = console, title, total, left
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
        line = f"{self._title}: {self._done:,} of {self._total:,}, {timedelta(seconds=round(left))} left {self._note}"
        self._console.print(line.rstrip(), highlight=False, markup=False, soft_wrap=True)


def _ignore(_n: int = 1, note: str | None = None) -> None:
    del note
