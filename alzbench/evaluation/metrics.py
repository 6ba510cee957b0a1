"""Scores computed from a predictions table, by scikit-learn; no model and no TensorFlow is needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    log_loss,
    precision_score,
    recall_score,
)

from alzbench.evaluation.predictions import PREFIX, class_names

Labels = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Answers:
    """A predictions table as arrays.

    Attributes:
        truth, predicted: (n,) class indices.
        probabilities: (n, K), each row summing to 1.
    """

    truth: Labels
    predicted: Labels
    probabilities: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """A figure of a whole table: its name, whether more is better, and the function that computes it."""

    name: str
    higher_is_better: bool
    function: Callable[[Answers], float]


def loss(answers: Answers) -> float:
    """Return the mean negative log-probability of the true class."""
    labels = np.arange(answers.probabilities.shape[1])
    return float(log_loss(answers.truth, answers.probabilities, labels=labels))


def accuracy(answers: Answers) -> float:
    """Return the share of images whose most probable class is the true one."""
    return float(accuracy_score(answers.truth, answers.predicted))


def balanced_accuracy(answers: Answers) -> float:
    """Return the mean recall of the classes that the table has images of."""
    present = np.unique(answers.truth)
    return float(recall_score(answers.truth, answers.predicted, labels=present, average="macro", zero_division=0))


def macro_f1(answers: Answers) -> float:
    """Return the mean F1 of the classes that the table has images of."""
    present = np.unique(answers.truth)
    return float(f1_score(answers.truth, answers.predicted, labels=present, average="macro", zero_division=0))


METRICS = (
    Metric("loss", False, loss),
    Metric("accuracy", True, accuracy),
    Metric("balanced_accuracy", True, balanced_accuracy),
    Metric("macro_f1", True, macro_f1),
)


def score(table: pd.DataFrame) -> dict[str, Any]:
    """Score a predictions table.

    Returns:
        n, classes, each of METRICS, `per_class` (name -> precision, recall, f1, support) and `confusion_matrix` (rows
        truth, columns predicted). A figure that is not defined is None and `undefined` says why: the recall and F1 of a
        class without images, the precision of a class that was never predicted.
    """
    classes = class_names(table)
    index = {name: k for k, name in enumerate(classes)}
    truth = table["label"].map(index).to_numpy(np.int64)
    predicted = table["predicted"].map(index).to_numpy(np.int64)
    probabilities = table[[PREFIX + name for name in classes]].to_numpy(np.float64)
    answers = Answers(truth, predicted, probabilities)
    matrix = confusion_matrix(truth, predicted, labels=range(len(classes)))
    per_class, undefined = _per_class(truth, predicted, classes, matrix)
    return {
        "n": len(table),
        "classes": classes,
        **{metric.name: metric.function(answers) for metric in METRICS},
        "per_class": per_class,
        "undefined": undefined,
        "confusion_matrix": matrix.tolist(),
    }


def _per_class(
    truth: Labels, predicted: Labels, classes: list[str], matrix: npt.NDArray[np.integer]
) -> tuple[dict[str, dict[str, float | int | None]], dict[str, str]]:
    labels = range(len(classes))
    precision, recall, f1 = (
        function(truth, predicted, labels=labels, average=None, zero_division=0)
        for function in (precision_score, recall_score, f1_score)
    )
    per_class: dict[str, dict[str, float | int | None]] = {}
    undefined: dict[str, str] = {}
    for k, name in enumerate(classes):
        support, predictions = int(matrix[k].sum()), int(matrix[:, k].sum())
        if not support:
            undefined |= {f"{name}.recall": "no image of this class", f"{name}.f1": "no image of this class"}
        if not predictions:
            undefined[f"{name}.precision"] = "never predicted"
        per_class[name] = {
            "precision": float(precision[k]) if predictions else None,
            "recall": float(recall[k]) if support else None,
            "f1": float(f1[k]) if support else None,
            "support": support,
        }
    return per_class, undefined
