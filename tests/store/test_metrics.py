"""metrics.json: read and written through one model, and refused where it lacks the scores of a run."""

from __future__ import annotations

import json
from typing import Any

import pytest

from alzbench.data.leakage import Leakage
from alzbench.errors import DataError
from alzbench.evaluation.evaluate import evaluate
from alzbench.store import RunMetrics, RunStore, read_run
from tests.helpers.predictions import draw_predictions
from tests.helpers.runs import CARD, make_metrics, write_run

NOTES: dict[str, Any] = {
    "kept_epoch": 3, "epochs": 5, "stopped": "all epochs", "keep": "best_val_loss", "imbalance": "smote",
    "made": {"A": 0, "B": 4}, "made_from_subjects": {"A": 0, "B": 2}, "head": {"kept_epoch": 1, "epochs": 2},
    "protocol": "subject", "leaks": "", "images": {"train": 60, "test": 96}, "skipped_images": 1,
    "leakage": {"test_images": 96, "same_subject": 2, "same_slice": 1, "unknown": 0, "shared_subjects": ["s1", "s2"]},
    "duration_s": {"training": 1.5},
}  # fmt: skip


def test_everything_comes_back_as_it_was_written(store: RunStore) -> None:
    draw_predictions(write_run(store.root / "drawn", n=96), 0, 0.7)
    (drawn,) = RunStore(store.root / "drawn").runs()
    evaluation = evaluate(drawn.predictions())
    scores = {"test": evaluation.images, "test_by_subject": evaluation.subjects, "validation": evaluation.images}
    notes = {**NOTES, "leakage": Leakage(96, 2, 1, 0, ("s1", "s2")), "head": NOTES["head"]}
    with store.begin(CARD) as writer:
        writer.write_metrics(RunMetrics(**scores, **notes))
    assert read_run(writer.path).metrics() == RunMetrics(**scores, **notes)
    content = json.loads((writer.path / "metrics.json").read_text())
    assert {key: content[key] for key in NOTES} == NOTES
    assert content["test"]["accuracy"] == evaluation.images.scores["accuracy"]
    assert "validation_by_subject" not in content  # it was not set


def test_the_older_name_of_labels_only_is_read() -> None:
    metrics = make_metrics(0.5, (0.5, 0.5), ("A", "B"), 10)
    assert RunMetrics.model_validate({**metrics, "answers_only": "why"}).labels_only == "why"
    assert RunMetrics.model_validate(metrics).labels_only == ""


@pytest.mark.parametrize("missing", ["test", "test_by_subject"])
def test_a_run_without_its_scores_is_refused(store: RunStore, missing: str) -> None:
    path = write_run(store.root)
    content = json.loads((path / "metrics.json").read_text())
    del content[missing]
    (path / "metrics.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"metrics\.json is incomplete \(it (holds no|lacks) test"):
        read_run(path).metrics()


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        ({"accuracy": -1.0}, "test: accuracy must be from 0 to 1, got -1"),
        ({"macro_f1": 7}, "test: macro_f1 must be from 0 to 1, got 7"),
        ({"accuracy": float("nan")}, "test.scores.accuracy: must be a finite number or null"),
        ({"n": -1}, "test.n: Input should be greater than or equal to 0"),
        ({"confusion_matrix": [[-1, 0], [0, 1]]}, "test.confusion_matrix.0.0: Input should be greater than or equal"),
    ],
    ids=str,
)
def test_scores_that_cannot_be_are_refused(store: RunStore, harm: dict[str, Any], message: str) -> None:
    path = write_run(store.root)
    content = json.loads((path / "metrics.json").read_text())
    content["test"] |= harm
    (path / "metrics.json").write_text(json.dumps(content))
    with pytest.raises(DataError) as caught:
        read_run(path).metrics()
    assert f"metrics.json is damaged ({message}" in str(caught.value)


def test_a_file_that_lacks_a_score_of_two_classes_is_incomplete(store: RunStore) -> None:
    path = write_run(store.root)
    content = json.loads((path / "metrics.json").read_text())
    content["test_by_subject"] = {"subjects": 2, "mean": content["test"], "vote": content["test"], "demented": {"n": 2}}
    (path / "metrics.json").write_text(json.dumps(content))
    message = r"metrics\.json is incomplete \(test_by_subject\.demented: accuracy is missing\)"
    with pytest.raises(DataError, match=message):
        read_run(path).metrics()


def test_a_trial_has_validation_scores_alone(store: RunStore) -> None:
    path = write_run(store.root, trial=4)
    content = json.loads((path / "metrics.json").read_text())
    (path / "metrics.json").write_text(json.dumps({"validation": content["validation"]}))
    assert read_run(path).metrics().validation is not None
    with pytest.raises(ValueError, match="no test scores"):
        _ = read_run(path).metrics().evaluation
    (path / "metrics.json").write_text("{}")
    with pytest.raises(DataError, match="it holds no validation scores"):
        read_run(path).metrics()


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "cannot be read"), ("[1]", "must hold a JSON object"), ('{"test": 1}', "test"), ('{"a": NaN', "cannot be")],
)
def test_damage_is_one_sentence(store: RunStore, text: str, says: str) -> None:
    path = write_run(store.root)
    (path / "metrics.json").write_text(text)
    with pytest.raises(DataError, match=says) as caught:
        read_run(path).metrics()
    assert "\n" not in str(caught.value)
