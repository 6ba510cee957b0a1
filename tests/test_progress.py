"""Progress: bars on a terminal, lines in a log, nothing when silent."""

from __future__ import annotations

import io

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


def test_a_log_has_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
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
