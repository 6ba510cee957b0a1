"""Usage of every command: help, exit codes of errors, --debug, what is written where, and what is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from alzbench import __version__
from alzbench.store import RunStore
from tests.helpers.command import Command, assert_sentence, in_a_process
from tests.helpers.imports import HEAVY
from tests.helpers.paths import EXPERIMENTS
from tests.helpers.stub_network import Stub


@pytest.mark.parametrize(
    ("arguments", "first", "error"),
    [
        pytest.param(["nothing"], "Usage: alzbench ", "Error: No such command 'nothing'", id="unknown-command"),
        pytest.param(["run"], "Usage: alzbench run ", "Error: Missing argument 'FILE'", id="missing-argument"),
        pytest.param(
            ["run", "x.yaml", "--nothing"],
            "Usage: alzbench run ",
            "Error: No such option: --nothing",
            id="unknown-option",
        ),
        pytest.param(["run", "x.yaml", "--set"], "Error: ", "Option '--set' requires", id="option-without-value"),
        pytest.param(
            ["list", "nothing"], "Usage: alzbench list ", "Error: Invalid value for 'WHAT'", id="unknown-kind"
        ),
        pytest.param(["show"], "Usage: alzbench show ", "Error: Missing argument 'RUN'", id="no-run"),
        pytest.param([], "Usage: alzbench ", "Exit codes: 0 done", id="nothing"),
    ],
)
def test_wrong_usage_ends_with_2_and_help(alzbench: Command, arguments: list[str], first: str, error: str) -> None:
    result = alzbench(*arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err.lstrip().startswith(first)
    assert error in result.err
    assert "This is a bug" not in result.err


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            ZeroDivisionError("odd"),
            "error: Unexpected ZeroDivisionError: odd\nThis is a bug; add --debug to see the traceback.\n",
        ),
        (PermissionError(13, "Permission denied", "f"), "error: Permission denied (f).\n"),
    ],
    ids=["bug", "operating-system"],
)
def test_unexpected_errors_end_with_1(
    alzbench: Command, monkeypatch: pytest.MonkeyPatch, error: Exception, text: str
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(RunStore, "find", fail)
    result = alzbench("show", "x")
    assert (result.code, result.out, result.err) == (1, "", text)


@pytest.mark.parametrize("arguments", [["--debug", "run", "no.yaml"], ["run", "no.yaml", "--debug"]], ids=str)
def test_debug_shows_where(arguments: list[str]) -> None:
    result = in_a_process(*arguments)
    assert "Traceback (most recent call last)" in result.err
    assert "ExperimentError: There is no experiment file no.yaml" in result.err


def test_without_debug_there_is_no_traceback() -> None:
    assert_sentence(in_a_process("run", "no.yaml"), 2, "There is no experiment file no.yaml")


def test_outside_a_terminal_there_are_no_escapes(
    alzbench: Command, tiny_file: Path, image_folder: Path, stub: type[Stub]
) -> None:
    results = [
        alzbench("run", "--no-sanity", tiny_file, "--data", image_folder),
        *(alzbench(*command) for command in (["compare"], ["list", "runs"], ["list", "variants"])),
    ]
    assert [result.code for result in results] == [0, 0, 0, 0]
    assert not any("\x1b" in result.out + result.err for result in results)
    assert len(stub.trained) == 1


def test_version_and_help(alzbench: Command) -> None:
    assert alzbench("--version").out == f"{__version__}\n"
    assert "Exit codes: 0 done" in alzbench("--help").out


def test_reading_and_planning_import_nothing_heavy(stored: Path, tiny_file: Path) -> None:
    commands = [
        ["compare"], ["compare", "--json"], ["compare", "--csv", "x.csv"], ["show", "a/seed-0-h0"], ["list", "runs"],
        ["list", "experiments", "--folder", str(EXPERIMENTS)],
        ["run", str(tiny_file), "--dry-run"],
    ]  # fmt: skip
    code = f"""
import sys
from alzbench.cli import main
for command in {commands!r}:
    sys.argv = ["alzbench", *command]
    try:
        main()
    except SystemExit as end:
        print(command[0], end.code, *[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60,
        env={**os.environ, "ALZBENCH_RUNS": str(stored)},
    )  # fmt: skip
    assert done.stderr.splitlines() == [f"{command[0]} None" for command in commands]
