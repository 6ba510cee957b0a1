"""One stored run as a document: what it is, what it scored and how surely, and where it was wrong."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from alzbench.compare.one_run import run_intervals
from alzbench.errors import DataError
from alzbench.evaluation import figures
from alzbench.evaluation.predictions import PREFIX, class_names
from alzbench.evaluation.subjects import combine
from alzbench.report import curves
from alzbench.report.document import UNDEFINED, Cell, Section, Table
from alzbench.report.pictures import prediction_figures
from alzbench.store import Run

MOST_MISTAKES = 20


def run_sections(run: Run) -> list[Section]:
    """Return the document of a complete run.

    Raises:
        DataError: The run is not complete, or its predictions are not there.
    """
    card = run.card
    if card.trial is not None:
        raise DataError(
            f"{run.name} is a trial of a sweep, and the test part is never read in a trial; report the best."
        )
    if card.state != "complete":
        raise DataError(f"{run.name} must be complete to be reported; it is {card.state}. Run it again first.")
    if not (run.path / "predictions.csv").is_file():
        raise DataError(f"{run.path} has no predictions.csv; run it again with --force.")
    table = run.predictions()
    warnings = ["DEMO on phantoms: the figures say nothing about patients."] if card.demo else []
    warnings += [f"Leaky protocol: {card.leaks}."] if card.leaks else []
    tables = [_scores(run, table), _by_class(run.metrics["test"])]
    if run.metrics["test_by_subject"] is not None:
        tables += [_by_subject(run.metrics), _wrong_subjects(table)]
    tables.append(_surest_mistakes(table))
    seed = f"seed {card.seed}" + ("" if card.fold is None else f", fold {card.fold}")
    title = f"{card.protocol} protocol, {seed}, {len(table):,} test images, data {card.data[:6]}"
    notes = [card.description] if card.description else []
    return [Section(title, tuple(warnings), tuple(tables), tuple(notes))]


def run_figures(run: Run) -> list[tuple[Figure, str]]:
    """Return the figures of a run with their captions."""
    table = run.predictions()
    drawn = prediction_figures({run.card.experiment: table})
    if (run.path / "history.csv").is_file():
        history = figures.history_figure(run.table("history.csv"), run.metrics["kept_epoch"], run.card.experiment)
        drawn.insert(0, (history, "Training, and the epoch that was kept."))
    return drawn


def _scores(run: Run, table: pd.DataFrame) -> Table:
    intervals, over = run_intervals(run)
    rows = []
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "loss"):
        found = intervals.get(name)
        span = Cell(f"{found.low:.3f} to {found.high:.3f}", found.low) if found else Cell(UNDEFINED)
        test, validation = (_number(run.metrics.get(part, {}).get(name)) for part in ("test", "validation"))
        rows.append((Cell(name.replace("_", " ")), test, span, validation))
    error = curves.calibration_error(table)
    rows.append((Cell("expected calibration error"), _number(error), Cell(UNDEFINED), Cell(UNDEFINED)))
    return Table(
        "Scores", ("figure", "test", "95 %", "validation"), tuple(rows),
        note=f"95 % intervals over test {over}s; one seed says nothing about other seeds.",
    )  # fmt: skip


def _by_class(scores: dict[str, Any]) -> Table:
    columns = ("class", "precision", "recall", "F1", "images")
    rows = tuple(
        (Cell(name), *(_number(figures[key]) for key in ("precision", "recall", "f1")),
         Cell(f"{figures['support']:,}", figures["support"]))
        for name, figures in scores["per_class"].items()
    )  # fmt: skip
    return Table("By class", columns, rows)


def _by_subject(metrics: dict[str, Any]) -> Table:
    scores = metrics["test_by_subject"]
    rows = [
        (Cell(title), *(_number(scores[how][name]) for name in ("accuracy", "balanced_accuracy", "macro_f1")))
        for how, title in (("mean", "mean of the probabilities"), ("vote", "vote of the slices"))
    ]
    two_way = scores["demented"]
    auc = UNDEFINED if two_way["roc_auc"] is None else f"{two_way['roc_auc']:.3f}"
    note = f"{scores['subjects']:,} subjects. Demented or not: accuracy {two_way['accuracy']:.3f}, ROC AUC {auc}."
    return Table("By subject", ("combined by", "accuracy", "balanced", "macro F1"), tuple(rows), note=note)


def _wrong_subjects(table: pd.DataFrame) -> Table:
    """Return the subjects whose answer is wrong, those with the fewest right slices first."""
    combined = combine(table, "mean")
    right = (table["label"] == table["predicted"]).groupby(table["subject"]).mean()
    wrong = combined[combined["label"] != combined["predicted"]].assign(right=lambda rows: rows["subject"].map(right))
    rows = tuple(
        (Cell(str(row.subject)), Cell(str(row.label)), Cell(str(row.predicted)),
         Cell(f"{100 * float(str(row.right)):.0f}", float(str(row.right))))
        for row in wrong.sort_values(["right", "subject"]).head(MOST_MISTAKES).itertuples()
    )  # fmt: skip
    note = f"{len(wrong):,} of {len(combined):,} subjects; at most {MOST_MISTAKES} are shown."
    return Table("Subjects answered wrong", ("subject", "is", "answered", "slices right, %"), rows, note=note)


def _surest_mistakes(table: pd.DataFrame) -> Table:
    confidence = table[[PREFIX + name for name in class_names(table)]].max(axis=1)
    wrong = table.assign(confidence=confidence)[table["label"] != table["predicted"]]
    rows = tuple(
        (Cell(str(row.image)), Cell(str(row.subject) or UNDEFINED), Cell(str(row.label)), Cell(str(row.predicted)),
         _number(float(str(row.confidence))))
        for row in wrong.sort_values("confidence", ascending=False).head(MOST_MISTAKES).itertuples()
    )  # fmt: skip
    note = f"{len(wrong):,} of {len(table):,} images are answered wrong; the {MOST_MISTAKES} surest are shown."
    return Table("Surest mistakes", ("image", "subject", "is", "answered", "probability"), rows, note=note)


def _number(value: float | None) -> Cell:
    return Cell(UNDEFINED) if value is None else Cell(f"{value:.3f}", float(value))
