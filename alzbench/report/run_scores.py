"""What one stored run scored, as typed rows: the one form that its page, CSV and JSON are written from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import pandas as pd

from alzbench.compare import Interval
from alzbench.compare.one_run import run_intervals
from alzbench.compare.probabilities import Estimate, probability_scores
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
    """The figures of a class; None where one is not defined. The areas are of the class against the others."""

    name: str
    precision: float | None
    recall: float | None
    f1: Score
    roc_auc: Score
    average_precision: Score
    images: int


@dataclass(frozen=True)
class RunScores:
    """The figures of a run.

    Attributes:
        by: What the intervals are over: `subject` or `image`.
        overall: Of all images.
        classes: Of each class.
        subjects: How many test subjects there are; None where they are not known.
        by_subject: Of whole subjects, each classified once.
        answers_only: Why there is no figure of probabilities; empty where there are.
    """

    by: str
    overall: tuple[Score, ...]
    classes: tuple[ClassScores, ...]
    subjects: int | None
    by_subject: tuple[Score, ...]
    answers_only: str


def run_scores(run: Run, table: pd.DataFrame) -> RunScores:
    """Return the figures of a complete run; `table` are its predictions."""
    found, metrics = run_intervals(run), run.metrics
    spans = {name: _ends(of) for name, of in found.scores.items()}
    answers_only = str(metrics.get("answers_only", ""))
    test, validation = metrics["test"], metrics.get("validation") or {}
    overall = [
        Score(name, None if name == "loss" and answers_only else test.get(name), spans.get(name), validation.get(name))
        for name in OVERALL
    ]
    likely = None if answers_only else probability_scores({run.card.seed: table})
    overall += [
        _score("expected_calibration_error", likely.calibration_error if likely else None),
        _score("mean_roc_auc", likely.mean_roc_auc if likely else None),
    ]
    areas, precisions = (likely.roc_auc, likely.average_precision) if likely else ({}, {})
    classes = [
        ClassScores(
            name,
            of["precision"],
            of["recall"],
            Score("f1", of["f1"], spans.get(f"f1_{name}")),
            _score("roc_auc", areas.get(name)),
            _score("average_precision", precisions.get(name)),
            of["support"],
        )
        for name, of in test["per_class"].items()
    ]
    by_subject = metrics["test_by_subject"]
    return RunScores(
        found.by,
        tuple(overall),
        tuple(classes),
        by_subject["subjects"] if by_subject else None,
        tuple(_by_subject(by_subject, found.by_subject, bool(answers_only))) if by_subject else (),
        answers_only,
    )


def _score(name: str, estimate: Estimate | None) -> Score:
    return Score(name, estimate.value, _ends(estimate.interval)) if estimate else Score(name, None)


def _ends(interval: Interval | None) -> tuple[float, float] | None:
    return (interval.low, interval.high) if interval else None


def _by_subject(scores: Mapping[str, Any], intervals: Mapping[str, Interval], answers_only: bool) -> Iterator[Score]:
    """Yield the figures by subject; of answers without probabilities those of votes."""
    mean, two_way = scores["mean"], scores["demented"]
    values = {name: mean[name] for name in ("accuracy", "balanced_accuracy", "macro_f1")} if not answers_only else {}
    values["vote_accuracy"] = scores["vote"]["accuracy"]
    values |= {"demented_accuracy": two_way["accuracy"], "demented_auc": two_way["roc_auc"]}
    for name, value in values.items():
        yield Score(name, value, _ends(intervals.get(name)) if value is not None else None)


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
        of_class = [Score("precision", of.precision), Score("recall", of.recall), of.f1, of.roc_auc]
        for score in (*of_class, of.average_precision, Score("images", of.images)):
            yield _row(score, of.name)
    for score in scores.by_subject:
        yield _row(replace(score, name=f"subject_{score.name}"), "")


def _row(score: Score, name: str) -> dict[str, Any]:
    low, high = score.interval or (None, None)
    return {
        "figure": score.name, "class": name, "test": score.test, "low": low, "high": high,
        "validation": score.validation,
    }  # fmt: skip
