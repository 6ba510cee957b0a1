"""The figures of a comparison's page, drawn from the comparison and from the stored predictions."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from alzbench.compare import Comparison, Group
from alzbench.report import curves, figure
from alzbench.store import read_run

MOST = 6  # experiments side by side; more cannot be read


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
        found += [
            (curves.confusion_panels(tables), "Answers in per cent of each true class, all seeds together."),
            (curves.reliability_panels(tables), "How often answers of each confidence are right."),
            (curves.curve_panels(tables), "Each class against the others."),
        ]
    return found


def _predictions(group: Group) -> dict[str, pd.DataFrame]:
    """Return the predictions of the first experiments of a group, all seeds and folds of each together."""
    found = {}
    for row in [row for row in group.rows if not row.sanity][:MOST]:
        runs = [read_run(Path(folder)) for folder in row.folders]
        tables = [run.table("predictions.csv") for run in runs if (run.path / "predictions.csv").is_file()]
        if tables:
            found[row.label] = pd.concat(tables, ignore_index=True)
    return found
