"""Metrics of predictions tables, by hand and against scikit-learn; and their declaration."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, classification_report, cohen_kappa_score, log_loss

from alzbench.evaluation.evaluate import Evaluation, TwoClassScores, evaluate
from alzbench.evaluation.metrics import METRICS, Metric, declare, metrics
from alzbench.evaluation.predictions import class_names, make_table


def table(truth: list[int], probabilities: list[list[float]], classes: list[str]) -> pd.DataFrame:
    n = len(truth)
    split = pd.DataFrame({"image": [f"i{k}" for k in range(n)], "label": truth, "subject": "", "slice": ""})
    return make_table(split, np.array(probabilities, float), classes)


def certain(truth: list[int], predicted: list[int], classes: list[str]) -> pd.DataFrame:
    return table(truth, np.eye(len(classes))[predicted].tolist(), classes)


def score(predictions: pd.DataFrame) -> dict[str, Any]:
    """Return the scores by image as they lie in metrics.json."""
    return evaluate(predictions).images.model_dump()


def test_by_hand() -> None:
    """A: 3 images, 2 right. B: 2 images, 1 right, and one A called B. C: 1 image, right, and one B called C."""
    scores = score(certain([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 2, 2], ["A", "B", "C"]))
    assert scores["n"] == 6
    assert scores["confusion_matrix"] == [[2, 1, 0], [0, 1, 1], [0, 0, 1]]
    assert scores["accuracy"] == pytest.approx(4 / 6)
    assert scores["balanced_accuracy"] == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert scores["per_class"]["A"] == {
        "precision": 1.0, "recall": pytest.approx(2 / 3), "f1": pytest.approx(0.8), "specificity": 1.0, "support": 3,
        "roc_auc": pytest.approx(5 / 6), "average_precision": pytest.approx(2 / 3 + 1 / 3 * 3 / 6),
    }  # fmt: skip
    assert scores["per_class"]["B"]["specificity"] == pytest.approx(3 / 4)
    assert scores["per_class"]["C"]["specificity"] == pytest.approx(4 / 5)
    assert scores["per_class"]["B"]["f1"] == pytest.approx(0.5)
    assert scores["per_class"]["C"]["f1"] == pytest.approx(2 / 3)
    assert scores["macro_f1"] == pytest.approx((0.8 + 0.5 + 2 / 3) / 3)
    assert scores["undefined"] == {}


def test_loss_by_hand() -> None:
    scores = score(table([0, 1], [[0.5, 0.5], [0.75, 0.25]], ["A", "B"]))
    assert scores["loss"] == pytest.approx((np.log(2) + np.log(4)) / 2)


def test_what_is_not_defined_is_none_with_a_reason() -> None:
    scores = score(certain([0, 0, 1], [0, 0, 0], ["A", "B", "C"]))
    b, c = scores["per_class"]["B"], scores["per_class"]["C"]
    assert (b["precision"], b["recall"], b["f1"], b["support"]) == (None, 0.0, 0.0, 1)
    assert (c["precision"], c["recall"], c["f1"], c["support"]) == (None, None, None, 0)
    assert (c["roc_auc"], c["average_precision"], scores["mean_roc_auc"]) == (None, None, None)
    assert scores["undefined"] == {
        "B.precision": "never predicted",
        "C.recall": "no image of this class",
        "C.f1": "no image of this class",
        "C.precision": "never predicted",
        "C.roc_auc": "only images of this class, or none",
        "C.average_precision": "no image of this class",
        "mean_roc_auc": "a class without images",
    }
    assert scores["macro_f1"] == pytest.approx((0.8 + 0) / 2)  # over the classes with images
    assert scores["balanced_accuracy"] == pytest.approx(0.5)
    json.dumps(scores, allow_nan=False)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60))
def test_agreement_with_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    names = ["A", "B", "C", "D"]
    truth, predicted = [t for t, _ in pairs], [p for _, p in pairs]
    scores = score(certain(truth, predicted, names))
    report = classification_report(
        truth, predicted, labels=range(4), target_names=names, output_dict=True, zero_division=0
    )
    present = [name for k, name in enumerate(names) if k in truth]
    for name in names:
        ours, theirs = scores["per_class"][name], report[name]
        assert ours["support"] == theirs["support"]
        for ours_key, key, defined in (
            ("precision", "precision", names.index(name) in predicted),
            ("recall", "recall", name in present),
            ("f1", "f1-score", name in present),
        ):
            assert ours[ours_key] == (pytest.approx(theirs[key], abs=1e-9) if defined else None)
    assert scores["macro_f1"] == pytest.approx(np.mean([report[name]["f1-score"] for name in present]), abs=1e-9)
    if set(predicted) <= set(truth) and len(set(truth)) > 1:  # scikit-learn warns otherwise
        assert scores["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(truth, predicted), abs=1e-9)


def test_a_table_read_from_csv_scores_the_same() -> None:
    rng = np.random.default_rng(0)
    original = table(rng.integers(0, 4, 50).tolist(), rng.dirichlet(np.ones(4), 50).tolist(), ["A", "B, b", 'C"', "ü"])
    read = pd.read_csv(io.StringIO(original.to_csv(index=False)), keep_default_na=False)
    assert class_names(read) == ["A", "B, b", 'C"', "ü"]
    assert score(read) == score(original)


def test_columns_of_the_table() -> None:
    made = table([1], [[0.2, 0.8]], ["A", "B"])
    assert list(made.columns) == ["image", "subject", "slice", "label", "predicted", "p_A", "p_B"]
    assert made.iloc[0].tolist() == ["i0", "", "", "B", "B", 0.2, 0.8]


def test_directions() -> None:
    lower = {name for name in METRICS if not METRICS[name].higher_is_better}
    assert lower == {"loss", "calibration_error"}


def test_specificity_of_a_class_that_all_images_have_is_undefined() -> None:
    scores = score(certain([0, 0], [0, 1], ["A", "B"]))
    assert scores["per_class"]["A"]["specificity"] is None
    assert scores["undefined"]["A.specificity"] == "no image of another class"
    assert scores["per_class"]["B"]["specificity"] == 0.5


def test_quadratic_kappa_by_hand() -> None:
    """Two images of each of three stages, one of the first taken for the third: 4 / 4 against chance."""
    kappa = score(certain([0, 0, 1, 1, 2, 2], [0, 2, 1, 1, 2, 2], ["A", "B", "C"]))["quadratic_kappa"]
    # squared distances by chance, of rows 2, 2, 2 and columns 1, 2, 3: (2 * (2 + 12) + 2 * (1 + 3) + 2 * (4 + 2)) / 6
    assert kappa == pytest.approx(1 - 4 / (48 / 6))


def test_a_near_miss_costs_less_kappa_than_a_far_one() -> None:
    near = score(certain([0, 1, 2, 3], [1, 1, 2, 3], list("ABCD")))["quadratic_kappa"]
    far = score(certain([0, 1, 2, 3], [3, 1, 2, 3], list("ABCD")))["quadratic_kappa"]
    assert far < near < 1


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60))
def test_quadratic_kappa_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    true, predicted = [t for t, _ in pairs], [p for _, p in pairs]
    kappa = score(certain(true, predicted, list("ABCD")))["quadratic_kappa"]
    if len(set(true) | set(predicted)) == 1:
        assert kappa is None
    else:
        expected = cohen_kappa_score(true, predicted, labels=range(4), weights="quadratic")
        assert kappa == pytest.approx(expected, abs=1e-9)


def test_loss_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    true, shares = rng.integers(0, 3, 200), rng.dirichlet(np.ones(3) / 3, 200)
    shares[0] = np.eye(3)[(true[0] + 1) % 3]  # certain, and wrong
    assert score(table(true.tolist(), shares.tolist(), list("ABC")))["loss"] == log_loss(true, shares, labels=range(3))


def test_labels_alone_have_no_metrics_of_probabilities() -> None:
    scores = evaluate(certain([0, 1], [0, 0], ["A", "B"]), probabilities=False).images
    for metric in metrics(level="image", needs="probabilities"):
        values = (
            [each[metric.name] for each in scores.per_class.values()]
            if metric.per_class
            else [scores.scores[metric.name]]
        )
        assert set(values) == {None}
    assert scores.scores["accuracy"] == 0.5


@pytest.fixture
def error_rate() -> Iterator[Metric]:
    """A metric declared by a test."""
    function = METRICS["accuracy"].function
    declare("error_rate", label="error rate", short="error")(lambda counts: 1 - function(counts))
    yield METRICS["error_rate"]
    METRICS.remove("error_rate")
    METRICS.remove("subject_error_rate")


def test_a_declared_metric_is_scored_by_image_and_by_subject(error_rate: Metric) -> None:
    predictions = certain([0, 0, 1, 1], [0, 0, 0, 1], ["A", "B"]).assign(subject=list("aabb"))
    evaluation = evaluate(predictions)
    assert evaluation.value(error_rate) == 0.25
    assert evaluation.value(METRICS["subject_error_rate"]) == 0.5  # the tie of b goes to the first class
    assert evaluation.images.model_dump()["error_rate"] == 0.25


@pytest.fixture
def miss_rate() -> Iterator[Metric]:
    """A metric of the two-class question, declared by a test."""
    declare("subject_demented_miss_rate", label="miss rate", short="miss", view="demented")(
        lambda counts: counts[..., 1, 0] / counts[..., 1, :].sum(-1)
    )
    yield METRICS["subject_demented_miss_rate"]
    METRICS.remove("subject_demented_miss_rate")


def test_a_declared_metric_of_demented_subjects_is_scored_and_stored(miss_rate: Metric) -> None:
    predictions = certain([0, 1, 1, 2], [0, 0, 1, 2], ["A", "B", "C"]).assign(subject=list("abcd"))
    evaluation = evaluate(predictions)
    assert evaluation.value(miss_rate) == pytest.approx(1 / 3)
    assert Evaluation.model_validate(evaluation.model_dump()).value(miss_rate) == pytest.approx(1 / 3)
    assert evaluation.subjects is not None
    older = {"n": 4, "accuracy": 0.75, "roc_auc": 0.5}
    assert TwoClassScores.model_validate(older).model_dump() == older


@pytest.mark.parametrize("view", ["mean", "vote"])
def test_a_metric_of_votes_or_means_must_be_one_of_images_first(view: Literal["mean", "vote"]) -> None:
    name = {"mean": "subject_unknown", "vote": "subject_vote_unknown"}[view]
    with pytest.raises(ValueError, match="'unknown' must be a metric of images before"):
        declare(name, label="x", short="x", view=view)(METRICS["accuracy"].function)
    assert name not in METRICS


def test_a_value_reads_as_its_metric_declares() -> None:
    assert [METRICS[name].text(0.66857) for name in ("accuracy", "macro_f1")] == ["66.86 %", "0.669"]
