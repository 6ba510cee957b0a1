"""A comparison as a figure: accuracy of each experiment, a panel for each group of comparable runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alzbench.compare import Comparison, ExperimentRow, Group, Interval, Spread
from alzbench.drawing import PlainFigure
from alzbench.report.remarks import NO_LEAK, leak_mark

_COLOURS = {"slices": "tab:blue", "subjects": "tab:orange"}
_LABELS = {
    "slices": "slices, with the 95 % interval over seeds and subjects",
    "subjects": "subjects, with theirs",
}


def comparison_figure(comparison: Comparison) -> Figure:
    """Draw accuracy by slice and by subject with 95 % intervals, and the published references."""
    groups = [group for group in comparison.groups if any(row.accuracy for row in group.rows)]
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
    pairs = [(pair, found.interval) for pair in group.pairs if (found := pair.differences["accuracy"])][::-1]
    names = [pair.other for pair, _ in pairs]
    return _forest(names, [i for _, i in pairs], f"test accuracy, points more than {group.pairs[0].baseline}")


def effects_figure(group: Group) -> Figure:
    """Draw the effects of a study's factors on accuracy, with their 95 % intervals."""
    shown = [(f"{e.factor}: {e.level}", e.accuracy) for e in group.effects if e.accuracy][::-1]
    return _forest([name for name, _ in shown], [i for _, i in shown], "mean change of test accuracy, points")


def _forest(names: Sequence[str], intervals: Sequence[Interval], label: str) -> Figure:
    figure = PlainFigure(figsize=(7.2, 0.36 * len(names) + 1.2), layout="constrained")
    axes = figure.subplots()
    for place, found in enumerate(intervals):
        shown = not found.low <= 0 <= found.high
        ends = [[100 * (found.value - found.low)], [100 * (found.high - found.value)]]
        axes.errorbar(100 * found.value, place, xerr=ends, fmt="o", color="tab:blue" if shown else "grey")
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_yticks(range(len(names)), names, fontsize=9)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlabel(label, fontsize=9)
    axes.grid(axis="x", alpha=0.3)
    return figure


def _accuracy(row: ExperimentRow, name: str) -> tuple[Spread | None, Interval | None]:
    """Return accuracy by slice or by subject with its interval."""
    scores = row if name == "slices" else row.by_subject
    return (scores.accuracy, scores.intervals.get("accuracy")) if scores else (None, None)


def _errors(interval: Interval | None) -> list[list[float]] | None:
    """Return how far the bar reaches to the left and to the right, in points; None for no bar."""
    if interval is None:
        return None
    return [[100 * (interval.value - interval.low)], [100 * (interval.high - interval.value)]]


def _panel(axes: Axes, group: Group) -> None:
    rows = group.rows[::-1]
    places = np.arange(len(rows))
    for shift, (name, colour) in zip((0.12, -0.12), _COLOURS.items(), strict=True):
        for place, row in zip(places, rows, strict=True):
            spread, interval = _accuracy(row, name)
            if spread:
                axes.errorbar(
                    100 * spread.mean,
                    place + shift,
                    xerr=_errors(interval),
                    fmt="o",
                    color=colour,
                    alpha=0.55 if row.sanity else 1,
                    label=_LABELS[name] if place == len(rows) - 1 else None,
                )
    for reference in group.references:
        axes.axvline(100 * reference.accuracy, color="grey", linestyle=":", label=reference.name)
    title = f"{'demo, ' if group.demo else ''}{group.protocol}" + f"\n({leak_mark(group.leaks) or NO_LEAK})"
    axes.set_title(title, fontsize=10)
    axes.set_yticks(places, [row.label for row in rows], fontsize=8)
    axes.set_xlabel("test accuracy, %", fontsize=9)
    axes.set_xlim(0, 100)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.grid(axis="x", alpha=0.3)
