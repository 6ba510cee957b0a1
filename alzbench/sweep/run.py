"""A sweep from its file to its report; several processes can run the same sweep at once."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from optuna.study import Study

from alzbench.compare import compare
from alzbench.compare.predictions import read_group
from alzbench.compare.references import load_references
from alzbench.data.manifest import ImageSets
from alzbench.experiment.sweep import LoadedSweep, boundary_experiments
from alzbench.progress import Progress
from alzbench.report.document import Document
from alzbench.runner import Context, Outcome, Tracker, check, run_all
from alzbench.store import RunStore
from alzbench.sweep.document import SweepState, sweep_document
from alzbench.sweep.finish import Best, check_best_file, write_best
from alzbench.sweep.messages import describe_best_so_far, describe_plan, describe_trial, describe_unfinished
from alzbench.sweep.objective import check_objectives, objective_metrics
from alzbench.sweep.optuna_study import (
    check_data,
    count_by_state,
    count_finished,
    open_optuna_study,
    read_optuna_study,
)
from alzbench.sweep.page import trial_figures, write_page
from alzbench.sweep.storage import Storage
from alzbench.sweep.worker import SweepWork


@dataclass(frozen=True)
class Places:
    """Places that a sweep writes to.

    Attributes:
        store: The run folders.
        storage: URL of Optuna's storage; None: a SQLite file in the sweep's folder.
        best: The best experiment's file.
        page: The report.
    """

    store: RunStore
    storage: str | None
    best: Path
    page: Path


@dataclass(frozen=True)
class SweepResult:
    """Result of a sweep.

    Attributes:
        document: Its document, without sections while other processes still run trials.
        outcomes: Final runs of base and best.
        page: Path of the report; None while there is none.
    """

    document: Document
    outcomes: tuple[Outcome, ...]
    page: Path | None


def check_sweep(loaded: LoadedSweep) -> None:
    """Check all that can be checked before anything is run; raises ExperimentError."""
    check_objectives(loaded)
    check(loaded.base)
    for experiment in boundary_experiments(loaded):
        check(experiment)


def sweep_plan(loaded: LoadedSweep, places: Places) -> dict[str, Any]:
    """Return what a sweep would do, after all checks, without writing anything."""
    check_sweep(loaded)
    folder = places.store.root / loaded.sweep.name
    with contextlib.closing(Storage(folder, places.storage, create=False)) as storage:
        optuna_study = read_optuna_study(loaded, storage)
        check_best_file(loaded, optuna_study, places.best)
        return {
            "text": describe_plan(loaded, optuna_study, places.store, str(storage)),
            "base": loaded.base.model_dump(mode="json"),
            "space": {field: p.model_dump(mode="json") for field, p in loaded.sweep.space.items()},
            "trials": {**count_by_state(optuna_study), "wanted": loaded.sweep.trials},
        }


def run_sweep(
    loaded: LoadedSweep, places: Places, progress: Progress, quiet: bool, tracker: Tracker | None = None
) -> SweepResult:
    """Run the missing trials of a sweep; the process that finishes the last trial tests base and best.

    Args:
        loaded: The sweep.
        places: The places that it writes to.
        progress: Display of the progress.
        quiet: True to silence libraries too.
        tracker: Tracker of the runs and of the sweep.

    Raises:
        ExperimentError: The sweep is invalid, or the stored trials belong to a sweep with other settings.
        DataError: Images, weights or storage are missing or unreadable.
        RunError: No trial is complete.
    """
    check_sweep(loaded)
    with contextlib.closing(Storage(places.store.root / loaded.sweep.name, places.storage)) as storage:
        context = Context(ImageSets(progress, quiet), places.store, progress, tracker)
        return _SweepRun(loaded, places, context, storage).run()


@dataclass(frozen=True)
class _SweepRun:
    """The run of a sweep in this process."""

    loaded: LoadedSweep
    places: Places
    context: Context
    storage: Storage

    def run(self) -> SweepResult:
        loaded, storage, progress = self.loaded, self.storage, self.context.progress
        optuna_study = open_optuna_study(loaded, storage)
        check_best_file(loaded, optuna_study, self.places.best)
        progress.say(describe_plan(loaded, optuna_study, self.places.store, str(storage)))
        images = self.context.images.open(loaded.base.data)  # errors in the images are reported before any trial
        check_data(loaded, storage, optuna_study, images.fingerprint)
        work = SweepWork(loaded, optuna_study, storage, self.context)
        self._run_trials(work, optuna_study)
        alive, dead = work.unfinished()
        if alive or dead:
            progress.say(describe_unfinished(alive, dead))
        if alive:
            return SweepResult(sweep_document(SweepState(loaded, optuna_study, str(storage))), (), None)
        with storage.lock("final"):
            return self._finish(optuna_study)

    def _run_trials(self, work: SweepWork, optuna_study: Study) -> None:
        progress = self.context.progress
        finished = count_finished(optuna_study)
        with progress.track("trials", self.loaded.sweep.trials, finished) as advance:
            for trial in work.run():
                progress.say(describe_trial(self.loaded, trial))
                before, finished = finished, count_finished(optuna_study)  # other processes finish trials too
                advance(finished - before, note=describe_best_so_far(self.loaded, optuna_study))

    def _finish(self, optuna_study: Study) -> SweepResult:
        """Write the best experiment, test it beside the base, and write the report."""
        loaded, page = self.loaded, self.places.page
        best = write_best(loaded, optuna_study, self.places.best)
        self.context.progress.say(f"best: trial {best.trial.number}, written to {best.file}")
        outcomes = self._test(best)
        runs = [outcome.run() for outcome in outcomes if outcome.path is not None]
        comparison = compare(runs, load_references(), loaded.base.name if runs else None)
        predictions = [read_group(group) for group in comparison.groups]
        state = SweepState(loaded, optuna_study, str(self.storage), best, outcomes, comparison, page)
        document = sweep_document(state, predictions)
        figures = trial_figures(optuna_study, objective_metrics(loaded))
        write_page(document, comparison, predictions, figures, page)
        self._track(optuna_study, best, figures)
        return SweepResult(document, outcomes, page)

    def _test(self, best: Best) -> tuple[Outcome, ...]:
        outcomes = []
        if self.loaded.sweep.final.seeds:
            for outcome in run_all([self.loaded.final_base(), best.experiment], self.context):
                self.context.progress.say(outcome.sentence)
                outcomes.append(outcome)
        return tuple(outcomes)

    def _track(self, optuna_study: Study, best: Best, figures: list[tuple[Figure, str]]) -> None:
        if self.context.tracker is None:
            return
        result = {
            "trials": count_by_state(optuna_study),
            "best": {"trial": best.trial.number, "settings": best.trial.params},
            "best_values": dict(zip(self.loaded.sweep.objective, best.trial.values, strict=True)),
            "by": self.loaded.by,
        }
        self.context.tracker.end_sweep(self.loaded.base, self.storage.folder, result, figures)
