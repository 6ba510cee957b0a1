"""The document of a sweep: the best trials, the best against the base; and Optuna's own plots for its page."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from alzbench import __version__
from alzbench.compare import Comparison
from alzbench.compare.predictions import GroupPredictions, read_group
from alzbench.evaluation.differences import differences
from alzbench.evaluation.intervals import FEWEST_CLUSTERS, Jackknife, intervals
from alzbench.evaluation.metrics import Metric, metrics
from alzbench.evaluation.stacked import StackedCounts, align, stack
from alzbench.evaluation.subject_counts import SubjectCounts, count_subjects
from alzbench.experiment.sweep import LoadedSweep
from alzbench.report.columns import metric_form, metric_name
from alzbench.report.comparison import comparison_document
from alzbench.report.document import Cell, Column, Document, Form, Section, Table, as_cell, make_table
from alzbench.report.pages import Files, write_document
from alzbench.report.pictures import Placed, group_figures
from alzbench.report.remarks import DEMO
from alzbench.store import Run
from alzbench.sweep.finish import Best
from alzbench.sweep.study import ERROR, counts, failures
from alzbench.sweep.texts import caution, split_text

MOST_TRIALS = 12
ACROSS = 4  # plots side by side
WIDTH = 12.0  # of a figure, in inches: that of the page


def write_page(
    loaded: LoadedSweep,
    optuna_study: Study,
    best: Best,
    comparison: Comparison,
    runs: Sequence[Run],
    figures: Sequence[tuple[Figure, str]],
    path: Path,
) -> None:
    """Write the page of a sweep.

    Args:
        loaded, optuna_study, best: The sweep, its trials and the best of them.
        comparison: Of the final runs, on the test part; without groups where there are none.
        runs: The final runs of base and best.
        figures: Plots of the trials, see `study_figures`.
        path: Path of the page.
    """
    predictions = [read_group(group) for group in comparison.groups]
    document = sweep_document(loaded, optuna_study, best, runs, comparison, predictions)
    groups = zip(comparison.groups, predictions, strict=True)
    placed = [[Placed(figure, caption) for figure, caption in figures], *(group_figures(*group) for group in groups)]
    write_document(document, [Files(html=path)], lambda: placed)


def sweep_document(
    loaded: LoadedSweep,
    optuna_study: Study,
    best: Best,
    runs: Sequence[Run],
    comparison: Comparison,
    predictions: Sequence[GroupPredictions] = (),
) -> Document:
    """Return the document of a sweep: its trials, and the comparison of base and best; arguments as `write_page`."""
    tested = comparison_document(comparison, predictions)
    sweep, trials = loaded.sweep, _best_trials(loaded, optuna_study, best)
    states = ", ".join(f"{count} {state}" for state, count in counts(optuna_study).items() if count)
    notes = [
        f"{states}. Objective: {' and '.join(sweep.objective)} of the validation part, by {loaded.by}. Sampler "
        f"{sweep.sampler.name}, pruner {sweep.pruner.name}, seed {sweep.seed}. Best experiment: {best.file}."
    ]
    notes += [f"Base and best are tested {split_text(loaded)}."] if sweep.final.seeds else []
    tables = [trials]
    tables += [_failed_trials(failed)] if (failed := failures(optuna_study)) else []
    tables += [validation_table(runs, loaded.base.name, best.experiment.name)] if runs else []
    section = Section(
        f"{sweep.name}, {loaded.base.protocol.name} protocol",
        tuple(text for text in (DEMO if loaded.base.demo else "", caution(loaded)) if text),
        tuple(tables),
        tuple(notes),
    )
    return Document(
        f"Sweep {sweep.name}",
        f"alzbench {__version__}; trials are scored on the validation part; the test part is read at the end alone.",
        (section, *tested.sections),
        trials,
        {"sweep": sweep.name, "best": best.trial.params, **tested.data},
    )


def _best_trials(loaded: LoadedSweep, optuna_study: Study, best: Best) -> Table:
    sweep = loaded.sweep
    complete = optuna_study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    sign = -1 if optuna_study.directions[0].name == "MAXIMIZE" else 1
    ordered = sorted(complete, key=lambda t: (sign * t.values[0], t.number))
    shown = list(dict.fromkeys([t.number for t in best.front] + [t.number for t in ordered]))[:MOST_TRIALS]
    by_number = {trial.number: trial for trial in complete}
    columns = [
        Column("number", "trial", Form()),
        *(Column(f"objective {name}", name, Form(digits=4)) for name in sweep.objective),
        *(Column(f"field {field}", field) for field in sweep.space),
    ]  # fmt: skip
    records = [
        {
            "number": number,
            **dict(zip((f"objective {name}" for name in sweep.objective), by_number[number].values, strict=True)),
            **{f"field {field}": _parameter(value) for field, value in by_number[number].params.items()},
        }
        for number in shown
    ]
    note = f"The best {len(records)} of {len(complete)} complete trials, by the validation part."
    if len(sweep.objective) > 1:
        note += f" No other trial beats the first {len(best.front)} in both objectives."
    return make_table("Best trials", columns, records, note, "trials")


def _parameter(value: Any) -> Cell:
    if isinstance(value, float):
        return Cell(value, form=Form(words=lambda number: f"{number:.4g}"))
    return Cell(value) if isinstance(value, int) and not isinstance(value, bool) else Cell(str(value))


def _failed_trials(failed: Sequence[FrozenTrial]) -> Table:
    columns = [Column("number", "trial", Form()), Column("reason", "reason")]
    records = [
        {"number": trial.number, "reason": str(trial.user_attrs.get(ERROR, "no reason is known"))}
        for trial in failed[:MOST_TRIALS]
    ]
    return make_table("Failed trials", columns, records, f"{len(records)} of {len(failed)} failed trials.", "failed")


def validation_table(runs: Sequence[Run], base: str, best: str) -> Table:
    """Return what base and best score on the validation part, with 95 % intervals, and the paired change."""
    first, second = (_validation_counts([run for run in runs if run.card.experiment == name]) for name in (base, best))
    shown = [m for m in metrics(needs="counts", per_class=False) if m.headline and m.view in ("images", "mean")]
    records = [_validation_record(metric, first, second) for metric in shown if first]
    sides = {"base": base, "best": best, "change": "change"}
    columns = [Column("metric", "metric"), *(Column(key, label, Form(digits=3)) for key, label in sides.items())]
    note = (
        f"With 95 % intervals over seeds and validation subjects; none with fewer than {FEWEST_CLUSTERS}. The best was "
        "chosen on these very images, so its score here is too good; the test part below is what counts."
    )
    return make_table("Best against base, on the validation part", columns, records, note, "validation")


def _validation_counts(runs: Sequence[Run]) -> StackedCounts | None:
    by_seed: dict[int, list[SubjectCounts]] = {}
    for run in runs:
        by_seed.setdefault(run.card.seed, []).append(count_subjects(run.predictions("predictions_val.csv")))
    return stack(by_seed)


def _validation_record(metric: Metric, first: StackedCounts | None, second: StackedCounts | None) -> dict[str, Any]:
    """Return the scores of base and best with the change; without an interval where there are too few subjects."""
    form, by = metric_form(metric), "slice" if metric.level == "image" else "subject"
    cells = {"base": _cell(first, metric), "best": _cell(second, metric)}
    return {
        "metric": f"{metric_name(metric)}, by {by}",
        **{key: replace(cell, form=form) for key, cell in cells.items()},
        "change": replace(_change(first, second, metric), form=replace(form, signed=True)),
    }


def _cell(counts: StackedCounts | None, metric: Metric) -> Cell:
    jackknife = counts.jackknife(metric.view) if counts else None
    return as_cell(jackknife and (intervals(jackknife, metric)[0] or _mean(jackknife, metric)))


def _change(first: StackedCounts | None, second: StackedCounts | None, metric: Metric) -> Cell:
    aligned = align(first, second) if first and second else None
    if aligned is None:
        return Cell()
    before, after = (side.jackknife(metric.view) for side in aligned)
    if before is None or after is None:
        return Cell()
    return as_cell(differences(before, after, metric)[0] or _mean(after, metric) - _mean(before, metric))


def _mean(jackknife: Jackknife, metric: Metric) -> float:
    """Return a metric's mean over the seeds."""
    return float(jackknife.values(metric)[:, 0].mean())


def study_figures(optuna_study: Study, objective: Sequence[str]) -> list[tuple[Figure, str]]:
    """Return Optuna's plots of the trials with their captions; without those that cannot be drawn of its trials.

    Args:
        optuna_study: The trials.
        objective: The names of its objectives.
    """
    from optuna.visualization import matplotlib as plots

    searched = sorted({field for trial in optuna_study.get_trials(deepcopy=False) for field in trial.distributions})
    drawn: list[tuple[Figure | None, str]] = []
    for k, name in enumerate(objective):
        target: dict[str, Any] = {"target_name": name}
        if len(objective) > 1:
            target["target"] = _objective(k)
        so_far = ", and the best so far" if len(objective) == 1 else ""  # Optuna draws it for one objective alone
        slices = [{**target, "params": searched[i : i + ACROSS]} for i in range(0, len(searched), ACROSS)]
        drawn += [
            (_drawn(plots.plot_optimization_history, optuna_study, target), f"{name} of each trial{so_far}."),
            (_drawn(plots.plot_param_importances, optuna_study, target), f"Importance for {name} (PED-ANOVA)."),
            *((_drawn(plots.plot_slice, optuna_study, fields), f"{name} by field.") for fields in slices),
            (_drawn(plots.plot_parallel_coordinate, optuna_study, target), f"Fields and {name} of each trial."),
        ]
    if len(objective) > 1:
        caption = "Both objectives, and the trials that no other beats in both."
        drawn.append((_drawn(plots.plot_pareto_front, optuna_study, {"target_names": list(objective)}), caption))
    else:
        drawn.append(
            (_drawn(plots.plot_intermediate_values, optuna_study, {}), "Values that each trial reported on its way.")
        )
    return [(figure, caption) for figure, caption in drawn if figure is not None]


def _objective(k: int) -> Callable[[FrozenTrial], float]:
    return lambda trial: float(trial.values[k])


def _drawn(plot: Callable[..., Any], optuna_study: Study, arguments: dict[str, Any]) -> Figure | None:
    """Return the figure that a plot of Optuna's draws; None where it cannot, as of too few trials."""
    matplotlib.use("agg")
    from matplotlib import pyplot

    with warnings.catch_warnings(), pyplot.rc_context():  # a plot sets a style for all that follow
        warnings.simplefilter("ignore")
        try:
            axes = plot(optuna_study, **arguments)
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
