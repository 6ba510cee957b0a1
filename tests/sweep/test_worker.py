"""Errors in a trial: those that end the command, those that end only the trial, and trials that are continued."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from optuna.trial import FrozenTrial, TrialState

from alzbench.evaluation.evaluate import Evaluation, evaluate
from alzbench.store import RunStore
from alzbench.sweep.ownership import is_alive
from tests.helpers.command import Command
from tests.helpers.fake_network import FakeNetwork
from tests.helpers.sweeps import Write, opened, trials

LR = {"train.lr": {"low": 1e-4, "high": 1e-3}}
Break = Callable[[int, BaseException | None], None]


@pytest.fixture
def breaks(monkeypatch: pytest.MonkeyPatch) -> Break:
    """Let the training with this number, from 1, end with an error; None: let none."""
    train = FakeNetwork.fit

    def at(number: int, error: BaseException | None) -> None:
        trained = 0

        def fit(self: FakeNetwork, *arguments: Any) -> Any:
            nonlocal trained
            trained += 1
            if error is not None and trained == number:
                raise error
            return train(self, *arguments)

        monkeypatch.setattr(FakeNetwork, "fit", fit)

    return at


@pytest.fixture
def file(write: Write) -> Path:
    return write(trials=3, epochs=1, space=LR, final={"seeds": []})


def states(trials: list[FrozenTrial]) -> list[str]:
    return [trial.state.name for trial in trials]


@pytest.mark.usefixtures("without_page")
@pytest.mark.parametrize("kind", [errno.ENOSPC, errno.EACCES, errno.EIO])
def test_an_error_of_the_machine_ends_the_command_and_the_trial_is_continued(
    alzbench: Command, file: Path, breaks: Break, kind: int
) -> None:
    breaks(2, OSError(kind, "no", "/some/file"))
    result = alzbench("sweep", file)
    assert result.code == 1
    assert result.err.splitlines()[-1].startswith("error: ")
    assert "/some/file" in result.err
    assert states(trials()) == ["COMPLETE", "RUNNING"]
    breaks(0, None)
    assert alzbench("sweep", file).code == 0
    assert states(trials()) == ["COMPLETE"] * 3
    assert [trial.user_attrs["attempts"] for trial in trials()] == [1, 1, 1]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("shapes do not fit"), "ValueError: shapes do not fit"),
        (OSError(errno.EISDIR, "Is a directory", "x"), "Is a directory (x)."),
    ],
)
def test_an_error_of_one_trial_ends_it_alone(
    alzbench: Command, file: Path, breaks: Break, error: Exception, message: str
) -> None:
    breaks(2, error)
    result = alzbench("sweep", file)
    assert result.code == 0, result.err
    assert states(trials()) == ["COMPLETE", "FAIL", "COMPLETE"]
    assert trials()[1].user_attrs["error"] == message
    assert f"trial 1: failed: {message}" in result.err
    assert message in Path("reports/s-sweep.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("without_page")
def test_an_undefined_objective_ends_its_trial_alone(
    alzbench: Command, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def evaluate_as_next(table: pd.DataFrame, healthy: int | None = 0) -> Evaluation:
        images = evaluate(table, healthy=healthy).images.model_copy(update={"scores": {"macro_f1": next(values)}})
        return Evaluation(images=images, subjects=None)

    values = iter([0.5, None, 0.25])
    monkeypatch.setattr("alzbench.runner.recipe.evaluate", evaluate_as_next)
    result = alzbench("sweep", file)
    assert result.code == 0, result.err
    assert [trial.values for trial in trials()] == [[0.5], None, [0.25]]
    assert states(trials()) == ["COMPLETE", "FAIL", "COMPLETE"]
    assert trials()[1].user_attrs["error"] == "macro_f1 of the validation part must be a finite number; it is nan."


def test_a_trial_that_is_stopped_is_released(alzbench: Command, file: Path, breaks: Break) -> None:
    """Another machine does not have its lock file, and would see only its heartbeat."""
    breaks(2, KeyboardInterrupt())
    assert alzbench("sweep", file).code == 4
    stopped = trials()[1]
    assert stopped.state == TrialState.RUNNING
    assert time.time() - stopped.user_attrs["beat"] < 60
    assert not is_alive(Path("nowhere"), stopped.user_attrs, elsewhere=True)


@pytest.mark.usefixtures("without_page")
def test_complete_trials_are_evaluated_although_one_is_unfinished(alzbench: Command, file: Path, breaks: Break) -> None:
    breaks(2, KeyboardInterrupt())
    alzbench("sweep", file)
    result = alzbench("sweep", file, "--minutes", 1e-9)
    assert result.code == 0, result.err
    assert "trial 1 is unfinished; repeat the command to continue." in result.err
    assert "another process" not in result.err
    assert "best: trial 0" in result.err
    assert states(trials()) == ["COMPLETE", "RUNNING"]


@pytest.mark.usefixtures("without_page")
def test_runs_of_one_storage_see_each_others_locks(alzbench: Command, write: Write) -> None:
    """They may keep their runs in different folders."""
    from alzbench.sweep.ownership import Worker
    from alzbench.sweep.storage import Storage

    file = write(trials=2, epochs=1, space=LR, final={"seeds": []})
    url = "sqlite:///shared.db"
    assert alzbench("sweep", file, "--storage", url, "--trials", 1, "--runs", "one").code == 0
    with opened(url) as optuna_study, Worker(Storage(Path("one/s-sweep"), url, create=False).workers) as worker:
        worker.own(optuna_study.ask(), 1)
        result = alzbench("sweep", file, "--storage", url, "--runs", "two")
    assert "trial 1 is still running in another process; the process that finishes last runs the test." in result.err
    assert not [run for run in RunStore(Path("two")).runs() if run.card.trial is not None]
