"""Progress: bars on a terminal, lines in a log, nothing when silent."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from alzbench import progress as module
from alzbench.progress import Progress


def test_silent_progress_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    progress.say("x")
    with progress.track("work", 3) as advance:
        advance(2, note="y")
    assert capsys.readouterr() == ("", "")


def test_a_log_has_a_line_per_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 10.0, 40.0, 45.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    console = Console(file=io.StringIO(), width=100)
    with Progress(console).track("work", 1000) as advance:
        advance(100)
        advance(300, note="epoch 1")
        advance(1)
    assert isinstance(console.file, io.StringIO)
    # 400 in 40 s: 600 more take 60 s
    assert console.file.getvalue() == "work: 400 of 1,000, 0:01:00 left epoch 1\n"


def test_a_terminal_has_bars_with_the_note() -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    with Progress(console).track("work [x]", 4) as advance:
        advance(4, note="val 0.5")
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "work [x]" in shown
    assert "4/4" in shown
    assert "val 0.5" in shown


def test_the_time_left_ignores_steps_done_before(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 60.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    console = Console(file=io.StringIO(), width=100)
    with Progress(console).track("epochs", 50, done=40) as advance:
        advance(2)
    assert isinstance(console.file, io.StringIO)
    # 2 in 60 s, not 42: 8 more take 240 s
    assert console.file.getvalue() == "epochs: 42 of 50, 0:04:00 left\n"


def test_bars_within_bars_and_after_an_error() -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    progress = Progress(console)
    with progress.track("runs", 2) as outer, progress.track("epochs", 3) as inner:
        inner(3)
        outer(1)
    with pytest.raises(RuntimeError, match="stop"), progress.track("failing", 2):
        raise RuntimeError("stop")
    # this console would refuse a new bar if another one were still running
    with progress.track("again", 5) as advance:
        advance(5)
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "epochs" in shown
    assert "1/2" in shown
    assert "5/5" in shown


def test_a_total_of_0_shows_no_bar() -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    with Progress(console).track("work", 0) as advance:
        advance(0)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == ""


def test_lines_are_printed_unchanged() -> None:
    console = Console(file=io.StringIO(), width=20)
    line = "[bold]not markup[/bold] and longer than the console is wide: 12"
    Progress(console).say(line)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == f"{line}\n"


def test_a_log_shows_the_given_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 40.0, 80.0, 120.0])
    monkeypatch.setattr("alzbench.progress.time.monotonic", lambda: next(clock))
    known = iter([3723.4, 0.0, None])
    console = Console(file=io.StringIO(), width=100)
    with Progress(console).track("runs", 10, left=lambda: next(known)) as advance:
        advance(1)
        advance(1)
        advance(1)
    assert isinstance(console.file, io.StringIO)
    # without a given time, from the pace so far: 3 in 120 s, so 7 more take 280 s
    assert console.file.getvalue().splitlines() == [
        "runs: 1 of 10, 1:02:03 left",
        "runs: 2 of 10, 0:00:00 left",
        "runs: 3 of 10, 0:04:40 left",
    ]


def test_a_bar_shows_the_given_time_left() -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system=None)
    known: list[float | None] = [None]
    with Progress(console).track("runs", 10, left=lambda: known[0]) as advance:
        advance(1)
        known[0] = 3723.4
        advance(1)
    assert isinstance(console.file, io.StringIO)
    last = console.file.getvalue().rpartition("runs")[2]
    assert "2/10" in last
    assert "1:02:03" in last


def test_bars_leave_standard_output_alone(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    with Progress(console).track("runs", 2) as advance:
        print("a result")
        advance(1)
    assert capsys.readouterr() == ("a result\n", "")
    assert isinstance(console.file, io.StringIO)
    assert "a result" not in console.file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_number_is_cut_on_a_narrow_terminal(width: int) -> None:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    with Progress(console).track("feature maps (ONNX Runtime) of everything", 1_000_000) as advance:
        advance(84_123, note="validation accuracy 0.5123, best 0.6012 in epoch 31")
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "84123/1000000" in shown.replace(" ", "")
    assert "feature maps" in shown
    assert all(len(line) <= width for line in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "\n", shown).splitlines())


def test_the_time_left_runs_down_between_two_steps() -> None:
    left = module._Left(total=10, done=0, estimate=None, now=0.0)
    assert left.seconds(5.0) is None
    left.advance(1, now=60.0)
    assert [left.seconds(now) for now in (60.0, 100.0, 700.0)] == [540.0, 500.0, 0.0]
    left.advance(1, now=120.0)
    assert left.seconds(120.0) == 480.0


def test_an_estimate_runs_down_until_it_changes() -> None:
    estimates = [None, 100.0, 100.0, 100.0, 30.0, 30.0]
    left = module._Left(total=10, done=0, estimate=lambda: estimates.pop(0), now=0.0)
    left.advance(0, now=1.0)
    assert [left.seconds(now) for now in (2.0, 10.0, 25.0, 120.0, 200.0, 201.0)] == [None, 100.0, 85.0, 0.0, 30.0, 29.0]


def test_a_phase_without_steps_is_named_on_a_terminal_alone() -> None:
    for terminal in (True, False):
        console = Console(file=io.StringIO(), width=80, force_terminal=terminal)
        progress = Progress(console)
        with progress.track("runs", 2), progress.phase("preparing"):
            pass
        assert isinstance(console.file, io.StringIO)
        assert ("preparing" in console.file.getvalue()) == terminal
    with Progress().phase("preparing"):
        pass
