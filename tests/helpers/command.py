"""The command line, run in this process or in one of its own, and what it ended with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from alzbench import cli

TINY = """
data: {size: 32, scaling: imagenet}
augment: {views: 2, rotation: 10, shift: 0.1, zoom: 0.1, horizontal_flip: true}
model: {variant: baseline, backbone: {weights: none, alpha: 0.35}, options: {units: 8}}
train: {epochs: 2, batch_size: 8}
"""


@dataclass(frozen=True)
class Result:
    """What a command ended with."""

    code: int
    out: str
    err: str


Command = Callable[..., Result]


def plain_terminal(monkeypatch: pytest.MonkeyPatch, folder: Path, columns: int) -> None:
    """Give commands a terminal without colours, and work in a new folder."""
    monkeypatch.setenv("COLUMNS", str(columns))
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    folder.mkdir()
    monkeypatch.chdir(folder)


def in_this_process(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object) -> Result:
    """Run a command in this process."""
    monkeypatch.setattr(sys, "argv", ["alzbench", *map(str, arguments)])
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        cli.main()
    for number, handler in handlers.items():
        signal.signal(number, handler)
    captured = capsys.readouterr()
    return Result(int(caught.value.code or 0), captured.out, captured.err)


def in_a_process(*arguments: object, **environment: str) -> Result:
    """Run a command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "alzbench", *map(str, arguments)],
        capture_output=True, text=True, timeout=300, check=False, env={**os.environ, **environment},
    )  # fmt: skip
    return Result(done.returncode, done.stdout, done.stderr)


def assert_sentence(result: Result, code: int, *parts: str) -> None:
    """Check that a command ended with `code` and an error alone, which holds all `parts`."""
    assert result.code == code, result
    assert result.err.startswith("error: ")
    assert result.err.count("error: ") == 1
    assert result.err.endswith("\n")
    assert "Traceback" not in result.err
    assert result.out == ""
    for part in parts:
        assert part in result.err
