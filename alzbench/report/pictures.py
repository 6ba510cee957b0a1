"""The figures of the pages of a comparison and of a run, with their captions and places."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from alzbench.compare import Comparison, Group
from alzbench.compare.predictions import MOST_SIDE_BY_SIDE, GroupPredictions
from alzbench.evaluation.figures import history_figure
from alzbench.evaluation.metrics import ACCURACY, CLASS_HEADLINE
from alzbench.report import curves, figure
from alzbench.report.run import ScoredRun


class Placed(NamedTuple):
    """A figure with its caption.

    Attributes:
        figure, caption: Both.
        beside: The key of the table that it stands beside; empty for none.
        images: True if it shows images, whose colours must never be inverted.
    """

    figure: Figure
    caption: str
    beside: str = ""
    images: bool = False


def group_figures(group: Group, predictions: GroupPredictions) -> list[Placed]:
    """Return the figures of a group of a comparison."""
    placed: list[Placed] = []
    if any(ACCURACY.name in row.scores for row in group.rows):
        drawn = figure.comparison_figure(Comparison((group,)))
        placed.append(Placed(drawn, f"Test {ACCURACY.label} of each experiment.", "overall"))
    if any(pair.differences[ACCURACY.name] for pair in group.pairs):
        drawn = figure.differences_figure(group)
        placed.append(Placed(drawn, "Paired differences; grey if the interval contains 0.", "pairs"))
    if any(effect.changes[ACCURACY.name] for effect in group.effects):
        drawn = figure.effects_figure(group)
        placed.append(Placed(drawn, "Effects of the factors; grey if the interval contains 0.", "effects"))
    if predictions.tables:
        attempts = sum(not row.sanity for row in group.rows)
        which = (
            f" Shows the first {MOST_SIDE_BY_SIDE} of {attempts} experiments." if attempts > MOST_SIDE_BY_SIDE else ""
        )
        placed += [one._replace(caption=one.caption + which) for one in prediction_figures(predictions)]
    return placed


def run_figures(scored: ScoredRun) -> list[Placed]:
    """Return the figures of a run whose predictions are read."""
    run, name = scored.run, scored.run.card.experiment
    tables = {} if scored.table is None else {name: {run.card.seed: scored.table}}
    labels_only = (name,) if scored.labels_only else ()
    scores = {} if scored.labels_only else {name: scored.scores}
    placed = prediction_figures(GroupPredictions(tables, labels_only, (), scores))
    if (run.path / "history.csv").is_file():
        history = history_figure(run.table("history.csv"), run.metrics().kept_epoch or 0, name)
        placed.insert(0, Placed(history, "Training curves, with the kept epoch.", "overall"))
    return placed


def prediction_figures(predictions: GroupPredictions) -> list[Placed]:
    """Return the figures of the predictions of experiments."""
    tables = {name: pd.concat(seeds.values(), ignore_index=True) for name, seeds in predictions.tables.items()}
    about = "Predictions in per cent of each true class, all seeds together."
    if predictions.labels_only:
        names = ", ".join(predictions.labels_only)
        about += f" No calibration and curves without probabilities: {names}."
    placed = [Placed(curves.confusion_panels(tables), about, CLASS_HEADLINE.name)]
    scores = predictions.scores
    if not scores:
        return placed
    tables = {name: tables[name] for name in scores}
    roc = "ROC curves, each class against the others, with the area under each."
    precision = "Precision and recall, each class against the others, with the average precision of each."
    calibration = "Share of correct predictions at each confidence; ECE is the expected calibration error."
    return [
        *placed,
        Placed(curves.roc_panels(tables, scores), roc, "probabilities"),
        Placed(curves.precision_recall_panels(tables, scores), precision, "probabilities"),
        Placed(curves.reliability_panels(tables, scores), calibration, "probabilities"),
    ]
