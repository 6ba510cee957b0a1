"""Scores of predictions tables, by hand and against scikit-learn."""

from __future__ import annotations

import io
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, classification_report

from alzbench.evaluation.metrics import METRICS, score
from alzbench.evaluation.predictions import class_names, make_table


def table(truth: list[int], probabilities: list[list[float]], classes: list[str]) -> pd.DataFrame:
    n = len(truth)
    split = pd.DataFrame({"image": [f"i{k}" for k in range(n)], "label": truth, "subject": "", "slice": ""})
    return make_table(split, np.array(probabilities, float), classes)


def certain(truth: list[int], predicted: list[int], classes: list[str]) -> pd.DataFrame:
    return table(truth, np.eye(len(classes))[predicted].tolist(), classes)


def test_by_hand() -> None:
    """A: 3 images, 2 found. B: 2 images, 1 found, and one A called B. C: 1 image, found, and one B called C."""
    scores = score(certain([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 2, 2], ["A", "B", "C"]))
    assert scores["n"] == 6
    assert scores["confusion_matrix"] == [[2, 1, 0], [0, 1, 1], [0, 0, 1]]
    assert scores["accuracy"] == pytest.approx(4 / 6)
    assert scores["balanced_accuracy"] == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert scores["per_class"]["A"] == {
        "precision": 1.0, "recall": pytest.approx(2 / 3), "f1": pytest.approx(0.8), "support": 3,
    }  # fmt: skip
    assert scores["per_class"]["B"]["f1"] == pytest.approx(0.5)
    assert scores["per_class"]["C"]["f1"] == pytest.approx(2 / 3)
    assert scores["macro_f1"] == pytest.approx((0.8 + 0.5 + 2 / 3) / 3)
    assert scores["undefined"] == {}


def test_loss_by_hand() -> None:
    scores = score(table([0, 1], [[0.5, 0.5], [0.75, 0.25]], ["A", "B"]))
    assert scores["loss"] == pytest.approx((np.log(2) + np.log(4)) / 2)


def test_what_is_not_defined_is_none_with_a_reason() -> None:
    scores = score(certain([0, 0, 1], [0, 0, 0], ["A", "B", "C"]))
    assert scores["per_class"]["B"] == {"precision": None, "recall": 0.0, "f1": 0.0, "support": 1}
    assert scores["per_class"]["C"] == {"precision": None, "recall": None, "f1": None, "support": 0}
    assert scores["undefined"] == {
        "B.precision": "never predicted",
        "C.recall": "no image of this class",
        "C.f1": "no image of this class",
        "C.precision": "never predicted",
    }
    assert scores["macro_f1"] == pytest.approx((0.8 + 0) / 2)  # of the classes that are there
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
    assert {metric.name: metric.higher_is_better for metric in METRICS} == {
        "loss": False, "accuracy": True, "balanced_accuracy": True, "macro_f1": True,
    }  # fmt: skip
