"""Builder of the document about predictions of new images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from alzbench.evaluation.predictions import PREFIX, with_confidence
from alzbench.inference.predict import NOT_MEDICAL, Predictions
from alzbench.report.document import Column, Document, Form, Section, Table, and_more, make_table

MOST_ROWS = 20  # of images or subjects on the terminal
NOT_COMPARED = (
    "The run stores no profile of its training images (an older version made it), so the images are not compared with "
    "them. Repeat the run with --force to get one."
)
ALL_ROWS = "For all rows, use --csv or --json."


def predictions_document(name: str, path: str, predictions: Predictions) -> Document:
    """Return the document about predictions.

    Args:
        name: Name of the run.
        path: Folder of the run.
        predictions: The predictions.
    """
    images, subjects = predictions.images, predictions.subjects
    tables = [_table("images", "image", images), _counts(predictions)]
    if len(subjects):
        tables.append(_table("subjects", "subject", subjects))
    section = Section(
        f"Predictions of {name} for {_number(len(images), 'image')}",
        warnings=tuple(f"{_number(count, 'image')}: {text}" for text, count in predictions.warnings().items()),
        tables=tuple(tables),
        notes=(*_notes(predictions), NOT_MEDICAL),
    )
    return Document(section.title, NOT_MEDICAL, (section,), data=_data(name, path, predictions))


def _notes(predictions: Predictions) -> list[str]:
    notes = [] if predictions.compared else [NOT_COMPARED]
    for row in predictions.skipped.head(MOST_ROWS).itertuples():
        notes.append(f"left out: {row.image}: {row.reason}")
    if len(predictions.skipped) > MOST_ROWS:
        notes.append(f"left out: {and_more(len(predictions.skipped) - MOST_ROWS)}")
    return notes


def _table(title: str, key: str, rows: pd.DataFrame) -> Table:
    columns = [Column(key, title), Column("predicted", "predicted"), Column("probability", "probability", Form(3))]
    if "images" in rows:
        columns.append(Column("images", "images", Form()))
    if "warning" in rows and rows["warning"].any():
        columns.append(Column("warning", "warning"))
    shown = with_confidence(rows.head(MOST_ROWS).assign(label="")).rename(columns={"confidence": "probability"})
    note = f"{and_more(len(rows) - MOST_ROWS)}. {ALL_ROWS}" if len(rows) > MOST_ROWS else ""
    return make_table(
        "", columns, [{str(key): value for key, value in row.items()} for row in shown.to_dict(orient="records")], note
    )


def _counts(predictions: Predictions) -> Table:
    """Return the number of images, and of subjects, that each class is predicted for."""
    images = predictions.images["predicted"].value_counts()
    subjects = predictions.subjects["predicted"].value_counts()
    columns = [Column("class", "predicted class"), Column("images", "images", Form())]
    if len(predictions.subjects):
        columns.append(Column("subjects", "subjects", Form()))
    records = [
        {"class": name, "images": int(images.get(name, 0)), "subjects": int(subjects.get(name, 0))}
        for name in predictions.classes
    ]
    return make_table("", columns, records)


def _data(name: str, path: str, predictions: Predictions) -> dict[str, Any]:
    return {
        "run": name,
        "path": path,
        "notice": NOT_MEDICAL,
        "classes": list(predictions.classes),
        "compared_with_training": predictions.compared,
        "images": [_record(row, predictions.classes) for row in predictions.images.to_dict(orient="records")],
        "subjects": [_record(row, predictions.classes) for row in predictions.subjects.to_dict(orient="records")],
        "warnings": predictions.warnings(),
        "skipped": predictions.skipped,
    }


def _record(row: dict[Any, Any], classes: Sequence[str]) -> dict[str, Any]:
    """Return a row with the probabilities by class."""
    others = {key: value for key, value in row.items() if not key.startswith(PREFIX)}
    return {**others, "probabilities": {name: row[PREFIX + name] for name in classes}}


def _number(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"
