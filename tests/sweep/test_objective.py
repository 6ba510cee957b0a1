"""Objectives of sweeps: all metrics that have one value for all images, in their own direction."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from optuna.study import StudyDirection

from alzbench.errors import ExperimentError
from alzbench.evaluation.evaluate import evaluate
from alzbench.evaluation.metrics import METRICS
from alzbench.evaluation.predictions import make_table
from alzbench.experiment.loaded_sweep import load_sweep
from alzbench.store import RunStore
from alzbench.sweep import check_sweep
from alzbench.sweep.objective import check_objectives, directions, objective_values, possible_objectives
from tests.helpers.command import Command, assert_sentence
from tests.helpers.images import CLASSES
from tests.helpers.sweeps import Write, opened, trials

LR = {"train.lr": {"low": 1e-4, "high": 1e-3}}
OBJECTIVES = {
    "accuracy", "balanced_accuracy", "macro_f1", "quadratic_kappa", "loss", "calibration_error", "mean_roc_auc",
}  # fmt: skip


def predictions(subjects: list[str], labels: list[int]) -> pd.DataFrame:
    rows = pd.DataFrame({"image": subjects, "subject": subjects, "slice": 1, "label": labels})
    probabilities = np.random.default_rng(0).dirichlet(np.ones(len(CLASSES)), len(labels))
    return make_table(rows, probabilities, CLASSES)


def test_objectives_are_the_metrics_of_images_over_all_classes() -> None:
    assert possible_objectives().keys() >= OBJECTIVES
    assert not possible_objectives().keys() & {"f1", "roc_auc", "subject_accuracy", "subject_demented_auc"}
    assert all(METRICS[name] is metric for name, metric in possible_objectives().items())


@pytest.mark.parametrize("name", possible_objectives())
@pytest.mark.parametrize("by", ["slice", "subject"])
def test_every_objective_has_a_value_by_slice_and_by_subject(write: Write, name: str, by: str) -> None:
    loaded = load_sweep(write(objective=name, by=by))
    check_sweep(loaded)
    evaluation = evaluate(predictions([f"{k}" for k in range(12)], [0, 1, 2, 3] * 3))
    assert evaluation.subjects is not None
    (value,) = objective_values(loaded, evaluation.images, evaluation.subjects.mean)
    scores = evaluation.images if by == "slice" else evaluation.subjects.mean
    assert value == scores.scores[name]
    assert math.isfinite(value)


def test_an_undefined_objective_is_nan(write: Write) -> None:
    loaded = load_sweep(write(objective=["quadratic_kappa", "mean_roc_auc"], by="slice"))
    scores = evaluate(predictions(["1"], [0])).images
    unscored = scores.model_copy(update={"scores": {"quadratic_kappa": None}})
    assert all(math.isnan(value) for value in objective_values(loaded, unscored, None))


def test_unknown_subjects_cannot_be_scored(write: Write) -> None:
    loaded = load_sweep(write(by="subject"))
    with pytest.raises(ExperimentError, match=r"s\.yaml: by: subject needs the subject of every validation image"):
        objective_values(loaded, evaluate(predictions(["", "1"], [0, 1])).images, None)


def test_directions_are_those_of_the_metrics(write: Write) -> None:
    assert directions(load_sweep(write(objective=["quadratic_kappa", "calibration_error"]))) == ["maximize", "minimize"]
    assert directions(load_sweep(write(objective=["loss", "mean_roc_auc"]))) == ["minimize", "maximize"]


@pytest.mark.parametrize(
    ("objective", "hint"),
    [
        ("macro_f", " Did you mean 'macro_f1'?"),
        ("f1", ""),  # of one class
        ("subject_quadratic_kappa", " Did you mean 'quadratic_kappa'?"),
        (["loss", "balanced-accuracy"], " Did you mean 'balanced_accuracy'?"),
    ],
)
def test_other_objectives_are_refused(write: Write, objective: str | list[str], hint: str) -> None:
    path = write(objective=objective)
    wrong = objective if isinstance(objective, str) else objective[1]
    with pytest.raises(ExperimentError) as caught:
        check_objectives(load_sweep(path))
    listed = ", ".join(possible_objectives())
    assert str(caught.value) == f"{path}: objective: must be one of {listed}, got {wrong!r}.{hint}"


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_an_unknown_objective_is_refused_before_anything_is_written(
    alzbench: Command, write: Write, options: list[str]
) -> None:
    result = alzbench("sweep", write(objective="kappa"), "--quiet", *options)
    assert_sentence(result, 2, "objective: must be one of accuracy,", "got 'kappa'. Did you mean 'quadratic_kappa'?")
    assert sorted(path.name for path in Path().iterdir()) == ["base.yaml", "s.yaml"]


@pytest.mark.usefixtures("without_page")
def test_a_sweep_optimises_kappa_and_calibration(alzbench: Command, write: Write) -> None:
    objective = ["quadratic_kappa", "calibration_error"]
    result = alzbench("sweep", write(objective=objective, trials=3, epochs=2, space=LR, final={"seeds": []}))
    assert result.code == 0, result.err
    with opened() as optuna_study:
        assert optuna_study.directions == [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE]
    stored = {run.card.trial: run.metrics().validation for run in RunStore(Path("runs")).runs()}
    for trial in trials():
        validation = stored[trial.number]
        assert validation is not None
        assert trial.values == [validation.scores[name] for name in objective]
