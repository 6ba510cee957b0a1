"""What changes the model or the balance of classes, on the real originals under the subject protocol."""

from __future__ import annotations

from pathlib import Path

import pytest

from alzbench.experiment import load_experiment
from tests.helpers.paths import EXPERIMENTS
from tests.helpers.running import run

pytestmark = [pytest.mark.real, pytest.mark.slow]

NAMES = ("class_weighted", "smote", "focal", "combined", "subject_attention", "fine_tuned")


def test_each_runs_on_unseen_subjects(real_set: Path, tmp_path: Path) -> None:
    overrides = {
        "data": {"source": str(real_set)}, "protocol": {"name": "subject"},
        "augment": {"views": 1}, "train": {"epochs": 2},
    }  # fmt: skip
    experiments = [load_experiment(EXPERIMENTS / f"{name}.yaml", overrides=overrides) for name in NAMES]
    experiments[-1] = load_experiment(EXPERIMENTS / "fine_tuned.yaml", ["fine_tune.epochs=1"], overrides)
    outcomes = run(tmp_path / "runs", *experiments)
    assert [(o.job.experiment.name, o.state, o.error) for o in outcomes] == [(name, "complete", "") for name in NAMES]
    metrics = {o.job.experiment.name: o.run().metrics() for o in outcomes}
    for of_run in metrics.values():
        assert of_run.leaks == ""
        assert of_run.test_by_subject is not None
        assert of_run.test_by_subject.subjects == 41
    assert metrics["smote"].made == {  # up to the largest class, training images only
        "NonDemented": 0, "VeryMildDemented": 608, "MildDemented": 1472, "ModerateDemented": 2016,
    }  # fmt: skip
    assert (metrics["smote"].made_from_subjects or {})["ModerateDemented"] == 1
    weights = metrics["class_weighted"].class_weights or {}
    assert weights["ModerateDemented"] / weights["NonDemented"] == pytest.approx(64)  # 2,048 images and 32
    assert metrics["fine_tuned"].kept_epoch == 3  # the fine-tuned one, after two epochs of the head
    predictions = outcomes[4].run().table("predictions.csv")
    assert (predictions.groupby("subject")["predicted"].nunique() == 1).all()  # one class for each subject
