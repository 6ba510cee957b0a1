"""Progress of long tasks, with the time left, on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TaskID, TimeElapsedColumn
from rich.progress import Progress as RichProgress
from rich.table import Column
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
    def phase(self, title: str) -> Iterator[None]:
        """Show on a terminal what the block does, if it has no steps to count."""
        if self._console is None or not self._console.is_terminal:
            yield
            return
        with self._bar(self._console, title, None, 0, _Left(0, 0, None, time.monotonic())):
            yield

    @contextmanager
    def _shown(self, title: str, total: int, done: int, left: Callable[[], float | None] | None) -> Iterator[Advance]:
        if self._console is None or total <= 0:
            yield _ignore
            return
        clock = _Left(total, done, left, time.monotonic())
        if not self._console.is_terminal:
            yield _Log(self._console, title, clock).advance
            return
        with self._bar(self._console, title, total, done, clock) as (live, task):

            def advance(n: int = 1, note: str | None = None) -> None:
                clock.advance(n, time.monotonic())
                live.update(task, advance=n)
                if note is not None:
                    live.update(task, note=note)

            yield advance

    @contextmanager
    def _bar(
        self, console: Console, title: str, total: int | None, done: int, left: _Left
    ) -> Iterator[tuple[RichProgress, TaskID]]:
        outermost = self._live is None
        if self._live is None:
            self._live = self._bars(console)
            self._live.start()
        live = self._live
        task = live.add_task(title, total=total, completed=done, note="", left=left)
        try:
            yield live, task
        finally:
            if outermost:
                live.stop()
                self._live = None
            else:
                live.remove_task(task)

    def _bars(self, console: Console) -> RichProgress:
        """Return the display of bars. On a narrow terminal title and note are cut, and never a number."""
        return RichProgress(
            _Words("description"),
            BarColumn(bar_width=max(4, min(20, console.width - 70)), table_column=Column(no_wrap=True)),
            _Steps(table_column=Column(no_wrap=True)),
            TimeElapsedColumn(table_column=Column(no_wrap=True)),
            _TimeLeft(table_column=Column(no_wrap=True)),
            _Words("note"),
            console=console,
            redirect_stdout=False,  # else results on standard output would go to standard error
            redirect_stderr=False,
        )


class _Words(ProgressColumn):
    """Column of one line of text, which is cut where there is too little space."""

    def __init__(self, name: str) -> None:
        super().__init__(Column(min_width=12 if name == "description" else 0))
        self._name = name

    def render(self, task: Task) -> Text:
        text = task.description if self._name == "description" else task.fields[self._name]
        return Text(text, no_wrap=True, overflow="ellipsis")


class _Steps(MofNCompleteColumn):
    """Column of the steps done and in all; empty for a phase, which has none."""

    def render(self, task: Task) -> Text:
        return Text() if task.total is None else super().render(task)


class _TimeLeft(ProgressColumn):
    """Column of the time left; empty for a phase."""

    def render(self, task: Task) -> Text:
        if task.total is None:
            return Text()
        seconds = task.fields["left"].seconds(time.monotonic())
        return Text("-:--:--" if seconds is None else _clock(seconds), style="progress.remaining")


class _Left:
    """The time left in a task: from the pace so far, or by the task's own estimate; it runs down between two steps.

    Args:
        total, done: Number of steps, and of those done before.
        estimate: Returns the task's own estimate in seconds; None: there is none.
        now: The time, in seconds.
    """

    def __init__(self, total: int, done: int, estimate: Callable[[], float | None] | None, now: float) -> None:
        self.total, self.done = total, done
        self._before, self._estimate = done, estimate
        self.start = self._last_step = self._estimated_at = now
        self._estimated: float | None = None

    @property
    def began(self) -> bool:
        """True if a step is done."""
        return self.done > self._before

    def advance(self, n: int, now: float) -> None:
        """Count `n` steps as done."""
        self.done += n
        self._last_step = now if n else self._last_step

    def seconds(self, now: float) -> float | None:
        """Return the seconds left; None if nothing is known."""
        estimated = self._estimate() if self._estimate else None
        if estimated != self._estimated:
            self._estimated, self._estimated_at = estimated, now
        if estimated is not None:
            return max(0.0, estimated - (now - self._estimated_at))
        if not self.began:
            return None
        pace = (self._last_step - self.start) / (self.done - self._before)
        return max(0.0, pace * (self.total - self.done) - (now - self._last_step))


class _Log:
    """Progress as a plain line every `LOG_INTERVAL_S` seconds, for a log file."""

    def __init__(self, console: Console, title: str, left: _Left) -> None:
        self._console, self._title, self._left = console, title, left
        self._last = left.start
        self._note = ""

    def advance(self, n: int = 1, note: str | None = None) -> None:
        now = time.monotonic()
        self._left.advance(n, now)
        self._note = self._note if note is None else note
        if now - self._last < LOG_INTERVAL_S or not self._left.began:
            return
        self._last = now
        seconds = self._left.seconds(now) or 0.0
        line = f"{self._title}: {self._left.done:,} of {self._left.total:,}, {_clock(seconds)} left {self._note}"
        self._console.print(line.rstrip(), highlight=False, markup=False, soft_wrap=True)


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def _ignore(_n: int = 1, note: str | None = None) -> None:
    del note
