"""The one evaluator, and its models: as they lie in metrics.json, and what they refuse."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from alzbench.evaluation.evaluate import Evaluation, TableScores, evaluate
from alzbench.evaluation.metrics import METRICS, metrics

CLASSES = ["A", "B, b", 'C"']


def predictions(n: int = 48, subjects: int = 12) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    labels, shares = np.arange(n) // (n // subjects) % 3, rng.dirichlet(np.ones(3), n)
    names = np.array(CLASSES, dtype=object)
    table = pd.DataFrame({"image": [f"{k}.png" for k in range(n)], "slice": "", "label": names[labels]})
    table = table.assign(subject=[f"s{k // (n // subjects)}" for k in range(n)], predicted=names[shares.argmax(1)])
    return table.assign(**{f"p_{name}": shares[:, k] for k, name in enumerate(CLASSES)})


@pytest.fixture
def evaluation() -> Evaluation:
    return evaluate(predictions())


def stored(scores: TableScores) -> dict[str, Any]:
    """Return what metrics.json holds of a table."""
    content: dict[str, Any] = json.loads(json.dumps(scores.model_dump(mode="json"), allow_nan=False))
    return content


def test_scores_come_back_from_json_as_they_were(evaluation: Evaluation) -> None:
    again = Evaluation.model_validate_json(evaluation.model_dump_json())
    assert again == evaluation


def test_in_the_file_the_scores_stand_beside_the_other_fields(evaluation: Evaluation) -> None:
    content = stored(evaluation.images)
    assert content["accuracy"] == evaluation.images.scores["accuracy"]
    assert content["per_class"]["A"]["f1"] == evaluation.images.per_class["A"]["f1"]
    assert isinstance(content["per_class"]["A"]["support"], int)
    assert "scores" not in content


def test_a_metric_that_an_older_file_lacks_is_computed_from_its_confusion_matrix(evaluation: Evaluation) -> None:
    older = stored(evaluation.images)
    del older["quadratic_kappa"]
    for scores in older["per_class"].values():
        del scores["specificity"]
    assert TableScores.model_validate(older) == evaluation.images


def test_stored_values_are_never_computed_again(evaluation: Evaluation) -> None:
    older = {**stored(evaluation.images), "accuracy": 0.125}
    del older["quadratic_kappa"]
    scores = TableScores.model_validate(older).scores
    assert scores["accuracy"] == 0.125
    assert scores["quadratic_kappa"] == evaluation.images.scores["quadratic_kappa"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("accuracy", "high"), ("accuracy", float("nan")), ("n", None), ("classes", ["A"]), ("per_class", {}),
     ("confusion_matrix", [[1]]), ("confusion_matrix", None), ("per_class", [1]), ("macro_f1", True)],
)  # fmt: skip
def test_what_does_not_fit_is_refused(evaluation: Evaluation, field: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        TableScores.model_validate({**stored(evaluation.images), field: value})


def test_a_value_of_each_metric_is_found_by_its_record(evaluation: Evaluation) -> None:
    subjects = evaluation.subjects
    assert subjects is not None
    assert evaluation.value(METRICS["accuracy"]) == evaluation.images.scores["accuracy"]
    assert evaluation.value(METRICS["subject_macro_f1"]) == subjects.mean.scores["macro_f1"]
    assert evaluation.value(METRICS["subject_vote_accuracy"]) == subjects.vote.scores["accuracy"]
    assert evaluation.value(METRICS["subject_demented_auc"]) == subjects.demented.scores["auc"]
    for metric in metrics(per_class=False):
        assert evaluation.value(metric) is not None
    for metric in metrics(per_class=True):
        assert None not in evaluation.class_values(metric)


def test_scores_of_a_matrix_are_those_of_its_images(evaluation: Evaluation) -> None:
    matrix = np.array(evaluation.images.confusion_matrix)
    scores = TableScores.from_matrix(matrix, CLASSES)
    for metric in metrics(level="image", needs="counts", per_class=False):
        assert scores.scores[metric.name] == evaluation.images.scores[metric.name]
    assert "loss" not in scores.scores
