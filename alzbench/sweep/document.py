"""The document of a sweep: its settings, its best trials, and the base and the best side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from optuna.trial import FrozenTrial

from alzbench import __version__
from alzbench.compare import Comparison
from alzbench.compare.predictions import GroupPredictions
from alzbench.evaluation.differences import differences
from alzbench.evaluation.evaluate import evaluate
from alzbench.evaluation.intervals import FEWEST_CLUSTERS, Jackknife, intervals
from alzbench.evaluation.metrics import Metric, metrics
from alzbench.evaluation.stacked import StackedCounts, align, stack
from alzbench.evaluation.subject_counts import SubjectCounts, count_subjects
from alzbench.experiment.loaded_sweep import LoadedSweep
from alzbench.report.columns import COUNT, metric_form, metric_name
from alzbench.report.comparison import comparison_document
from alzbench.report.document import Cell, Column, Document, Form, Section, Table, as_cell, make_table
from alzbench.report.export import outcome_json
from alzbench.report.remarks import warnings
from alzbench.runner import Outcome
from alzbench.store import Run
from alzbench.sweep.finish import Best
from alzbench.sweep.messages import describe_split, optimism_warning
from alzbench.sweep.objective import format_objectives, objective_metrics, objective_values
from alzbench.sweep.optuna_study import by_first_objective, complete_trials, error_of, failed_trials
from alzbench.sweep.search import Search, total_by_state

MOST_TRIALS = 12  # rows of a table
_VALUE = Form(digits=4)  # trials often differ less than experiments do


@dataclass(frozen=True)
class SweepState:
    """A sweep with its trials and its final runs.

    Attributes:
        loaded: The sweep.
        searches: Its search; of a nested sweep, that of each fold.
        storage: URL of the storage, without its password.
        best: The best trial; None while other processes still run trials.
        outcomes: Final runs of base and best.
        comparison: Comparison of the final runs on the test part.
        page: Path of the report; None while there is none.
    """

    loaded: LoadedSweep
    searches: tuple[Search, ...]
    storage: str
    best: Best | None = None
    outcomes: tuple[Outcome, ...] = ()
    comparison: Comparison = field(default_factory=lambda: Comparison(()))
    page: Path | None = None


def sweep_document(state: SweepState, predictions: Sequence[GroupPredictions] = ()) -> Document:
    """Return the document of a sweep: its trials, and the comparison of base and best; without a best, no sections.

    Args:
        state: The sweep.
        predictions: Those of each group of the comparison, as for `comparison_document`.
    """
    loaded, best = state.loaded, state.best
    document = Document(
        f"Sweep {loaded.sweep.name}",
        f"alzbench {__version__}; trials are scored on the validation part; only base and best are tested.",
        (),
        data=_data(state),
    )
    if best is None:
        return document
    nested = loaded.sweep.nested
    trials = _choices(state) if nested else _best_trials(state, best)
    tables = [_summary(state, best), trials]
    failed = [trial for search in state.searches for trial in failed_trials(search.optuna_study)]
    tables += [_failed_trials(failed)] if failed else []
    runs = [outcome.run() for outcome in state.outcomes if outcome.path is not None]
    tables += [_validation(state, runs, best.experiment.name)] if runs and not nested else []
    tested = "Base, and the settings chosen in each fold," if nested else "Base and best"
    notes = (f"{tested} are tested {describe_split(loaded)}.",) if loaded.sweep.final.seeds else ()
    title = f"{loaded.sweep.name}, {loaded.base.protocol.name} protocol"
    section = Section(title, warnings(loaded.base.demo), tuple(tables), notes)
    comparison = [
        replace(section, warnings=(*section.warnings, *warnings(False, optimism_warning(loaded))))
        for section in comparison_document(state.comparison, predictions).sections
    ]
    return replace(document, sections=(section, *comparison), export=trials)


def _data(state: SweepState) -> dict[str, Any]:
    best = state.best
    return {
        "sweep": state.loaded.sweep.name,
        "storage": state.storage,
        "trials": total_by_state(state.searches),
        "best": best and {"trial": best.trial.number, "values": best.trial.values, "settings": best.trial.params,
                          "file": best.file},
        **({"folds": [{"fold": search.loaded.fold, "trial": search.best.number, "values": search.best.values,
                       "settings": search.best.params} for search in state.searches]}
           if best and state.loaded.sweep.nested else {}),
        "front": [trial.number for trial in best.front] if best else [],
        "runs": [outcome_json(outcome) for outcome in state.outcomes],
        "report": state.page,
        "caution": optimism_warning(state.loaded) or None if best else None,
    }  # fmt: skip


def _summary(state: SweepState, best: Best) -> Table:
    """Return the settings of the sweep, and its best trial."""
    sweep = state.loaded.sweep
    labels = " and ".join(metric.label for metric in objective_metrics(state.loaded))
    states = [f"{count} {name}" for name, count in total_by_state(state.searches).items() if count]
    rows = [
        ("trials", ", ".join(states)),
        ("objective", f"{labels} on validation, by {state.loaded.by}"),
        ("sampler", f"{sweep.sampler.name}, seed {sweep.seed}"),
        ("pruner", sweep.pruner.name),
        (
            ("settings", best.origin)
            if sweep.nested
            else (
                "best",
                f"trial {best.trial.number}: {format_objectives(sweep.objective, best.trial.values)} on validation",
            )
        ),
        *((name, _parameter(value)) for name, value in best.trial.params.items()),
        ("file", str(best.file)),
        ("storage", state.storage),
    ]
    columns = [Column("setting", "setting"), Column("value", sweep.name)]
    return make_table("Sweep", columns, [{"setting": setting, "value": value} for setting, value in rows])


def _best_trials(state: SweepState, best: Best) -> Table:
    """Return the best trials by the first objective; with two objectives, the Pareto front comes first."""
    sweep, optuna_study = state.loaded.sweep, state.searches[0].optuna_study
    complete = complete_trials(optuna_study)
    ordered = {trial.number: trial for trial in (*best.front, *by_first_objective(optuna_study, complete))}
    shown = list(ordered.values())[:MOST_TRIALS]
    columns = [
        Column("number", "trial", COUNT),
        *(Column(f"objective {metric.name}", metric.label, _VALUE) for metric in objective_metrics(state.loaded)),
        *(Column(f"field {name}", name) for name in sweep.space),
    ]
    records = [
        {
            "number": trial.number,
            **{f"objective {name}": value for name, value in zip(sweep.objective, trial.values, strict=True)},
            **{f"field {name}": _parameter(value) for name, value in trial.params.items()},
        }
        for trial in shown
    ]
    note = f"The best {len(records)} of {len(complete)} complete trials, by the validation part."
    if len(sweep.objective) > 1:
        note += f" The first {len(best.front)} are the Pareto front: no other trial beats them in both objectives."
    return make_table("Best trials", columns, records, note, "trials", terminal=False)


def _choices(state: SweepState) -> Table:
    """Return the settings that each fold of a nested sweep chose."""
    sweep = state.loaded.sweep
    columns = [
        Column("fold", "fold", COUNT),
        *(Column(f"field {name}", name) for name in sweep.space),
        *(Column(f"objective {metric.name}", metric.label, _VALUE) for metric in objective_metrics(state.loaded)),
        Column("number", "trial", COUNT),
    ]
    records = [
        {
            "fold": search.loaded.fold,
            **{f"field {name}": _parameter(value) for name, value in search.best.params.items()},
            **{f"objective {name}": v for name, v in zip(sweep.objective, search.best.values, strict=True)},
            "number": search.best.number,
        }
        for search in state.searches
    ]
    note = "Chosen on the validation images of each fold, without its test images. These choices are tested below."
    return make_table("Settings chosen in each fold", columns, records, note, "choices")


def _parameter(value: Any) -> Cell:
    if isinstance(value, float):
        return Cell(value, form=Form(words=lambda number: f"{number:.4g}"))
    return Cell(value) if isinstance(value, int) and not isinstance(value, bool) else Cell(str(value))


def _failed_trials(failed: Sequence[FrozenTrial]) -> Table:
    columns = [Column("number", "trial", COUNT), Column("error", "error")]
    records = [{"number": trial.number, "error": error_of(trial)} for trial in failed[:MOST_TRIALS]]
    note = f"{len(records)} of {len(failed)} failed trials."
    return make_table("Failed trials", columns, records, note, "failed", terminal=False)


def _validation(state: SweepState, runs: Sequence[Run], best: str) -> Table:
    """Return the scores of base and best on the validation part, with 95 % intervals, and the paired change."""
    base = state.loaded.base.name
    first, second = (_validation_counts([run for run in runs if run.card.experiment == name]) for name in (base, best))
    shown = [m for m in metrics(needs="counts", per_class=False) if m.headline and m.view in ("images", "mean")]
    records = [_validation_record(metric, first, second) for metric in shown if first]
    known = {record["metric"] for record in records}
    records = [*(r for r in _objective_records(state.loaded, runs, base, best) if r["metric"] not in known), *records]
    sides = {"base": base, "best": best, "change": "change"}
    columns = [Column("metric", "metric"), *(Column(key, label, Form()) for key, label in sides.items())]
    note = (
        f"With 95 % intervals over seeds and validation subjects; none with fewer than {FEWEST_CLUSTERS}. The best was "
        "selected on these images, so its scores here are optimistic; compare the test scores below."
    )
    title = "Best against base, on the validation part"
    return make_table(title, columns, records, note, "validation", terminal=False)


def _objective_records(loaded: LoadedSweep, runs: Sequence[Run], base: str, best: str) -> list[dict[str, Any]]:
    """Return the objectives of base and best, as means over their runs without an interval."""
    means: dict[str, list[float]] = {}
    for name in (base, best):
        of_name = [evaluate(r.predictions("predictions_val.csv")) for r in runs if r.card.experiment == name]
        values = [objective_values(loaded, e.images, e.subjects.mean if e.subjects else None) for e in of_name]
        means[name] = [float(mean) for mean in np.mean(values, axis=0)] if values else []
    records = []
    for place, metric in enumerate(objective_metrics(loaded)):
        before, after = (Cell(means[name][place]) if means[name] else Cell() for name in (base, best))
        change = Cell(means[best][place] - means[base][place]) if means[base] and means[best] else Cell()
        form = metric_form(metric)
        records.append(
            {
                "metric": f"{metric_name(metric)}, by {loaded.by}",
                "base": replace(before, form=form),
                "best": replace(after, form=form),
                "change": replace(change, form=replace(form, signed=True)),
            }
        )
    return records


def _validation_counts(runs: Sequence[Run]) -> StackedCounts | None:
    by_seed: dict[int, list[SubjectCounts]] = {}
    for run in runs:
        by_seed.setdefault(run.card.seed, []).append(count_subjects(run.predictions("predictions_val.csv")))
    return stack(by_seed)


def _validation_record(metric: Metric, first: StackedCounts | None, second: StackedCounts | None) -> dict[str, Any]:
    """Return the scores of base and best and the paired change; with too few subjects they have no interval."""
    form, by = metric_form(metric), "slice" if metric.level == "image" else "subject"
    cells = {"base": _score(first, metric), "best": _score(second, metric)}
    return {
        "metric": f"{metric_name(metric)}, by {by}",
        **{key: replace(cell, form=form) for key, cell in cells.items()},
        "change": replace(_change(first, second, metric), form=replace(form, signed=True)),
    }


def _score(counts: StackedCounts | None, metric: Metric) -> Cell:
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
    """Return the mean of a metric over the seeds."""
    return float(jackknife.values(metric)[:, 0].mean())
