"""A comparison as a figure: accuracy of each experiment, a panel for each group of comparable runs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alzbench.compare import Comparison, Group
from alzbench.drawing import PlainFigure
from alzbench.evaluation.intervals import Interval
from alzbench.evaluation.metrics import ACCURACY
from alzbench.report.columns import metric_name
from alzbench.report.remarks import NO_LEAK, leak_mark

_SHOWN = (  # metric, colour, place beside the row's, name in the legend
    (ACCURACY.name, "tab:blue", 0.12, "by slice, with 95 % interval over seeds and subjects"),
    (f"subject_{ACCURACY.name}", "tab:orange", -0.12, "by subject, with the same interval"),
)


def comparison_figure(comparison: Comparison) -> Figure:
    """Draw accuracy by slice and by subject with 95 % intervals, and the published references."""
    groups = [group for group in comparison.groups if any(ACCURACY.name in row.scores for row in group.rows)]
    rows = max((len(group.rows) for group in groups), default=1)
    figure = PlainFigure(figsize=(3.2 * max(len(groups), 1) + 1.2, 0.42 * rows + 1.9), layout="constrained")
    panels = figure.subplots(1, max(len(groups), 1), squeeze=False, sharex=True)[0]
    for axes, group in zip(panels, groups, strict=False):
        _panel(axes, group)
    if groups:
        handles, labels = panels[0].get_legend_handles_labels()
        columns = min(len(groups), len(handles))  # what fits below so many panels
        figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize=8)
    return figure


def differences_figure(group: Group) -> Figure:
    """Draw the paired differences of accuracy to the baseline, with their 95 % intervals."""
    known = {pair.other: known.interval for pair in group.pairs if (known := pair.differences[ACCURACY.name])}
    return _forest(known, f"test {ACCURACY.label}, difference to {group.pairs[0].baseline} in points")


def effects_figure(group: Group) -> Figure:
    """Draw the effects of a study's factors on accuracy, with their 95 % intervals."""
    changes = [(f"{effect.factor}: {effect.level}", effect.changes[ACCURACY.name]) for effect in group.effects]
    known = {name: change for name, change in changes if change}
    return _forest(known, f"mean change of test {ACCURACY.label} in points")


def _forest(intervals: Mapping[str, Interval], label: str) -> Figure:
    names = list(intervals)[::-1]
    figure = PlainFigure(figsize=(7.2, 0.36 * len(names) + 1.2), layout="constrained")
    axes = figure.subplots()
    for place, name in enumerate(names):
        interval = intervals[name]
        shown = not interval.low <= 0 <= interval.high
        colour = "tab:blue" if shown else "grey"
        axes.errorbar(ACCURACY.scale * interval.value, place, xerr=_errors(interval), fmt="o", color=colour)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_yticks(range(len(names)), names, fontsize=9)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlabel(label, fontsize=9)
    axes.grid(axis="x", alpha=0.3)
    return figure


def _errors(interval: Interval | None) -> list[list[float]] | None:
    """Return the length of the error bar to the left and to the right, in points; None for no bar."""
    if interval is None:
        return None
    below, above = interval.value - interval.low, interval.high - interval.value
    return [[ACCURACY.scale * below], [ACCURACY.scale * above]]


def _panel(axes: Axes, group: Group) -> None:
    rows = group.rows[::-1]
    places = np.arange(len(rows))
    for metric, colour, shift, label in _SHOWN:
        for place, row in zip(places, rows, strict=True):
            if score := row.scores.get(metric):
                axes.errorbar(
                    ACCURACY.scale * score.mean,
                    place + shift,
                    xerr=_errors(score.interval),
                    fmt="o",
                    color=colour,
                    alpha=0.55 if row.sanity else 1,
                    label=label if place == len(rows) - 1 else None,
                )
    for reference in group.references:
        axes.axvline(ACCURACY.scale * reference.accuracy, color="grey", linestyle=":", label=reference.name)
    title = f"{'demo, ' if group.demo else ''}{group.protocol}" + f"\n({leak_mark(group.leaks) or NO_LEAK})"
    axes.set_title(title, fontsize=10)
    axes.set_yticks(places, [row.label for row in rows], fontsize=8)
    axes.set_xlabel(f"test {metric_name(ACCURACY)}", fontsize=9)
    axes.set_xlim(0, ACCURACY.scale)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.grid(axis="x", alpha=0.3)
