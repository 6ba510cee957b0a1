"""Interrupts that a library swallows still end the command."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from alzbench import cli, interrupts
from alzbench.progress import Progress


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Put the handlers of the test run back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background ignores it
    yield
    interrupts.install()  # forgets the signals
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_raises_at_once(number: signal.Signals) -> None:
    interrupts.install()
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), number)


def test_a_swallowed_interrupt_ends_the_next_step_once(silent: Progress) -> None:
    interrupts.install()
    with silent.track("work", 3) as advance:
        advance(1)
        with contextlib.suppress(KeyboardInterrupt):  # as a library does
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            advance(1)
        advance(1)  # what follows, such as cleaning up, is not interrupted again


def test_an_ignored_ctrl_c_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    interrupts.install()
    os.kill(os.getpid(), signal.SIGINT)
    interrupts.check()


def test_a_new_command_forgets_earlier_signals() -> None:
    interrupts.install()
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGTERM)
    interrupts.install()
    interrupts.check()


def test_an_interrupt_that_a_library_turns_into_an_error_ends_the_command_with_4(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def app(**_: object) -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            raise RuntimeError("a library failed") from None

    monkeypatch.setattr(cli, "app", app)
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 4
    assert "Interrupted" in capsys.readouterr().err


def test_an_error_without_a_signal_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def app(**_: object) -> int:
        return 1

    monkeypatch.setattr(cli, "app", app)
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 1


@pytest.mark.parametrize(
    "after", ["", "raise ImportError('half imported')"], ids=["raised", "turned-into-another-error"]
)
@pytest.mark.parametrize("module", ["typer", "rich", "pydantic"])
def test_ctrl_c_during_the_first_imports_ends_with_a_sentence(tmp_path: Path, module: str, after: str) -> None:
    """A module of the same name, found first, stands for one that takes long to import."""
    lines = ["import os, signal", "try:", "    os.kill(os.getpid(), signal.SIGINT)", "except KeyboardInterrupt:"]
    (tmp_path / f"{module}.py").write_text("\n".join([*lines, f"    {after or 'raise'}"]))
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-m", "alzbench", "list", "experiments"],
        capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (4, f"error: {interrupts.SENTENCE}\n")
