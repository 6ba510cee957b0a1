"""What the JSON files of a run folder must hold, so that nothing that reads them meets half of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

FIGURES = ("accuracy", "balanced_accuracy", "macro_f1")
BY_SUBJECT = {"mean": FIGURES, "vote": ("accuracy",), "demented": ("accuracy", "roc_auc")}


def check_types(content: Mapping[str, Any], types: Mapping[str, Any]) -> None:
    """Raise ValueError where a value is not of its type.

    Args:
        content: A JSON object.
        types: What `isinstance` takes, by key.
    """
    for key, value in content.items():
        if not isinstance(value, types[key]) or (types[key] is int and isinstance(value, bool)):
            raise ValueError(f"{key} cannot be {value!r}")


def check_metrics(content: Mapping[str, Any]) -> None:
    """Raise ValueError where the content of metrics.json lacks what every complete run has; see `metrics.score`."""
    test = content.get("test")
    if not isinstance(test, dict):
        raise ValueError("it holds no test scores")
    _check_numbers(test, FIGURES, "test")
    _check_whole(test, "n", "test")
    classes, per_class = test.get("classes"), test.get("per_class")
    if not isinstance(classes, list) or not isinstance(per_class, dict) or list(per_class) != classes:
        raise ValueError("test.classes and test.per_class must be of the same classes")
    if not all(isinstance(of, dict) and "f1" in of and _may_be_figure(of["f1"]) for of in per_class.values()):
        raise ValueError("test.per_class must have the f1 of each class")
    if "test_by_subject" not in content:
        raise ValueError("it lacks test_by_subject")
    if (by_subject := content["test_by_subject"]) is None:
        return
    _check_whole(by_subject, "subjects", "test_by_subject")
    for name, figures in BY_SUBJECT.items():
        _check_numbers(by_subject.get(name), figures, f"test_by_subject.{name}")


def _may_be_figure(value: Any) -> bool:
    """Return whether a value is a number, or null: not defined."""
    return value is None or (isinstance(value, int | float) and math.isfinite(value))


def _check_whole(values: Any, name: str, where: str) -> None:
    if not isinstance(values, dict) or not isinstance(values.get(name), int):
        raise ValueError(f"{where}.{name} must be a whole number")


def _check_numbers(values: Any, names: tuple[str, ...], where: str) -> None:
    for name in names:
        if not isinstance(values, dict) or not _may_be_figure(values.get(name, "")):
            raise ValueError(f"{where}.{name} must be a number or null")
