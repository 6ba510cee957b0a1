"""Figures of what experiments answered: confusion matrices, calibration, and curves by class, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from alzbench.evaluation.figures import PlainFigure
from alzbench.evaluation.predictions import PREFIX, class_names
from alzbench.report.names import short_names

BINS = 10
ACROSS = 3  # panels side by side; more cannot be read
CURVE_POINTS = 250  # drawn of a curve, which has a point an image
_WIDTH = 3.4

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
        names = short_names(classes)
        axes.set_xticks(range(len(classes)), names, rotation=40, ha="right", fontsize=8)
        axes.set_yticks(range(len(classes)), names, fontsize=8)
        axes.set(xlabel="answered", ylabel="is")
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
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="share right")
        axes.set_title(f"{name}\nECE {calibration_error(table):.3f}", fontsize=9)
    return figure


def roc_panels(tables: Tables) -> Figure:
    """Draw ROC curves of each class against the others, with the area under each."""
    figure, panels = _panels(len(tables))
    for axes, (name, table) in zip(panels, tables.items(), strict=True):
        lines = []
        for label, scores, truth in _one_against_rest(table):
            false, true, _ = roc_curve(truth, scores)
            lines.append(_plot(axes, false, true, f"{label} {roc_auc_score(truth, scores):.2f}"))
        axes.plot([0, 1], [0, 1], color="grey", linestyle=":")
        _describe(axes, lines, name, "false positive rate", "true positive rate", "area")
    return figure


def precision_recall_panels(tables: Tables) -> Figure:
    """Draw precision-recall curves of each class against the others, with the mean precision of each."""
    figure, panels = _panels(len(tables))
    for axes, (name, table) in zip(panels, tables.items(), strict=True):
        lines = []
        for label, scores, truth in _one_against_rest(table):
            precision, recall, _ = precision_recall_curve(truth, scores, drop_intermediate=True)
            lines.append(_plot(axes, recall, precision, f"{label} {average_precision_score(truth, scores):.2f}"))
        _describe(axes, lines, name, "recall", "precision", "mean precision")
    return figure


def _plot(axes: Axes, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], label: str) -> Line2D:
    """Draw a curve through some of its points, its ends among them."""
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), CURVE_POINTS)).astype(int))
    (line,) = axes.plot(x[kept], y[kept], label=label, linewidth=1.2)
    return line


def _describe(axes: Axes, lines: Sequence[Line2D], title: str, x: str, y: str, legend: str) -> None:
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.set_title(title, fontsize=9)
    axes.set_xlabel(x, fontsize=8)
    axes.set_ylabel(y, fontsize=8)
    if lines:  # none where all images are of one class
        # named one by one, as a legend that finds its lines itself leaves out names with a leading _
        labels = [str(line.get_label()) for line in lines]
        axes.legend(lines, labels, title=legend, fontsize=7, title_fontsize=7, frameon=False)


def _one_against_rest(
    table: pd.DataFrame,
) -> Sequence[tuple[str, npt.NDArray[np.float64], npt.NDArray[np.bool_]]]:
    """Return short name, probability and truth of each class that some images have and some have not."""
    found = []
    classes = class_names(table)
    for name, short in zip(classes, short_names(classes), strict=True):
        truth = (table["label"] == name).to_numpy()
        if truth.any() and not truth.all():
            found.append((short, table[PREFIX + name].to_numpy(np.float64), truth))
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
    """Return a figure with a panel for each of `n` experiments, ACROSS side by side."""
    across, down = min(n, ACROSS), -(-n // ACROSS)
    figure = PlainFigure(figsize=(_WIDTH * across, _WIDTH * down), layout="constrained")
    panels = list(figure.subplots(down, across, squeeze=False).flat)
    for axes in panels[n:]:
        axes.remove()
    return figure, panels[:n]
