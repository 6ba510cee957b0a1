"""The media of a complete run in W&B: figures, plots, tables, pictures of the most confident errors, and maps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from alzbench.evaluation.evaluate import examples_of
from alzbench.evaluation.predictions import class_names, errors, with_confidence
from alzbench.store import Run
from alzbench.store.explanation import Explanation, read_explanation

MOST_ERRORS = 32
THUMBNAIL = 128  # longest side, in pixels
MOST_MAPS = 8  # of each method: of right predictions, and of wrong ones

Pictures = Callable[[str], Path | None]


def media(run: Run, wandb: Any, pictures: Pictures) -> dict[str, Any]:
    """Return the plots, tables and pictures of a complete run, by their names in W&B.

    Args:
        run: The run; a trial has figures alone, as its test part is never read.
        wandb: The client's module.
        pictures: Returns the file of an image by its name; None if it is not on this machine.

    Raises:
        DataError: Its files are damaged.
    """
    explanation = read_explanation(run.path)
    values: dict[str, Any] = {
        f"figures/{path.stem}": wandb.Image(str(path)) for path in sorted((run.path / "figures").glob("*.png"))
    }
    if run.has_predictions():
        table = run.predictions()
        confident = not run.metrics().labels_only
        values |= plots(table, wandb, curves=confident)
        values["test/predictions"] = wandb.Table(dataframe=with_confidence(table))
        wrong = errors(table, confident).head(MOST_ERRORS)
        values["test/errors"] = _errors(wrong, explanation, wandb, pictures)
    if explanation is not None:
        values |= _maps(run, explanation, wandb)
    return values


def plots(table: pd.DataFrame, wandb: Any, curves: bool = True) -> dict[str, Any]:
    """Return the confusion matrix of a predictions table and, with `curves`, precision-recall and ROC curves."""
    classes = class_names(table)
    examples = examples_of(table)
    true, predicted, probabilities = examples.labels.tolist(), examples.predicted.tolist(), examples.probabilities
    values = {
        "test/confusion": wandb.plot.confusion_matrix(
            y_true=true, preds=predicted, class_names=classes, title="Confusion matrix, test"
        )
    }
    if curves and len(set(true)) == len(classes):  # W&B's curves need images of every class
        values["test/pr"] = wandb.plot.pr_curve(true, probabilities, labels=classes, title="Precision and recall, test")
        values["test/roc"] = wandb.plot.roc_curve(true, probabilities, labels=classes, title="ROC, test")
    return values


def _errors(wrong: pd.DataFrame, explanation: Explanation | None, wandb: Any, pictures: Pictures) -> Any:
    """Return the table of errors with their pictures, and with the maps of the first method if some are explained."""
    rows = [
        [row["image"], _thumbnail(pictures(row["image"]), wandb), _map_of(explanation, row["image"], wandb),
         row["subject"], row["label"], row["predicted"], float(row["confidence"])]
        for row in wrong.to_dict("records")
    ]  # fmt: skip
    columns = ["image", "picture", "map", "subject", "label", "predicted", "confidence"]
    if all(row[2] is None for row in rows):
        columns, rows = _without(columns, rows, 2)
    return wandb.Table(columns=columns, data=rows)


def _without(columns: list[str], rows: list[list[Any]], place: int) -> tuple[list[str], list[list[Any]]]:
    return [*columns[:place], *columns[place + 1 :]], [[*row[:place], *row[place + 1 :]] for row in rows]


def _thumbnail(path: Path | None, wandb: Any) -> Any:
    from PIL import Image, UnidentifiedImageError

    if path is None:
        return None
    try:
        with Image.open(path) as opened:
            small = opened.convert("L" if opened.mode in ("L", "1", "I", "I;16", "F") else "RGB")
    except (OSError, UnidentifiedImageError):
        return None  # removed or damaged since it was tested
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    return wandb.Image(small)


def _map_of(explanation: Explanation | None, image: str, wandb: Any) -> Any:
    """Return the map of an image's first method over the image; None if it is not explained."""
    row = None if explanation is None else explanation.row_of(image)
    if explanation is None or row is None or not explanation.contents.methods:
        return None
    path = explanation.picture_file(row, next(iter(explanation.contents.methods)))
    return wandb.Image(str(path)) if path.is_file() else None


def _maps(run: Run, explanation: Explanation, wandb: Any) -> dict[str, Any]:
    """Return panels of maps, one a method, and the figures of the explanation.

    Raises:
        DataError: A file of the explanation is damaged.
    """
    from alzbench.drawing import as_image
    from alzbench.report.map_pictures import explanation_figures

    images = explanation.images.sort_values(["confidence", "image"], ascending=[False, True])
    wrong = images["label"] != images["predicted"]
    shown = pd.concat([images[wrong].head(MOST_MAPS), images[~wrong].head(MOST_MAPS)])
    values: dict[str, Any] = {}
    for method in explanation.contents.methods:
        panel = []
        for row, about in zip(shown.index, shown.to_dict("records"), strict=True):
            path = explanation.picture_file(row, method)
            caption = f"true {about['label']}, predicted {about['predicted']} {about['confidence']:.3f}"
            panel += [wandb.Image(str(path), caption=caption)] if path.is_file() else []
        if panel:
            values[f"explain/{method}"] = panel
    figures = [placed for section in explanation_figures([(run, explanation)]) for placed in section]
    for k, placed in enumerate(figures, start=1):
        values[f"explain/figures/{k:02d}"] = wandb.Image(as_image(placed.figure), caption=placed.caption)
    return values
