"""The figures of a comparison's page, drawn from the comparison and from the stored predictions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from alzbench.compare import Comparison, Group
from alzbench.report import curves, figure
from alzbench.report.document import MOST_SIDE_BY_SIDE
from alzbench.store import read_run


class Placed(NamedTuple):
    """A figure with its caption, and how the title of the table begins that it stands beside; empty for none."""

    figure: Figure
    caption: str
    beside: str = ""


def comparison_figures(group: Group) -> list[tuple[Figure, str]]:
    """Return the figures of a group, with their captions."""
    return [(placed.figure, placed.caption) for placed in placed_figures(group)]


def placed_figures(group: Group) -> list[Placed]:
    """Return the figures of a group, with their captions and places."""
    found: list[Placed] = []
    if any(row.accuracy for row in group.rows):
        drawn = figure.comparison_figure(Comparison((group,)))
        found.append(Placed(drawn, "Test accuracy of each experiment.", "By slice"))
    if any(pair.differences["accuracy"] for pair in group.pairs):
        drawn = figure.differences_figure(group)
        found.append(Placed(drawn, "Paired differences; grey where the interval holds 0.", "Against"))
    if any(effect.accuracy for effect in group.effects):
        drawn = figure.effects_figure(group)
        found.append(Placed(drawn, "Effects of the factors; grey where the interval holds 0.", "Effects"))
    tables, answers_only = _predictions(group)
    if tables:
        attempts = sum(not row.sanity for row in group.rows)
        which = f" The first {MOST_SIDE_BY_SIDE} of {attempts} experiments." if attempts > MOST_SIDE_BY_SIDE else ""
        found += [
            placed._replace(caption=placed.caption + which) for placed in prediction_figures(tables, answers_only)
        ]
    return found


def prediction_figures(tables: curves.Tables, answers_only: Sequence[str] = ()) -> list[Placed]:
    """Return the figures of what experiments answered, with their captions.

    Args:
        tables: The predictions of each.
        answers_only: Those whose predictions came without probabilities, of which nothing can be drawn but answers.
    """
    about = "Answers in per cent of each true class; where there are several seeds, of all together."
    if answers_only:
        about += f" {', '.join(answers_only)}: answers without probabilities, so without calibration and curves."
    found = [Placed(curves.confusion_panels(tables), about, "By class")]
    likely = {name: table for name, table in tables.items() if name not in answers_only}
    if not likely:
        return found
    calibration = "How often answers of each confidence are right; ECE is the expected calibration error."
    roc = "ROC curves, each class against the others, with the area under each."
    precision = "Precision and recall, each class against the others."
    return [
        *found,
        Placed(curves.roc_panels(likely), roc, "By class"),
        Placed(curves.precision_recall_panels(likely), precision, "By class"),
        Placed(curves.reliability_panels(likely), calibration, "By class"),
    ]


def _predictions(group: Group) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Return the predictions of the first experiments of a group, all seeds and folds of each together.

    And the names of those with answers alone.
    """
    found, answers_only = {}, []
    for row in [row for row in group.rows if not row.sanity][:MOST_SIDE_BY_SIDE]:
        runs = [read_run(Path(folder)) for folder in row.folders]
        runs = [run for run in runs if (run.path / "predictions.csv").is_file()]
        if runs:
            found[row.label] = pd.concat([run.predictions() for run in runs], ignore_index=True)
        if any(run.metrics.get("answers_only") for run in runs):
            answers_only.append(row.label)
    return found, answers_only
