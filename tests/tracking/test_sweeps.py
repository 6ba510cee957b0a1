"""The sweeps of a dashboard: their objectives, and the panels that show them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alzbench.experiment import Experiment
from alzbench.store import Run, read_run
from alzbench.tracking.sweep_summary import SweepSummary, write_summary
from tests.helpers.command import Command
from tests.helpers.runs import write_run

pytestmark = pytest.mark.filterwarnings("ignore:Pydantic V1 style:DeprecationWarning")  # in wandb-workspaces


def write_trials(root: Path, by_subject: bool = True) -> list[Run]:
    """Write two complete trials of a sweep `s`; with `by_subject`, the subjects of their images are known."""
    runs = []
    for trial, lr in enumerate((1e-3, 1e-2)):
        path = write_run(root, experiment="s", trial=trial, seed=trial)
        stored = json.loads((path / "metrics.json").read_text())
        stored["validation_by_subject"] = stored["validation"] if by_subject else None
        (path / "metrics.json").write_text(json.dumps(stored))
        (path / "experiment.yaml").write_text(f"train: {{lr: {lr}}}")
        runs.append(read_run(path))
    return runs


def summary(root: Path, **values: Any) -> SweepSummary:
    return write_summary(root / "s", Experiment(name="base"), values, [])


def objectives(runs: list[Run], *summaries: SweepSummary) -> tuple[str, ...]:
    from alzbench.tracking.publish import searched_sweeps

    (sweep,) = searched_sweeps(runs, summaries)
    assert (sweep.name, sweep.fields) == ("s", ("train.lr",))
    return sweep.objectives


def test_a_finished_sweep_has_the_objectives_of_its_summary(tmp_path: Path) -> None:
    runs = write_trials(tmp_path)
    one = summary(tmp_path, best_values={"accuracy": 0.5})
    assert objectives(runs, one) == ("validation_by_subject/accuracy",)
    two = summary(tmp_path, best_values={"loss": 0.5, "accuracy": 0.5}, by="slice")
    assert objectives(runs, two) == ("validation/loss", "validation/accuracy")


@pytest.mark.parametrize("values", [{}, {"best_values": {}}, {"best_values": 0.5}])
def test_a_sweep_without_objectives_in_its_summary_has_the_default(tmp_path: Path, values: dict[str, Any]) -> None:
    assert objectives(write_trials(tmp_path), summary(tmp_path, **values)) == ("validation_by_subject/macro_f1",)


def test_a_sweep_that_is_not_finished_has_the_default_objective(tmp_path: Path) -> None:
    assert objectives(write_trials(tmp_path)) == ("validation_by_subject/macro_f1",)
    assert objectives(write_trials(tmp_path / "unknown", by_subject=False)) == ("validation/macro_f1",)


def test_each_objective_has_an_axis_and_the_importance_of_the_fields() -> None:
    import wandb_workspaces.reports.v2 as wr

    from alzbench.tracking import panels

    trials, first, second, _ = panels.sweep(("validation/loss", "validation/accuracy"), ["train.lr"])
    assert [column.metric for column in trials.columns] == [
        wr.Config("train.lr"), wr.SummaryMetric("validation/loss"), wr.SummaryMetric("validation/accuracy"),
    ]  # fmt: skip
    assert (first.with_respect_to, second.with_respect_to) == ("validation/loss", "validation/accuracy")


@pytest.mark.slow
def test_a_dashboard_shows_a_sweep_on_its_own_objective(alzbench: Command) -> None:
    write_run(Path("runs"), n=6400, experiment="first")
    write_trials(Path("runs"))
    assert "validation_by_subject/macro_f1" in alzbench("dashboard", "first", "--dry-run").out
    summary(Path("runs"), best_values={"quadratic_kappa": 0.5})
    printed = alzbench("dashboard", "first", "--dry-run").out
    assert "validation_by_subject/quadratic_kappa" in printed
    assert "validation_by_subject/macro_f1" not in printed
