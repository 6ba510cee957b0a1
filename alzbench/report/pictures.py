"""The figures of a comparison's page, drawn from the comparison and from the stored predictions."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from alzbench.compare import Comparison, Group
from alzbench.compare.probabilities import MOST_SIDE_BY_SIDE, Likely
from alzbench.report import curves, figure
from alzbench.report.document import PROBABILITIES


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
    if group.likely.tables:
        attempts = sum(not row.sanity for row in group.rows)
        which = f" The first {MOST_SIDE_BY_SIDE} of {attempts} experiments." if attempts > MOST_SIDE_BY_SIDE else ""
        found += [placed._replace(caption=placed.caption + which) for placed in prediction_figures(group.likely)]
    return found


def prediction_figures(likely: Likely) -> list[Placed]:
    """Return the figures of what experiments answered, with their captions."""
    tables = {name: pd.concat(of.values(), ignore_index=True) for name, of in likely.tables.items()}
    about = "Answers in per cent of each true class; where there are several seeds, of all together."
    if likely.answers_only:
        names = ", ".join(likely.answers_only)
        about += f" {names}: answers without probabilities, so without calibration and curves."
    found = [Placed(curves.confusion_panels(tables), about, "By class")]
    scores = likely.scores
    if not scores:
        return found
    tables = {name: tables[name] for name in scores}
    roc = "ROC curves, each class against the others, with the area under each."
    precision = "Precision and recall, each class against the others, with the mean precision of each."
    calibration = "How often answers of each confidence are right; ECE is the expected calibration error."
    return [
        *found,
        Placed(curves.roc_panels(tables, scores), roc, PROBABILITIES),
        Placed(curves.precision_recall_panels(tables, scores), precision, PROBABILITIES),
        Placed(curves.reliability_panels(tables, scores), calibration, PROBABILITIES),
    ]
