"""Figures of one run show the matrix and the history."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from alzbench.drawing import save
from alzbench.evaluation.evaluate import TableScores
from alzbench.evaluation.figures import confusion_figure, history_figure

SCORES = TableScores.from_matrix(np.array([[3, 1], [0, 0]]), ["A", "B"])
HISTORY = pd.DataFrame(
    {"epoch": [1, 2], "loss": [1.0, 0.5], "val_loss": [1.1, 0.9], "accuracy": [0.4, 0.6], "val_accuracy": [0.3, 0.5]}
)


def test_confusion_shows_shares_and_counts(tmp_path: Path) -> None:
    figure = confusion_figure(SCORES, "a title")
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == ["75%\n3", "25%\n1", "0%\n0", "0%\n0"]  # a class without images does not divide by zero
    assert figure.axes[0].get_title() == "a title"
    save(figure, tmp_path / "figures" / "confusion.png")
    with Image.open(tmp_path / "figures" / "confusion.png") as image:
        assert image.format == "PNG"
        assert min(image.size) > 600


def test_history_shows_both_parts_and_the_kept_epoch() -> None:
    figure = history_figure(HISTORY, 2, "a title")
    for axes, name in zip(figure.axes, ("loss", "accuracy"), strict=True):
        lines = {str(line.get_label()): list(line.get_ydata()) for line in axes.lines}
        assert lines["training"] == HISTORY[name].tolist()
        assert lines["validation"] == HISTORY[f"val_{name}"].tolist()
        assert "kept: epoch 2" in lines


def test_a_second_stage_is_shaded() -> None:
    figure = history_figure(HISTORY.assign(stage=["head", "fine-tuning"]), 2, "a title")
    for axes in figure.axes:
        (span,) = axes.patches
        assert span.get_label() == "fine-tuning"
        low, high = span.get_extents().transformed(axes.transData.inverted()).intervalx
        assert (round(low, 6), round(high, 6)) == (1.5, 2.5)
    assert len(history_figure(HISTORY, 2, "a title").axes[0].patches) == 0


def test_names_with_dollars_are_drawn_as_they_are(tmp_path: Path) -> None:
    names = [r"a$\bad{$", "$y$"]
    figure = confusion_figure(TableScores.from_matrix(np.array([[3, 1], [0, 0]]), names), r"$\no{$")
    save(figure, tmp_path / "a.png")
    save(history_figure(HISTORY, 2, r"$\no{$"), tmp_path / "b.png")
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == names
    assert not any(label.get_parse_math() for label in figure.axes[0].get_xticklabels())
