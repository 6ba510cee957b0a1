"""A sweep from its file to its report, beside other processes that work on the same one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import fmean
from typing import Any

import filelock
import optuna
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from alzbench.compare import Comparison, compare
from alzbench.compare.references import load_references
from alzbench.data.manifest import open_image_set
from alzbench.data.protocols import folds_of
from alzbench.experiment.sweep import LoadedSweep, sampled_ends
from alzbench.progress import Progress
from alzbench.report.export import outcome_json
from alzbench.runner import Outcome, Trials, check, run_all
from alzbench.store import RunStore
from alzbench.sweep.finish import Best, check_place, with_base, write_best
from alzbench.sweep.page import completed, counts, write_page
from alzbench.sweep.space import distribution, make_pruner, make_sampler
from alzbench.sweep.storage import Storage
from alzbench.sweep.worker import ERROR, SweepWork, open_study


@dataclass(frozen=True)
class Places:
    """Where a sweep writes to, and what was laid over its base.

    Attributes:
        store: The run folders.
        storage: URL of Optuna's storage; None: a SQLite file in the sweep's folder.
        best: The best experiment's file.
        page: The report.
        overrides, settings: See `load_sweep`.
    """

    store: RunStore
    storage: str | None
    best: Path
    page: Path
    overrides: dict[str, Any]
    settings: Sequence[str]


@dataclass(frozen=True)
class SweepResult:
    """What became of a sweep.

    Attributes:
        study: Its trials.
        storage: The storage's URL without password.
        best: The best configuration; None while other processes still work on trials.
        outcomes: The final runs of base and best.
        comparison: Of them.
        page: The report; None while there is none.
    """

    study: Study
    storage: str
    best: Best | None
    outcomes: tuple[Outcome, ...]
    comparison: Comparison
    page: Path | None

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        best = self.best
        return {
            "sweep": self.study.study_name,
            "storage": self.storage,
            "trials": counts(self.study),
            "best": best and {"trial": best.trial.number, "values": best.trial.values, "settings": best.trial.params,
                              "file": str(best.file)},
            "front": [trial.number for trial in best.front] if best else [],
            "runs": [outcome_json(outcome) for outcome in self.outcomes],
            "report": str(self.page) if self.page else None,
        }  # fmt: skip


def check_sweep(loaded: LoadedSweep) -> None:
    """Check all that can be checked before anything is run; raises ExperimentError."""
    make_sampler(loaded, 0)
    make_pruner(loaded)
    check(loaded.base)
    for parameter in loaded.sweep.space.values():
        distribution(parameter)
    for experiment in sampled_ends(loaded):
        check(experiment)


def sweep_plan(loaded: LoadedSweep, places: Places) -> dict[str, Any]:
    """Return what a sweep would do, after all checks, without making anything."""
    check_sweep(loaded)
    check_place(places.best)
    name = loaded.sweep.name
    if places.storage is None and not (places.store.root / name / "optuna.db").is_file():
        study, storage = optuna.create_study(study_name=name), "a SQLite file that is made"
    else:
        opened = Storage(places.store.root / name, places.storage)
        study, storage = open_study(loaded, opened), str(opened)
    return {
        "text": cost(loaded, study, places.store, storage),
        "base": loaded.base.model_dump(mode="json"),
        "space": {field: p.model_dump(mode="json") for field, p in loaded.sweep.space.items()},
        "trials": {**counts(study), "wanted": loaded.sweep.trials},
    }


def run_sweep(loaded: LoadedSweep, places: Places, progress: Progress, quiet: bool) -> SweepResult:
    """Run what is missing of a sweep; the process that finishes the last trial evaluates the best on the test part.

    Raises:
        ExperimentError: The sweep is wrong, or its study was made for another one.
        DataError: Images, weights or storage are missing or unreadable.
        RunError: No trial is complete.
    """
    check_sweep(loaded)
    check_place(places.best)
    storage = Storage(places.store.root / loaded.sweep.name, places.storage)
    study = open_study(loaded, storage)
    progress.say(cost(loaded, study, places.store, str(storage)))
    images = open_image_set(loaded.base.data, progress, quiet)
    work = SweepWork(loaded, study, storage, Trials(images, places.store, progress), progress)
    done = completed(study)
    with progress.track("trials", loaded.sweep.trials, done) as advance:
        for trial in work.run():
            progress.say(sentence(loaded, trial))
            now = completed(study)  # other processes finish trials too
            advance(now - done, note=_best_so_far(loaded, study))
            done = now
    elsewhere = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    if elsewhere:
        progress.say(f"{len(elsewhere)} trials are still running elsewhere; the process that finishes last evaluates.")
        return SweepResult(study, str(storage), None, (), Comparison(()), None)
    with filelock.FileLock(storage.folder / ".final.lock"):
        return _evaluate(loaded, study, places, progress, quiet, str(storage))


def _evaluate(
    loaded: LoadedSweep, study: Study, places: Places, progress: Progress, quiet: bool, storage: str
) -> SweepResult:
    best = write_best(loaded, study, places.best, places.overrides, places.settings)
    progress.say(f"best: trial {best.trial.number}, written to {best.file}")
    outcomes: list[Outcome] = []
    if loaded.sweep.final.seeds:
        for outcome in run_all(with_base(best, loaded), places.store, progress, quiet=quiet):
            progress.say(outcome.sentence)
            outcomes.append(outcome)
    runs = [outcome.run for outcome in outcomes if outcome.run is not None]
    comparison = compare(runs, load_references(), loaded.base.name if runs else None)
    write_page(loaded, study, best, comparison, runs, places.page)
    return SweepResult(study, storage, best, tuple(outcomes), comparison, places.page)


def cost(loaded: LoadedSweep, study: Study, store: RunStore, storage: str) -> str:
    """Say what is to be done, and how long it may take where earlier runs tell."""
    sweep = loaded.sweep
    left = max(0, sweep.trials - completed(study))
    runs = len(sweep.seeds) * len(folds_of(loaded.base.protocol))
    epochs = loaded.base.train.epochs + (loaded.base.fine_tune.epochs if loaded.base.fine_tune else 0)
    text = (
        f"sweep {sweep.name}: {left} of {sweep.trials} trials left, {runs} run{'s' if runs > 1 else ''} of {epochs} "
        f"epochs each (where the space does not change that); {' and '.join(sweep.objective)} of the validation part, "
        f"by {loaded.by}; kept in {storage}"
    )
    seconds = _seconds_a_trial(loaded, study, store, runs)
    return text + (f"; about {timedelta(seconds=round(left * seconds))} for one process" if seconds and left else "")


def _seconds_a_trial(loaded: LoadedSweep, study: Study, store: RunStore, runs: int) -> float | None:
    """Return how long a trial takes, by those that are complete, else by stored runs of the base; None: not known."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    durations = [trial.duration.total_seconds() for trial in complete if trial.duration]
    if durations:
        return fmean(durations)
    base = loaded.base
    alike = [
        run.metrics["duration_s"].get("training")
        for run in store.runs()
        if run.card.trial is None
        and run.card.state == "complete"
        and (run.card.experiment, run.card.protocol) == (base.name, base.protocol.name)
        and "duration_s" in run.metrics
    ]
    known = [float(seconds) for seconds in alike if seconds]
    return runs * fmean(known) if known else None


def sentence(loaded: LoadedSweep, trial: FrozenTrial) -> str:
    """Return what became of a trial, for people."""
    params = ", ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in trial.params.items())
    if trial.state == TrialState.COMPLETE:
        named = zip(loaded.sweep.objective, trial.values, strict=True)
        return f"trial {trial.number}: {', '.join(f'{name} {value:.4f}' for name, value in named)}; {params}"
    if trial.state == TrialState.PRUNED:
        return f"trial {trial.number}: pruned after {len(trial.intermediate_values)} reports; {params}"
    return f"trial {trial.number}: failed: {trial.user_attrs.get(ERROR, 'no reason is known')}; {params}"


def render_best(result: SweepResult) -> RenderableType:
    """Return what the best trial is, for the terminal."""
    best = result.best
    if best is None:
        return Text("")
    head = Table(box=None, show_header=False, pad_edge=False)
    states = ", ".join(f"{count} {state}" for state, count in counts(result.study).items() if count)
    about = {
        "trials": states,
        "best": f"trial {best.trial.number}: {', '.join(f'{value:.4f}' for value in best.trial.values)} on validation",
        **best.trial.params,
        "file": best.file,
        "storage": result.storage,
    }
    for key, value in about.items():
        head.add_row(Text(key, style="bold"), Text(f"{value:.4g}" if isinstance(value, float) else str(value)))
    return head


def _best_so_far(loaded: LoadedSweep, study: Study) -> str:
    if not counts(study)["complete"] or len(loaded.sweep.objective) > 1:
        return ""
    best = study.best_trial
    return f"best {loaded.sweep.objective[0]} {best.value:.4f} (trial {best.number})"
