"""A sweep as a page: the best trials, the best against the base, and Optuna's own plots."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from alzbench import __version__, atomic
from alzbench.compare import Comparison, Interval
from alzbench.compare.answers import Answers, align, stack
from alzbench.compare.intervals import FEWEST_CLUSTERS, accuracy, differences, intervals, macro_f1
from alzbench.evaluation.subject_counts import SubjectCounts, count_subjects
from alzbench.experiment.sweep import LoadedSweep
from alzbench.report.cells import UNDEFINED, Cell
from alzbench.report.document import Section, Table, comparison_sections
from alzbench.report.html import Picture, render_html
from alzbench.report.pictures import placed_figures
from alzbench.store import Run
from alzbench.sweep.finish import Best
from alzbench.sweep.study import ERROR, counts, failures
from alzbench.sweep.texts import caution, split_text

MOST_TRIALS = 12
ACROSS = 4  # plots side by side
WIDTH = 12.0  # of a figure, in inches: that of the page
_FIGURES = {"accuracy": accuracy, "macro_f1": macro_f1}


def write_page(
    loaded: LoadedSweep,
    study: Study,
    best: Best,
    comparison: Comparison,
    runs: Sequence[Run],
    figures: Sequence[tuple[Figure, str]],
    path: Path,
) -> None:
    """Write the page of a sweep.

    Args:
        loaded, study, best: The sweep, its trials and the best of them.
        comparison: Of the final runs, on the test part; without groups where there are none.
        runs: The final runs of base and best.
        figures: Of the study, see `study_figures`.
        path: Where to.
    """
    title = f"Sweep {loaded.sweep.name}"
    about = f"alzbench {__version__}; trials are scored on the validation part; the test part is read at the end alone."
    sections = [sweep_section(loaded, study, best, runs), *comparison_sections(comparison)]
    pictures = [
        [Picture.of(figure, caption) for figure, caption in figures],
        *([Picture.of(*placed) for placed in placed_figures(group)] for group in comparison.groups),
    ]
    atomic.write_text(path, render_html(title, about, sections, pictures))


def sweep_section(loaded: LoadedSweep, study: Study, best: Best, runs: Sequence[Run]) -> Section:
    """Return the tables of a sweep."""
    sweep = loaded.sweep
    states = ", ".join(f"{count} {state}" for state, count in counts(study).items() if count)
    notes = [
        f"{states}. Objective: {' and '.join(sweep.objective)} of the validation part, by {loaded.by}. Sampler "
        f"{sweep.sampler.name}, pruner {sweep.pruner.name}, seed {sweep.seed}. Best experiment: {best.file}."
    ]
    notes += [f"Base and best are tested {split_text(loaded)}."] if sweep.final.seeds else []
    warnings_ = ["DEMO on phantoms: the figures say nothing about patients."] if loaded.base.demo else []
    warnings_ += [text] if (text := caution(loaded)) else []
    tables = [_best_trials(loaded, study, best)]
    tables += [_failed_trials(failed)] if (failed := failures(study)) else []
    tables += [validation_table(runs, loaded.base.name, best.experiment.name)] if runs else []
    return Section(f"{sweep.name}, {loaded.base.protocol.name} protocol", tuple(warnings_), tuple(tables), tuple(notes))


def _best_trials(loaded: LoadedSweep, study: Study, best: Best) -> Table:
    sweep = loaded.sweep
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    sign = -1 if study.directions[0].name == "MAXIMIZE" else 1
    ordered = sorted(complete, key=lambda t: (sign * t.values[0], t.number))
    shown = list(dict.fromkeys([t.number for t in best.front] + [t.number for t in ordered]))[:MOST_TRIALS]
    by_number = {trial.number: trial for trial in complete}
    rows = tuple(_trial_row(by_number[number], list(sweep.space)) for number in shown)
    note = f"The best {len(rows)} of {len(complete)} complete trials, by the validation part."
    if len(sweep.objective) > 1:
        note += f" No other trial beats the first {len(best.front)} in both objectives."
    return Table("Best trials", ("trial", *sweep.objective, *sweep.space), rows, note=note)


def _failed_trials(failed: Sequence[FrozenTrial]) -> Table:
    shown = failed[:MOST_TRIALS]
    rows = tuple(
        (Cell(str(trial.number), trial.number), Cell(str(trial.user_attrs.get(ERROR, "no reason is known"))))
        for trial in shown
    )
    return Table("Failed trials", ("trial", "reason"), rows, note=f"{len(shown)} of {len(failed)} failed trials.")


def _trial_row(trial: FrozenTrial, fields: Sequence[str]) -> tuple[Cell, ...]:
    values = [Cell(f"{value:.4f}", value) for value in trial.values]
    params = [_param(trial.params.get(field, UNDEFINED)) for field in fields]
    return (Cell(str(trial.number), trial.number), *values, *params)


def _param(value: Any) -> Cell:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Cell(str(value))
    return Cell(f"{value:.4g}" if isinstance(value, float) else str(value), float(value))


def validation_table(runs: Sequence[Run], base: str, best: str) -> Table:
    """Return what base and best score on the validation part, with 95 % intervals, and the paired change."""
    rows: list[tuple[Cell, ...]] = []
    for by in ("slice", "subject"):
        first, second = (_answers([run for run in runs if run.card.experiment == name], by) for name in (base, best))
        aligned = align(first, second) if first and second else None
        changes = differences(aligned[0].counts, aligned[1].counts, _FIGURES) if aligned else {}
        found = [intervals(answers.counts, _FIGURES) if answers else {} for answers in (first, second)]
        for figure in _FIGURES if first else ():
            scale = 100 if figure == "accuracy" else 1
            change = changes.get(figure)
            name = f"{figure.replace('_', ' ')}{' %' if scale == 100 else ''}, by {by}"
            cells = [_interval_cell(of_one.get(figure), scale) for of_one in found]
            rows.append((Cell(name), *cells, _interval_cell(change.interval if change else None, scale, signed=True)))
    return Table(
        "Best against base, on the validation part", ("figure", base, best, "change"), tuple(rows),
        note=f"With 95 % intervals over seeds and validation subjects; none with fewer than {FEWEST_CLUSTERS}. The "
        "best was chosen on these very images, so its figure here is too good; the test part below is what counts.",
    )  # fmt: skip


def _answers(runs: Sequence[Run], by: str) -> Answers | None:
    """Return the answers about the validation part; by subject, each subject counts as one; None where they differ."""
    by_seed: dict[int, list[SubjectCounts]] = {}
    for run in runs:
        counts = count_subjects(run.predictions("predictions_val.csv"))
        if by == "subject":
            if counts.by != "subject":
                return None
            once = np.zeros_like(counts.counts)
            once[np.arange(len(counts.labels)), counts.labels, counts.answers] = 1
            counts = replace(counts, counts=once)
        by_seed.setdefault(run.card.seed, []).append(counts)
    return stack(by_seed)


def _interval_cell(found: Interval | None, scale: int, signed: bool = False) -> Cell:
    if found is None:
        return Cell(UNDEFINED)
    form = ("+" if signed else "") + (".1f" if scale == 100 else ".3f")
    value, low, high = (format(scale * number, form) for number in (found.value, found.low, found.high))
    return Cell(f"{value} ({low} to {high})", found.value)


def study_figures(study: Study, objective: Sequence[str]) -> list[tuple[Figure, str]]:
    """Return Optuna's plots of a study with their captions; without those that cannot be drawn of its trials.

    Args:
        study: With its trials.
        objective: The names of its objectives.
    """
    from optuna.visualization import matplotlib as plots

    searched = sorted({field for trial in study.get_trials(deepcopy=False) for field in trial.distributions})
    found: list[tuple[Figure | None, str]] = []
    for k, name in enumerate(objective):
        target: dict[str, Any] = {"target_name": name}
        if len(objective) > 1:
            target["target"] = _objective(k)
        so_far = ", and the best so far" if len(objective) == 1 else ""  # Optuna draws it for one objective alone
        found += [
            (_drawn(plots.plot_optimization_history, study, target), f"{name} of each trial{so_far}."),
            (_drawn(plots.plot_param_importances, study, target), f"How much each field decides {name} (PED-ANOVA)."),
            *(
                (_drawn(plots.plot_slice, study, {**target, "params": searched[i : i + ACROSS]}), f"{name} by field.")
                for i in range(0, len(searched), ACROSS)
            ),
            (_drawn(plots.plot_parallel_coordinate, study, target), f"Fields and {name} of each trial."),
        ]
    if len(objective) > 1:
        caption = "Both objectives, and the trials that no other beats in both."
        found.append((_drawn(plots.plot_pareto_front, study, {"target_names": list(objective)}), caption))
    else:
        found.append((_drawn(plots.plot_intermediate_values, study, {}), "What each trial reported on its way."))
    return [(figure, caption) for figure, caption in found if figure is not None]


def _objective(k: int) -> Callable[[FrozenTrial], float]:
    return lambda trial: float(trial.values[k])


def _drawn(plot: Callable[..., Any], study: Study, arguments: dict[str, Any]) -> Figure | None:
    """Return the figure that a plot of Optuna's draws; None where it cannot, as of too few trials."""
    matplotlib.use("agg")
    from matplotlib import pyplot

    with warnings.catch_warnings(), pyplot.rc_context():  # a plot sets a style for all that follow
        warnings.simplefilter("ignore")
        try:
            axes = plot(study, **arguments)
        except Exception:  # noqa: BLE001 - whatever a plot fails at, the page is whole without it
            return None
    first = axes.flat[0] if hasattr(axes, "flat") else axes
    legend = first.get_legend()
    if legend is not None and len(legend.get_texts()) > MOST_TRIALS:
        legend.remove()
    figure: Figure = first.figure
    pyplot.close(figure)
    if not any(a.has_data() for a in figure.axes):
        return None
    figure.set_size_inches(WIDTH, 4.5)
    for a in figure.axes:
        if len(figure.axes) > 2:  # side by side, names and small numbers run into each other
            a.tick_params(axis="x", labelrotation=45)
    return figure
