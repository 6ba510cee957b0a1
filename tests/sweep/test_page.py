"""The tables and figures of a sweep's page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest
from sklearn.metrics import f1_score

from alzbench.store import Run, read_run
from alzbench.sweep.page import study_figures, validation_table
from tests.helpers.predictions import draw_predictions
from tests.helpers.runs import write_run


def study(*directions: str) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    made = optuna.create_study(directions=directions, sampler=optuna.samplers.RandomSampler(seed=0))
    made.optimize(lambda trial: [trial.suggest_float("x", 0, 1)] * len(directions), n_trials=4)
    return made


def test_a_plot_that_fails_leaves_out_that_plot_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise TypeError("of a kind that nobody foresaw")

    made = study("maximize")
    before = [caption for _, caption in study_figures(made, ["macro_f1"])]
    monkeypatch.setattr("optuna.visualization.matplotlib.plot_slice", broken)
    assert [c for _, c in study_figures(made, ["macro_f1"])] == [c for c in before if c != "macro_f1 by field."]
    assert "macro_f1 by field." in before


def test_two_objectives_are_named() -> None:
    captions = [caption for _, caption in study_figures(study("maximize", "minimize"), ["macro_f1", "loss"])]
    assert {"macro_f1 of each trial.", "loss of each trial.", "loss by field."} <= {*captions}
    assert not any("objective 1" in caption or "best so far" in caption for caption in captions)


def validated_run(root: Path, experiment: str, seed: int, right: float, subjects: int) -> Run:
    """Return a stored run with predictions of its validation part."""
    path = write_run(root, experiment=experiment, settings_hash=experiment, seed=seed)
    draw_predictions(path, seed, right, subjects=subjects)
    (path / "predictions.csv").rename(path / "predictions_val.csv")
    return read_run(path)


@pytest.mark.parametrize(("subjects", "known"), [(8, False), (30, True)], ids=["too-few-of-a-class", "enough"])
def test_the_validation_part_has_scores_even_without_intervals(tmp_path: Path, subjects: int, known: bool) -> None:
    rights = {"base": 0.6, "best": 0.8}
    runs = [validated_run(tmp_path, name, seed, right, subjects) for name, right in rights.items() for seed in (0, 1)]
    table = validation_table(runs, "base", "best")
    assert [column.label for column in table.columns] == ["metric", "base", "best", "change"]
    cells = {row[0].value: row[1:] for row in table.rows}
    assert set(cells) == {f"{metric}, by {by}" for metric in ("accuracy %", "macro F1") for by in ("slice", "subject")}
    tables = {name: [run.predictions("predictions_val.csv") for run in runs if run.card.experiment == name]
              for name in rights}  # fmt: skip
    base, best = (
        sum(f1_score(t["label"], t["predicted"], average="macro") for t in of_seeds) / 2 for of_seeds in tables.values()
    )
    assert [cell.value for cell in cells["macro F1, by slice"]] == [
        pytest.approx(base), pytest.approx(best), pytest.approx(best - base),
    ]  # fmt: skip
    assert all((cell.low is not None) is known for cell in cells["macro F1, by slice"])
    text = dict(zip(cells, table.texts, strict=True))["macro F1, by slice"][3]
    assert text.startswith(f"{best - base:+.3f}")
