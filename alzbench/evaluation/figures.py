"""Figures of one run: the confusion matrix and the training curves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from alzbench.drawing import PlainFigure
from alzbench.evaluation.evaluate import TableScores


def confusion_figure(scores: TableScores, title: str) -> Figure:
    """Draw a confusion matrix: colour is the share of the true class, the text the share and the number of images."""
    matrix = np.array(scores.confusion_matrix)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    names = scores.classes
    figure = PlainFigure(figsize=(6.4, 5.4), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(matrix):
        share = shares[row, column]
        colour = "white" if share > 0.5 else "black"
        axes.text(column, row, f"{share:.0%}\n{count:,}", ha="center", va="center", color=colour, fontsize=9)
    axes.set_xticks(range(len(names)), names, rotation=20, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="predicted", ylabel="true")
    axes.set_title(title, fontsize=10)
    figure.colorbar(image, ax=axes, shrink=0.8, label="share of the true class")
    return figure


def _later_stages(history: pd.DataFrame) -> list[tuple[str, Any]]:
    """Return name and epochs of each stage after the first."""
    if "stage" not in history:
        return []
    return [(str(stage), rows["epoch"]) for stage, rows in history.groupby("stage", sort=False)][1:]


def history_figure(history: pd.DataFrame, kept_epoch: int, title: str) -> Figure:
    """Draw loss and accuracy by epoch, for training and validation, with the kept epoch and a second stage marked."""
    figure = PlainFigure(figsize=(8.4, 3.6), layout="constrained")
    marker = "o" if len(history) == 1 else ""  # a line through one point cannot be seen
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        axes.plot(history["epoch"], history[name], label="training", color="tab:blue", marker=marker)
        axes.plot(history["epoch"], history[f"val_{name}"], label="validation", color="tab:orange", marker=marker)
        axes.axvline(kept_epoch, color="grey", linestyle=":", label=f"kept: epoch {kept_epoch}")
        for stage, rows in _later_stages(history):
            axes.axvspan(rows.min() - 0.5, rows.max() + 0.5, color="tab:green", alpha=0.12, linewidth=0, label=stage)
        axes.set(xlabel="epoch", ylabel=name)
        axes.set_xlim(history["epoch"].min() - 0.5, history["epoch"].max() + 0.5)
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axes.legend(frameon=False, fontsize=8)
    figure.suptitle(title, fontsize=10)
    return figure
