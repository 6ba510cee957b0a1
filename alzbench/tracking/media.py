"""What W&B shows of a complete run beside its figures: plots, tables, pictures of mistakes, and the model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from alzbench.evaluation.predictions import PREFIX, class_names
from alzbench.store import Run

MOST_MISTAKES = 32
THUMBNAIL = 128  # longest side, in pixels
HEATMAPS = "heatmaps"  # folder of a run: for an image called a/b.jpg, a/b.png

Pictures = Callable[[str], Path | None]


def media(run: Run, wandb: Any, pictures: Pictures) -> dict[str, Any]:
    """Return the plots, tables and pictures of a complete run, by their names in W&B.

    Args:
        run: The run; of a trial there are figures alone, as its test part is never read.
        wandb: The client's module.
        pictures: Returns the file of an image by its name; None where it is not at hand.

    Raises:
        DataError: Its files are damaged.
    """
    found = {f"figures/{path.stem}": wandb.Image(str(path)) for path in sorted((run.path / "figures").glob("*.png"))}
    if (run.path / "predictions.csv").is_file():
        table = run.predictions()
        found |= plots(table, wandb, curves=not run.metrics().labels_only)
        found["test/predictions"] = wandb.Table(dataframe=with_confidence(table))
        found["test/mistakes"] = mistakes(run, table, wandb, pictures)
    return found


def plots(table: pd.DataFrame, wandb: Any, curves: bool = True) -> dict[str, Any]:
    """Return confusion matrix and, where asked for, precision-recall and ROC curves of a predictions table."""
    classes = class_names(table)
    index = {name: label for label, name in enumerate(classes)}
    truth = table["label"].map(index).tolist()
    answers = table["predicted"].map(index).tolist()
    shares = table[[PREFIX + name for name in classes]].to_numpy(float)
    found = {
        "test/confusion": wandb.plot.confusion_matrix(
            y_true=truth, preds=answers, class_names=classes, title="Confusion matrix, test"
        )
    }
    if curves and len(set(truth)) == len(classes):  # W&B's curves are of classes that are there
        found["test/pr"] = wandb.plot.pr_curve(truth, shares, labels=classes, title="Precision and recall, test")
        found["test/roc"] = wandb.plot.roc_curve(truth, shares, labels=classes, title="ROC, test")
    return found


def with_confidence(table: pd.DataFrame) -> pd.DataFrame:
    """Return a predictions table with the highest probability of each row, and whether the answer is right."""
    confidence = table[[PREFIX + name for name in class_names(table)]].max(axis=1)
    return table.assign(confidence=confidence, right=table["label"] == table["predicted"])


def mistakes(run: Run, table: pd.DataFrame, wandb: Any, pictures: Pictures) -> Any:
    """Return the surest wrong answers with their pictures, and heat maps where the run has them."""
    every = with_confidence(table)
    worst = every[~every["right"]].sort_values(["confidence", "image"], ascending=[False, True]).head(MOST_MISTAKES)
    rows = [
        [row["image"], _thumbnail(pictures(row["image"]), wandb), _heat_map(run, row["image"], wandb), row["subject"],
         row["label"], row["predicted"], float(row["confidence"])]
        for row in worst.to_dict("records")
    ]  # fmt: skip
    columns = ["image", "picture", "heat map", "subject", "label", "predicted", "confidence"]
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
        return None  # it is gone since it was tested
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    return wandb.Image(small)


def _heat_map(run: Run, image: str, wandb: Any) -> Any:
    path = (run.path / HEATMAPS / image).with_suffix(".png")
    return wandb.Image(str(path)) if path.is_file() else None
