"""Completion in the shell: what it proposes, and that shells take it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from alzbench.shipped import shipped_names
from tests.helpers.command import Command, in_a_process
from tests.helpers.imports import HEAVY
from tests.helpers.paths import EXPERIMENTS, ROOT

Complete = Callable[..., list[str]]


@pytest.fixture
def complete(alzbench: Command, monkeypatch: pytest.MonkeyPatch) -> Complete:
    """Return what is proposed for the last word of a command."""

    def run(*words: str) -> list[str]:
        with monkeypatch.context() as patch:
            patch.setenv("_ALZBENCH_COMPLETE", "complete_bash")
            patch.setenv("COMP_WORDS", " ".join(["alzbench", *words]))
            patch.setenv("COMP_CWORD", str(len(words)))
            result = alzbench()
        assert (result.code, result.err) == (0, "")
        return result.out.split()

    return run


@pytest.fixture
def experiments() -> None:
    """Experiment files in the working folder and below it."""
    for file in ("a.yaml", "experiments/base.yaml", "experiments/studies/heads.yaml", "experiments/sweeps/lr.yaml"):
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).touch()


def test_verbs_and_choices(complete: Complete) -> None:
    assert complete("s") == ["sweep", "show", "schema", "sync"]
    assert complete("list", "") == ["variants", "backbones", "experiments", "runs"]
    assert complete("list", "e") == ["experiments"]
    assert complete("run", "--dr") == ["--dry-run"]
    assert complete("run", "--data", "p") == ["phantom"]
    assert complete("audit", "--protocol", "s") == ["slice", "subject", "subject_cv"]
    assert complete("explain", "--methods", "a") == ["all", "attention"]
    assert complete("explain", "--methods", "grad_cam,sc") == ["grad_cam,score_cam"]
    assert complete("explain", "--methods", "occlusion,o") == []
    assert complete("export", "--format", "") == ["keras", "litert", "onnx", "savedmodel"]
    assert complete("compare", "--wo") == []  # the old name of an option


@pytest.mark.usefixtures("experiments")
def test_files_of_the_kind_that_a_verb_takes(complete: Complete) -> None:
    files = ["a.yaml", "experiments/base.yaml", "experiments/studies/heads.yaml"]
    assert complete("run", "") == [*files, *shipped_names("experiment", "study")]
    assert complete("run", "experiments/b") == ["experiments/base.yaml"]
    assert complete("sweep", "") == ["a.yaml", "experiments/sweeps/lr.yaml", *shipped_names("sweep")]
    assert complete("audit", "") == ["a.yaml", "experiments/base.yaml", *shipped_names("experiment")]
    assert complete("run", "elsewhere/") == []  # left to the shell, which completes names of files by itself


def test_names_of_the_files_that_come_with_the_package(complete: Complete) -> None:
    assert complete("run", "mu") == ["multi_head_attention"]
    assert complete("run", "he") == ["heads"]
    assert complete("run", "positions") == ["positions"]
    assert complete("sweep", "positions") == ["positions_l2"]
    assert complete("audit", "combin") == ["combined"]


@pytest.mark.usefixtures("experiments")
def test_stored_runs_and_their_experiments(complete: Complete, stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = ["a/seed-0-h0", "a/seed-1-h1", "b/seed-0-h0"]
    assert complete("show", "") == []
    assert complete("show", "--runs", str(stored), "") == runs
    monkeypatch.setenv("ALZBENCH_RUNS", str(stored))
    assert (
        complete("show", "")
        == complete("report", "")
        == complete("export", "")
        == complete("import", "--like", "")
        == runs
    )
    assert complete("show", "b") == ["b/seed-0-h0"]
    assert complete("compare", "--baseline", "") == ["a", "b"]
    assert complete("compare", "") == ["a", "b", "a.yaml", "experiments/base.yaml", "experiments/studies/heads.yaml"]
    assert complete("compare", "a/") == ["a/seed-0-h0", "a/seed-1-h1"]
    assert complete("explain", "") == ["a", "b"]
    assert complete("explain", "a/") == ["a/seed-0-h0", "a/seed-1-h1"]
    assert complete("sync", "b") == complete("dashboard", "b") == ["b"]


def test_completion_can_be_installed(tmp_path: Path) -> None:
    choose = {"HOME": str(tmp_path), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    result = in_a_process("--install-completion", "bash", **choose)
    assert (result.code, result.err) == (0, "")
    script = tmp_path / ".bash_completions" / "alzbench.sh"
    assert str(script) in result.out
    assert str(script) in (tmp_path / ".bashrc").read_text()
    assert script.read_text().strip() == in_a_process("--show-completion", "bash", **choose).out.strip()


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_bash_completes_a_word(tmp_path: Path) -> None:
    script = in_a_process("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1").out
    command = tmp_path / "alzbench"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m alzbench "$@"\n')
    command.chmod(0o755)
    code = (
        f'{script}\nCOMP_WORDS=(alzbench list e) COMP_CWORD=2\n_alzbench_completion {command}\necho "${{COMPREPLY[@]}}"'
    )
    done = subprocess.run(["bash", "--norc", "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert (done.stdout, done.stderr) == ("experiments\n", "")


def test_descriptions_of_verbs_are_whole_where_a_shell_shows_them(
    alzbench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_ALZBENCH_COMPLETE", "complete_zsh")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "alzbench ")
    out = alzbench().out
    assert '"run":"Run experiments' in out
    assert "..." not in out


def test_completion_imports_nothing_heavy() -> None:
    heavy = (*HEAVY, "pandas", "numpy", "sklearn", "yaml")
    code = f"""
import sys
from alzbench.cli import main
sys.argv = ["alzbench"]
try:
    main()
except SystemExit:
    print(*[name for name in {heavy!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, cwd=ROOT,
        env={**os.environ, "_ALZBENCH_COMPLETE": "complete_bash", "COMP_WORDS": "alzbench run ", "COMP_CWORD": "2"},
    )  # fmt: skip
    assert f"{EXPERIMENTS.name}/baseline.yaml" in done.stdout.split()
    assert done.stderr.strip() == ""
