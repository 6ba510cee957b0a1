"""Figures of the checks of maps: a randomisation step by step, and all checks with their baselines."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from alzbench.drawing import panel_figure
from alzbench.report.map_answer import RANDOMISATION, check_names
from alzbench.report.map_figures import plain
from alzbench.store.explanation import Check, Estimate

ACROSS = 3
MOST_PANELS = 6  # runs whose randomisation is drawn
_BASELINE = "baseline"
COLOURS = {"passed": "tab:blue", "unclear": "grey", "failed": "tab:red", _BASELINE: "dimgrey"}

Checks = Mapping[str, Sequence[Check]]  # run -> its checks


def has_steps(checks: Sequence[Check]) -> bool:
    """Return True if a randomisation with its steps is among some checks."""
    return any(check.name == RANDOMISATION and check.steps for check in checks)


def randomisation_figure(runs: Checks, methods: Mapping[str, str]) -> Figure:
    """Draw the similarity of each method's maps to their first ones, after each step of a randomisation.

    Args:
        runs: Run -> its checks; a panel for each of the first MOST_PANELS runs that have steps.
        methods: Method -> its label.
    """
    shown = dict([(name, checks) for name, checks in runs.items() if has_steps(checks)][:MOST_PANELS])
    steps = max(len(check.steps) for checks in shown.values() for check in checks)
    figure, panels = panel_figure(len(shown), ACROSS, max(3.6, 0.32 * steps + 1.4), 3.2, 0.4)
    places = {name: k for k, name in enumerate(methods)}
    for axes, (name, checks) in zip(panels, shown.items(), strict=True):
        for check in checks:
            if check.name == RANDOMISATION and check.steps:
                _line(axes, check, methods.get(check.method, check.method), f"C{places.get(check.method, 9) % 10}")
        axes.set_title(plain(name), fontsize=9)
        axes.set_ylabel("similarity to the maps\nof the trained model", fontsize=8)
        axes.axhline(0, color="black", linewidth=0.5)
        axes.tick_params(labelsize=7)
        axes.grid(axis="y", alpha=0.3)
    handles = _handles(panels)
    level = Line2D([], [], color="black", linestyle=":", label="level of unrelated images")
    figure.legend(handles=[*handles, level], loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return figure


def _line(axes: Axes, check: Check, label: str, colour: str) -> None:
    names = ["trained", *check.steps]
    axes.plot(range(len(names)), [1.0, *check.steps.values()], "o-", markersize=3, color=colour, label=plain(label))
    axes.set_xticks(range(len(names)), [plain(name, 24) for name in names], rotation=60, ha="right", fontsize=7)
    if check.baseline is not None:
        axes.axhline(check.baseline.value, color=colour, linestyle=":", linewidth=1)


def check_figure(runs: Checks, methods: Mapping[str, str]) -> Figure:
    """Draw each check's values and baselines with their intervals: a panel a check, a row a method.

    Args:
        runs: Run -> its checks, a point in each row.
        methods: Method -> its label.
    """
    kinds = check_names(runs.values())
    rows = (0.1 * len(runs) + 0.25) * len(methods)
    figure, panels = panel_figure(len(kinds), 2 if len(kinds) == 4 else ACROSS, 3.4, max(1.5, rows + 0.8), 0.4)
    for axes, (kind, title) in zip(panels, kinds.items(), strict=True):
        of_kind = [[check for check in checks if (check.name, check.against) == kind] for checks in runs.values()]
        present = [method for method in methods if any(c.method == method for checks in of_kind for c in checks)]
        points: dict[str, list[tuple[Estimate, float]]] = {}
        for row, method in enumerate(present):
            for k, checks in enumerate(of_kind):
                place = row + (k + 0.5) / len(runs) * 0.8 - 0.4
                for check in (check for check in checks if check.method == method):
                    if check.baseline is not None:
                        points.setdefault(_BASELINE, []).append((check.baseline, place + 0.08 / len(runs)))
                    points.setdefault(check.verdict, []).append((check.value, place - 0.08 / len(runs)))
        for kind_of_point, drawn in points.items():
            _draw(axes, kind_of_point, drawn)
        axes.set_yticks(range(len(present)), [plain(methods[method], 22) for method in present], fontsize=8)
        axes.set_ylim(len(present) - 0.5, -0.5)
        axes.set_title("\n".join(textwrap.wrap(plain(title, 90), 44)), fontsize=8)
        axes.tick_params(axis="x", labelsize=7)
        axes.grid(axis="x", alpha=0.3)
    handles = [Line2D([], [], marker="o", linestyle="", color=c, label=name) for name, c in COLOURS.items()]
    handles[-1].set_markerfacecolor("none")
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return figure


def _draw(axes: Axes, kind: str, points: Sequence[tuple[Estimate, float]]) -> None:
    """Draw estimates at their places, in one go: a figure of hundreds of points stays small."""
    known = [(one.low, one.high, place) for one, place in points if one.low is not None and one.high is not None]
    if known:
        low, high, places = zip(*known, strict=True)
        axes.hlines(places, low, high, color=COLOURS[kind], linewidth=1.2)
    hollow = "white" if kind == _BASELINE else COLOURS[kind]
    axes.plot(
        [one.value for one, _ in points],
        [place for _, place in points],
        "o",
        markersize=4,
        color=COLOURS[kind],
        markerfacecolor=hollow,
    )


def _handles(panels: Sequence[Axes]) -> list[Line2D]:
    """Return a line for each method that a panel draws."""
    lines = {str(line.get_label()): line for axes in panels for line in axes.lines if line.get_marker() == "o"}
    return list(lines.values())
