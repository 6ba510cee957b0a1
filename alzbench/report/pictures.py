"""The figures of a comparison's page, drawn from the comparison and from the stored predictions."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from alzbench.compare import Comparison, Group
from alzbench.report import curves, figure
from alzbench.report.document import MOST_SIDE_BY_SIDE
from alzbench.store import read_run


def comparison_figures(group: Group) -> list[tuple[Figure, str]]:
    """Return the figures of a group, with their captions."""
    found: list[tuple[Figure, str]] = []
    if any(row.accuracy for row in group.rows):
        found.append((figure.comparison_figure(Comparison((group,))), "Test accuracy of each experiment."))
    if any(pair.differences["accuracy"] for pair in group.pairs):
        found.append((figure.differences_figure(group), "Paired differences; grey where the interval holds 0."))
    if any(effect.accuracy for effect in group.effects):
        found.append((figure.effects_figure(group), "Effects of the factors; grey where the interval holds 0."))
    tables = _predictions(group)
    if tables:
        attempts = sum(not row.sanity for row in group.rows)
        which = f" The first {MOST_SIDE_BY_SIDE} of {attempts} experiments." if attempts > MOST_SIDE_BY_SIDE else ""
        found += [(drawn, caption + which) for drawn, caption in prediction_figures(tables)]
    return found


def prediction_figures(tables: curves.Tables) -> list[tuple[Figure, str]]:
    """Return the figures of what experiments answered, with their captions."""
    return [
        (
            curves.confusion_panels(tables),
            "Answers in per cent of each true class; where there are several seeds, of all together.",
        ),
        (
            curves.reliability_panels(tables),
            "How often answers of each confidence are right; ECE is the expected calibration error.",
        ),
        (curves.roc_panels(tables), "ROC curves, each class against the others, with the area under each."),
        (curves.precision_recall_panels(tables), "Precision and recall, each class against the others."),
    ]


def _predictions(group: Group) -> dict[str, pd.DataFrame]:
    """Return the predictions of the first experiments of a group, all seeds and folds of each together."""
    found = {}
    for row in [row for row in group.rows if not row.sanity][:MOST_SIDE_BY_SIDE]:
        runs = [read_run(Path(folder)) for folder in row.folders]
        tables = [run.predictions() for run in runs if (run.path / "predictions.csv").is_file()]
        if tables:
            found[row.label] = pd.concat(tables, ignore_index=True)
    return found
