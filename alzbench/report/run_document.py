"""One stored run as a document: what it is, what it scored and how surely, and where it was wrong."""

from __future__ import annotations

import pandas as pd

from alzbench.compare.probabilities import Likely
from alzbench.errors import DataError
from alzbench.evaluation import figures
from alzbench.evaluation.predictions import PREFIX, class_names
from alzbench.evaluation.subjects import combine
from alzbench.report.cells import UNDEFINED, Cell
from alzbench.report.document import PROBABILITIES, Section, Table
from alzbench.report.pictures import Placed, prediction_figures
from alzbench.report.remarks import leak_warning
from alzbench.report.run_scores import RunScores, Score, run_scores
from alzbench.store import Run

MOST_MISTAKES = 20
_NAMES = {"macro_f1": "macro F1", "mean_roc_auc": "mean ROC AUC"}
_SUBJECT_NAMES = {
    "accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "macro_f1": "macro F1",
    "vote_accuracy": "accuracy, by vote", "demented_accuracy": "demented or not, accuracy",
    "demented_auc": "demented or not, ROC AUC",
}  # fmt: skip


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
    warnings += [f"{leak_warning(card.leaks)}."] if card.leaks else []
    scores = run_scores(run, table)
    tables = [_scores(scores), _by_class(scores)]
    tables += [] if scores.answers_only else [_probabilities(scores)]
    if scores.subjects is not None:
        tables += [_by_subject(scores), _wrong_subjects(table)]
    tables.append(_mistakes(table) if scores.answers_only else _surest_mistakes(table))
    seed = f"seed {card.seed}" + ("" if card.fold is None else f", fold {card.fold}")
    title = f"{card.protocol} protocol, {seed}, {len(table):,} test images, data {card.data[:6]}"
    notes = [card.description] if card.description else []
    return [Section(title, tuple(warnings), tuple(tables), tuple(notes))]


def run_figures(run: Run) -> list[Placed]:
    """Return the figures of a run with their captions and places."""
    name, answers_only = run.card.experiment, bool(run.metrics.get("answers_only"))
    drawn = prediction_figures(Likely({name: {run.card.seed: run.predictions()}}, (name,) if answers_only else ()))
    if (run.path / "history.csv").is_file():
        history = figures.history_figure(run.table("history.csv"), run.metrics["kept_epoch"], name)
        drawn.insert(0, Placed(history, "Training, and the epoch that was kept.", "Scores"))
    return drawn


def _scores(scores: RunScores) -> Table:
    rows = tuple(
        (Cell(_NAMES.get(score.name, score.name.replace("_", " "))), *_with_span(score), _number(score.validation))
        for score in scores.overall
    )
    note = f"95 % intervals over test {scores.by}s; one seed says nothing about other seeds."
    if scores.answers_only:
        note += f" No loss, calibration and curves: {scores.answers_only}."
    return Table("Scores", ("figure", "test", "95 %", "validation"), rows, note=note)


def _by_class(scores: RunScores) -> Table:
    columns = ("class", "precision", "recall", "F1", "95 %", "images")
    rows = tuple(
        (Cell(row.name), _number(row.precision), _number(row.recall), *_with_span(row.f1),
         Cell(f"{row.images:,}", row.images))
        for row in scores.classes
    )  # fmt: skip
    note = f"With 95 % intervals of F1; none where fewer than five test {scores.by}s have the class."
    return Table("By class", columns, rows, note=note)


def _probabilities(scores: RunScores) -> Table:
    rows = tuple(
        (Cell(row.name), *_with_span(row.roc_auc), *_with_span(row.average_precision)) for row in scores.classes
    )
    note = (
        "Each class against the others: area under its ROC curve, and mean precision, with 95 % intervals; none where "
        f"fewer than five test {scores.by}s are of the class, or of the others."
    )
    return Table(PROBABILITIES, ("class", "ROC AUC", "95 %", "mean precision", "95 %"), rows, note=note)


def _by_subject(scores: RunScores) -> Table:
    rows = tuple((Cell(_SUBJECT_NAMES[score.name]), *_with_span(score)) for score in scores.by_subject)
    note = (
        f"{scores.subjects:,} subjects, each classified once, from the mean probabilities of its slices, or by their "
        "vote. 95 % intervals over subjects."
    )
    return Table("By subject", ("figure", "test", "95 %"), rows, note=note)


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


def _mistakes(table: pd.DataFrame) -> Table:
    """Return the first wrong answers, of which none is known to be surer than another."""
    wrong = table[table["label"] != table["predicted"]]
    rows = tuple(
        (Cell(str(row.image)), Cell(str(row.subject) or UNDEFINED), Cell(str(row.label)), Cell(str(row.predicted)))
        for row in wrong.head(MOST_MISTAKES).itertuples()
    )
    note = f"{len(wrong):,} of {len(table):,} images are answered wrong; the first {MOST_MISTAKES} are shown."
    return Table("Mistakes", ("image", "subject", "is", "answered"), rows, note=note)


def _with_span(score: Score) -> tuple[Cell, Cell]:
    if score.interval is None:
        return _number(score.test), Cell(UNDEFINED)
    low, high = score.interval
    return _number(score.test), Cell(f"{low:.3f} to {high:.3f}", low)


def _number(value: float | None) -> Cell:
    return Cell(UNDEFINED) if value is None else Cell(f"{value:.3f}", float(value))
