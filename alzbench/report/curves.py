"""Figures of what experiments answered: confusion matrices, calibration, and curves by class, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from alzbench.evaluation.predictions import PREFIX, class_names

BINS = 10
_WIDTH = 3.0

Tables = Mapping[str, pd.DataFrame]  # predictions of each experiment, all its seeds and folds together


def calibration_error(table: pd.DataFrame) -> float:
    """Return the expected calibration error of a predictions table, in [0, 1].

    The mean distance between confidence (the probability of the answer) and share of right answers, over ten bins of
    equal width weighed by their images: Guo et al. 2017, https://arxiv.org/abs/1706.04599, equation 5.
    """
    _, confidence, right, sizes = _bins(table)
    return float((sizes * np.abs(confidence - right)).sum() / sizes.sum())


def confusion_panels(tables: Tables) -> Figure:
    """Draw the confusion matrices, in per cent of each true class."""
    figure, panels = _panels(len(tables))
    for axes, (name, table) in zip(panels, tables.items(), strict=True):
        classes = class_names(table)
        counts = pd.crosstab(table["label"], table["predicted"]).reindex(index=classes, columns=classes, fill_value=0)
        rows = counts.sum(axis=1).to_numpy()[:, None]
        shares = np.divide(100 * counts.to_numpy(), rows, out=np.zeros(counts.shape), where=rows > 0)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
        for (row, column), share in np.ndenumerate(shares):
            colour = "white" if share > 60 else "black"
            axes.text(column, row, f"{share:.0f}", ha="center", va="center", color=colour, fontsize=8)
        axes.set_xticks(range(len(classes)), classes, rotation=40, ha="right", fontsize=7)
        axes.set_yticks(range(len(classes)), classes if axes is panels[0] else [], fontsize=7)
        axes.set_title(name, fontsize=9)
    return figure


def reliability_panels(tables: Tables) -> Figure:
    """Draw how often answers of each confidence are right, with the expected calibration error."""
    figure, panels = _panels(len(tables))
    for axes, (name, table) in zip(panels, tables.items(), strict=True):
        edges, confidence, right, sizes = _bins(table)
        axes.bar(edges[:-1], right, width=1 / BINS, align="edge", color="tab:blue", alpha=0.75, edgecolor="white")
        axes.plot([0, 1], [0, 1], color="grey", linestyle=":")
        axes.plot(confidence[sizes > 0], right[sizes > 0], "o", color="black", markersize=3)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence")
        axes.set_title(f"{name}\nECE {calibration_error(table):.3f}", fontsize=9)
    panels[0].set_ylabel("share right")
    return figure


def curve_panels(tables: Tables) -> Figure:
    """Draw ROC and precision-recall curves of each class against the others."""
    figure = Figure(figsize=(_WIDTH * len(tables) + 0.6, 2 * _WIDTH), layout="constrained")
    panels = figure.subplots(2, len(tables), squeeze=False)
    for column, (name, table) in enumerate(tables.items()):
        for label, scores, truth in _one_against_rest(table):
            false, true, _ = roc_curve(truth, scores)
            panels[0][column].plot(false, true, label=f"{label} {roc_auc_score(truth, scores):.2f}", linewidth=1.2)
            precision, recall, _ = precision_recall_curve(truth, scores, drop_intermediate=True)
            average = average_precision_score(truth, scores)
            panels[1][column].plot(recall, precision, label=f"{label} {average:.2f}", linewidth=1.2)
        panels[0][column].plot([0, 1], [0, 1], color="grey", linestyle=":")
        panels[0][column].set_title(name, fontsize=9)
        _describe(panels[0][column], "false positive rate", "true positive rate", "area")
        _describe(panels[1][column], "recall", "precision", "mean precision")
    return figure


def _describe(axes: Axes, x: str, y: str, legend: str) -> None:
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.set_xlabel(x, fontsize=8)
    axes.set_ylabel(y, fontsize=8)
    axes.legend(title=legend, fontsize=6, title_fontsize=6, frameon=False)


def _one_against_rest(
    table: pd.DataFrame,
) -> Sequence[tuple[str, npt.NDArray[np.float64], npt.NDArray[np.bool_]]]:
    """Return name, probability and truth of each class that some images have and some have not."""
    found = []
    for name in class_names(table):
        truth = (table["label"] == name).to_numpy()
        if truth.any() and not truth.all():
            found.append((name, table[PREFIX + name].to_numpy(np.float64), truth))
    return found


def _bins(table: pd.DataFrame) -> tuple[npt.NDArray[np.float64], ...]:
    """Return edges (BINS + 1,), and mean confidence, share right and images of each bin (BINS,)."""
    probabilities = table[[PREFIX + name for name in class_names(table)]].to_numpy(np.float64)
    confidence, right = probabilities.max(axis=1), (table["label"] == table["predicted"]).to_numpy()
    edges = np.linspace(0, 1, BINS + 1)
    place = np.clip(np.digitize(confidence, edges[1:-1], right=True), 0, BINS - 1)
    sizes = np.bincount(place, minlength=BINS).astype(np.float64)
    means = [
        np.divide(np.bincount(place, values, BINS), sizes, out=np.zeros(BINS), where=sizes > 0)
        for values in (confidence, right.astype(np.float64))
    ]
    return edges, *means, sizes


def _panels(n: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(_WIDTH * n + 0.8, _WIDTH + 0.5), layout="constrained")
    return figure, list(figure.subplots(1, n, squeeze=False)[0])
