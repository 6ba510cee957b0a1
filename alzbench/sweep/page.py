"""The page of a sweep: its document with Optuna's plots of the trials, as an HTML file."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from optuna.study import Study
from optuna.trial import FrozenTrial

from alzbench.compare import Comparison
from alzbench.compare.predictions import GroupPredictions
from alzbench.drawing import panel_figure
from alzbench.evaluation.metrics import Metric
from alzbench.report.document import Document
from alzbench.report.pages import Files, write_document
from alzbench.report.pictures import Placed, group_figures
from alzbench.sweep.optuna_study import complete_trials
from alzbench.sweep.search import Search

ACROSS = 4  # plots side by side
WIDTH = 12.0  # of a figure, in inches: that of the page
MOST_IN_LEGEND = 12
TRIALS = ("trials", "choices")  # keys of the tables of trials


def write_page(
    document: Document,
    comparison: Comparison,
    predictions: Sequence[GroupPredictions],
    figures: Sequence[tuple[Figure, str]],
    path: Path,
) -> None:
    """Write the page of a sweep.

    Args:
        document: The document of the sweep.
        comparison: Comparison of the final runs.
        predictions: Predictions of each group of the comparison.
        figures: Plots of the trials with their captions, see `trial_figures`.
        path: Path of the page.
    """

    beside = next((table.key for table in document.sections[0].tables if table.key in TRIALS), "")

    def all_figures() -> list[list[Placed]]:
        groups = zip(comparison.groups, predictions, strict=True)
        return [[Placed(*captioned, beside) for captioned in figures], *(group_figures(*group) for group in groups)]

    write_document(document, [Files(html=path)], all_figures)


def trial_figures(optuna_study: Study, objectives: Sequence[Metric]) -> list[tuple[Figure, str]]:
    """Return Optuna's plots of the trials with their captions; a plot that fails is left out.

    Args:
        optuna_study: The trials.
        objectives: The objectives.
    """
    from optuna.visualization import matplotlib as plots

    searched = sorted({field for trial in optuna_study.get_trials(deepcopy=False) for field in trial.distributions})
    drawn: list[tuple[Figure | None, str]] = []
    for k, label in enumerate(metric.label for metric in objectives):
        target: dict[str, Any] = {"target_name": label}
        if len(objectives) > 1:
            target["target"] = _objective(k)
        best = ", and the best so far" if len(objectives) == 1 else ""  # Optuna shows it only for one objective
        slices = [{**target, "params": searched[i : i + ACROSS]} for i in range(0, len(searched), ACROSS)]
        drawn += [
            (
                _draw(plots.plot_optimization_history, optuna_study, target),
                f"{_first_upper(label)} of each trial{best}.",
            ),
            (_draw(plots.plot_param_importances, optuna_study, target), f"Importance for {label} (PED-ANOVA)."),
            *((_draw(plots.plot_slice, optuna_study, fields), f"{_first_upper(label)} by field.") for fields in slices),
            (_draw(plots.plot_parallel_coordinate, optuna_study, target), f"Fields and {label} of each trial."),
        ]
    if len(objectives) > 1:
        names = {"target_names": [metric.label for metric in objectives]}
        caption = "Both objectives of each trial, and the Pareto front: trials that no other beats in both."
        drawn.append((_draw(plots.plot_pareto_front, optuna_study, names), caption))
    else:
        caption = "Values that each trial reported to the pruner."
        drawn.append((_draw(plots.plot_intermediate_values, optuna_study, {}), caption))
    return [(figure, caption) for figure, caption in drawn if figure is not None]


def fold_figures(searches: Sequence[Search], objectives: Sequence[Metric]) -> list[tuple[Figure, str]]:
    """Return the objectives of all folds' trials by field, with captions; the trial that each fold chose has a ring.

    Args:
        searches: The searches of a nested sweep.
        objectives: The objectives.
    """
    fields = list(searches[0].loaded.sweep.space)
    drawn = []
    for k, metric in enumerate(objectives):
        figure, panels = panel_figure(len(fields), 2, WIDTH / 2, 3.4, 0.4)
        for axes, field in zip(panels, fields, strict=True):
            _draw_folds(axes, searches, field, k)
            axes.set_xlabel(field)
            axes.set_ylabel(f"{metric.label}, validation")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(searches), frameon=False)
        drawn.append((figure, f"{_first_upper(metric.label)} of the trials of each fold. A ring marks what it chose."))
    return drawn


def _draw_folds(axes: Axes, searches: Sequence[Search], field: str, objective: int) -> None:
    values = [
        trial.params[field] for s in searches for trial in complete_trials(s.optuna_study) if field in trial.params
    ]
    choices = searches[0].loaded.sweep.space[field].choices
    places = {str(value): place for place, value in enumerate(choices or ())}  # a category each, evenly spaced
    for number, search in enumerate(searches):
        trials = [trial for trial in complete_trials(search.optuna_study) if field in trial.params]
        trials.sort(key=lambda trial: places.get(str(trial.params[field]), trial.number))
        x = [places.get(str(trial.params[field]), trial.params[field]) for trial in trials]
        y = [trial.values[objective] for trial in trials]
        colour = f"C{number}"
        one_line = bool(places) and len(search.loaded.sweep.space) == 1
        axes.plot(x, y, "o-" if one_line else "o", color=colour, alpha=0.7, label=f"fold {search.loaded.fold}")
        if field in search.best.params:
            value = search.best.params[field]
            at = places.get(str(value), value)
            axes.plot(at, search.best.values[objective], "o", color=colour, markersize=13, markerfacecolor="none")
    if places:
        axes.set_xticks(range(len(places)), list(places), rotation=20 if max(map(len, places)) > 8 else 0, ha="right"
                        if max(map(len, places)) > 8 else "center")  # fmt: skip
    elif values and searches[0].loaded.sweep.space[field].log:
        axes.set_xscale("log")


def _first_upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _objective(k: int) -> Callable[[FrozenTrial], float]:
    return lambda trial: float(trial.values[k])


def _draw(plot: Callable[..., Any], optuna_study: Study, arguments: dict[str, Any]) -> Figure | None:
    """Return the figure of one of Optuna's plots; None if it fails or is empty, for example with too few trials."""
    matplotlib.use("agg")
    from matplotlib import pyplot

    with warnings.catch_warnings(), pyplot.rc_context():  # a plot changes the style of all later ones
        warnings.simplefilter("ignore")
        try:
            axes = plot(optuna_study, **arguments)
        except Exception:  # noqa: BLE001 - whatever the error is, the page can do without the plot
            return None
    first = axes.flat[0] if hasattr(axes, "flat") else axes
    legend = first.get_legend()
    if legend is not None and len(legend.get_texts()) > MOST_IN_LEGEND:
        legend.remove()
    figure: Figure = first.figure
    pyplot.close(figure)
    if not any(a.has_data() for a in figure.axes):
        return None
    figure.set_size_inches(WIDTH, 4.5)
    for a in figure.axes:
        if len(figure.axes) > 2:  # side by side, names and small numbers would overlap
            a.tick_params(axis="x", labelrotation=45)
    return figure
