"""What one stored run scored, as typed rows: the one form that its page, CSV and JSON are written from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from alzbench.compare.one_run import run_intervals
from alzbench.report.curves import calibration_error
from alzbench.store import Run

OVERALL = ("accuracy", "balanced_accuracy", "macro_f1", "loss")


@dataclass(frozen=True)
class Score:
    """A figure of the test part, its 95 % interval where there is one, and the same of the validation part."""

    name: str
    test: float | None
    interval: tuple[float, float] | None = None
    validation: float | None = None


@dataclass(frozen=True)
class ClassScores:
    """The figures of a class; None where one is not defined."""

    name: str
    precision: float | None
    recall: float | None
    f1: Score
    images: int


@dataclass(frozen=True)
class RunScores:
    """The figures of a run.

    Attributes:
        by: What the intervals are over: `subject` or `image`.
        overall: Of all images.
        classes: Of each class.
        answers_only: Why there is neither loss nor calibration error; empty where there are.
    """

    by: str
    overall: tuple[Score, ...]
    classes: tuple[ClassScores, ...]
    answers_only: str


def run_scores(run: Run, table: pd.DataFrame) -> RunScores:
    """Return the figures of a complete run; `table` are its predictions."""
    intervals, by = run_intervals(run)
    spans = {name: (found.low, found.high) for name, found in intervals.items()}
    answers_only = str(run.metrics.get("answers_only", ""))
    test, validation = run.metrics["test"], run.metrics.get("validation") or {}
    overall = [
        Score(name, None if name == "loss" and answers_only else test.get(name), spans.get(name), validation.get(name))
        for name in OVERALL
    ]
    error = None if answers_only else calibration_error(table)
    classes = [
        ClassScores(name, of["precision"], of["recall"], Score("f1", of["f1"], spans.get(f"f1_{name}")), of["support"])
        for name, of in test["per_class"].items()
    ]
    return RunScores(by, (*overall, Score("expected_calibration_error", error)), tuple(classes), answers_only)


def run_json(run: Run) -> dict[str, Any]:
    """Return a run and its figures as plain values."""
    return {"path": str(run.path), **asdict(run.card), **asdict(run_scores(run, run.predictions()))}


def run_table(run: Run) -> pd.DataFrame:
    """Return a row a figure; what is not defined is empty, and so is the class of a figure of all images."""
    return pd.DataFrame(list(_rows(run_scores(run, run.predictions()))))


def _rows(scores: RunScores) -> Iterator[dict[str, Any]]:
    for score in scores.overall:
        yield _row(score, "")
    for of in scores.classes:
        for score in (Score("precision", of.precision), Score("recall", of.recall), of.f1, Score("images", of.images)):
            yield _row(score, of.name)


def _row(score: Score, name: str) -> dict[str, Any]:
    low, high = score.interval or (None, None)
    return {
        "figure": score.name, "class": name, "test": score.test, "low": low, "high": high,
        "validation": score.validation,
    }  # fmt: skip
