"""Figures of predictions: confusion matrices, calibration, and curves by class, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from sklearn.metrics import precision_recall_curve, roc_curve

from alzbench.drawing import panel_figure
from alzbench.evaluation.calibration import BINS, EDGES, bin_sums
from alzbench.evaluation.metrics import METRICS, Metric
from alzbench.evaluation.predictions import PREFIX, class_names, with_confidence
from alzbench.evaluation.scores import Score, Scores
from alzbench.report.columns import SHARE, metric_form
from alzbench.report.document import Cell
from alzbench.report.names import short_names

ACROSS = 3  # panels side by side; more cannot be read
CURVE_POINTS = 250  # points that are drawn of a curve, which has one per image
_WIDTH = 3.4

Tables = Mapping[str, pd.DataFrame]  # experiment -> its predictions, all its seeds and folds together


def confusion_panels(tables: Tables) -> Figure:
    """Draw the confusion matrices, in per cent of each true class."""
    figure, panels = panel_figure(len(tables), ACROSS, _WIDTH, _WIDTH)
    for axes, (name, table) in zip(panels, tables.items(), strict=True):
        classes = class_names(table)
        counts = pd.crosstab(table["label"], table["predicted"]).reindex(index=classes, columns=classes, fill_value=0)
        rows = counts.sum(axis=1).to_numpy()[:, None]
        shares = np.divide(counts.to_numpy(), rows, out=np.zeros(counts.shape), where=rows > 0)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (row, column), share in np.ndenumerate(shares):
            colour = "white" if share > 0.6 else "black"
            axes.text(column, row, SHARE.text(Cell(share)), ha="center", va="center", color=colour, fontsize=8)
        names = short_names(classes)
        axes.set_xticks(range(len(classes)), names, rotation=40, ha="right", fontsize=8)
        axes.set_yticks(range(len(classes)), names, fontsize=8)
        axes.set(xlabel="predicted", ylabel="true")
        axes.set_title(name, fontsize=9)
    return figure


def reliability_panels(tables: Tables, scores: Mapping[str, Scores]) -> Figure:
    """Draw the share of correct predictions at each confidence, with the expected calibration error."""
    figure, panels = panel_figure(len(tables), ACROSS, _WIDTH, _WIDTH)
    error = METRICS["calibration_error"]
    for axes, (name, table) in zip(panels, tables.items(), strict=True):
        images, confidence, right = _bins(table)
        axes.bar(EDGES[:-1], right, width=1 / BINS, align="edge", color="tab:blue", alpha=0.75, edgecolor="white")
        axes.plot([0, 1], [0, 1], color="grey", linestyle=":")
        axes.plot(confidence[images > 0], right[images > 0], "o", color="black", markersize=3)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="share correct")
        axes.set_title(f"{name}\n{error.short} {_value(error, scores[name].overall.get(error.name))}", fontsize=9)
    return figure


def roc_panels(tables: Tables, scores: Mapping[str, Scores]) -> Figure:
    """Draw ROC curves of each class against the others, with the area under each."""
    figure, panels = panel_figure(len(tables), ACROSS, _WIDTH, _WIDTH)
    area = METRICS["roc_auc"]
    for axes, (name, table) in zip(panels, tables.items(), strict=True):
        lines, areas = [], scores[name].by_class[area.name]
        for label, short, probability, true in _one_against_rest(table):
            false_positives, true_positives, _ = roc_curve(true, probability)
            lines.append(_plot(axes, false_positives, true_positives, f"{short} {_value(area, areas.get(label))}"))
        axes.plot([0, 1], [0, 1], color="grey", linestyle=":")
        _describe(axes, lines, name, "false positive rate", "true positive rate", area.label)
    return figure


def precision_recall_panels(tables: Tables, scores: Mapping[str, Scores]) -> Figure:
    """Draw precision-recall curves of each class against the others, with the average precision of each."""
    figure, panels = panel_figure(len(tables), ACROSS, _WIDTH, _WIDTH)
    average = METRICS["average_precision"]
    for axes, (name, table) in zip(panels, tables.items(), strict=True):
        lines, precisions = [], scores[name].by_class[average.name]
        for label, short, probability, true in _one_against_rest(table):
            precision, recall, _ = precision_recall_curve(true, probability, drop_intermediate=True)
            lines.append(_plot(axes, recall, precision, f"{short} {_value(average, precisions.get(label))}"))
        _describe(axes, lines, name, "recall", "precision", average.label)
    return figure


def _value(metric: Metric, score: Score | None) -> str:
    """Return the mean over the seeds; the curve shows all seeds together."""
    return metric_form(metric).text(Cell(score.mean if score else None))


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
    if lines:  # none if all images are of one class
        # named one by one, because an automatic legend leaves out names with a leading _
        labels = [str(line.get_label()) for line in lines]
        axes.legend(lines, labels, title=legend, fontsize=7, title_fontsize=7, frameon=False)


def _one_against_rest(
    table: pd.DataFrame,
) -> Sequence[tuple[str, str, npt.NDArray[np.float64], npt.NDArray[np.bool_]]]:
    """Return name, short name, probability and true label of each class that some images have, but not all."""
    curves = []
    classes = class_names(table)
    for name, short in zip(classes, short_names(classes), strict=True):
        true = (table["label"] == name).to_numpy()
        if true.any() and not true.all():
            curves.append((name, short, table[PREFIX + name].to_numpy(np.float64), true))
    return curves


def _bins(table: pd.DataFrame) -> tuple[npt.NDArray[np.float64], ...]:
    """Return images, mean confidence and share correct of each bin (BINS,)."""
    predictions = with_confidence(table)
    confidence, right = predictions["confidence"].to_numpy(), predictions["right"].to_numpy()
    images, *sums = bin_sums(confidence, right, np.zeros(len(table), np.intp), 1)[0]
    return images, *(np.divide(total, images, out=np.zeros(BINS), where=images > 0) for total in sums)
