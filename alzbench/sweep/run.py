"""A sweep from its file to its report; several processes can run the same sweep at once."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from alzbench.compare import Comparison, compare
from alzbench.compare.predictions import read_group
from alzbench.compare.references import load_references
from alzbench.data.manifest import ImageSets
from alzbench.errors import ExperimentError
from alzbench.evaluation.sanity import SANITY
from alzbench.experiment.loaded_sweep import LoadedSweep, boundary_experiments
from alzbench.progress import Progress
from alzbench.report.document import Document
from alzbench.report.remarks import warnings
from alzbench.runner import Context, Outcome, Tracker, check, plan_jobs, run_jobs
from alzbench.store import RunStore
from alzbench.sweep.document import SweepState, sweep_document
from alzbench.sweep.finish import Best, check_best_file, chosen_jobs, write_best
from alzbench.sweep.messages import (
    describe_best_so_far,
    describe_plan,
    describe_trial,
    describe_unfinished,
    optimism_warning,
)
from alzbench.sweep.objective import check_objectives, objective_metrics
from alzbench.sweep.optuna_study import (
    check_data,
    count_finished,
    open_optuna_study,
    read_optuna_study,
)
from alzbench.sweep.page import fold_figures, trial_figures, write_page
from alzbench.sweep.search import Search, total_by_state
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
        comparison: Comparison of the final runs.
        cautions: Sentences about its scores.
    """

    document: Document
    outcomes: tuple[Outcome, ...]
    page: Path | None
    comparison: Comparison = field(default_factory=lambda: Comparison(()))
    cautions: tuple[str, ...] = ()


def check_sweep(loaded: LoadedSweep) -> None:
    """Check all that can be checked before anything is run; raises ExperimentError."""
    check_objectives(loaded)
    variant = loaded.base.model.variant
    if variant in SANITY and "model.variant" not in loaded.sweep.space:
        raise ExperimentError(
            f"{loaded.file}: the base must have settings to search, and {variant} of {loaded.base_file} has none, as "
            "it is a sanity baseline; name another base."
        )
    check(loaded.base)
    for experiment in boundary_experiments(loaded):
        check(experiment)


def sweep_plan(loaded: LoadedSweep, places: Places) -> dict[str, Any]:
    """Return what a sweep would do, after all checks, without writing anything."""
    check_sweep(loaded)
    folder = places.store.root / loaded.sweep.name
    with contextlib.closing(Storage(folder, places.storage, create=False)) as storage:
        searches = [Search(part, read_optuna_study(part, storage)) for part in loaded.parts()]
        check_best_file(loaded, searches, places.best)
        return {
            "text": describe_plan(loaded, searches, places.store, str(storage)),
            "base": loaded.base.model_dump(mode="json"),
            "space": {field: p.model_dump(mode="json") for field, p in loaded.sweep.space.items()},
            "trials": {**total_by_state(searches), "wanted": loaded.sweep.trials * len(searches)},
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
        searches = [Search(part, open_optuna_study(part, storage)) for part in loaded.parts()]
        check_best_file(loaded, searches, self.places.best)
        progress.say(describe_plan(loaded, searches, self.places.store, str(storage)))
        images = self.context.images.open(loaded.base.data)  # errors in the images are reported before any trial
        work = [SweepWork(search.loaded, search.optuna_study, storage, self.context) for search in searches]
        for each in work:
            check_data(each.loaded, storage, each.optuna_study, images.fingerprint)
            self._run_trials(each)
        if self._are_running_elsewhere(work):
            return SweepResult(sweep_document(SweepState(loaded, tuple(searches), str(storage))), (), None)
        with storage.lock("final"):
            return self._finish(searches)

    def _run_trials(self, work: SweepWork) -> None:
        """Run the missing trials of a search."""
        progress, loaded, optuna_study = self.context.progress, work.loaded, work.optuna_study
        finished = count_finished(optuna_study)
        name = "trials" if loaded.fold is None else f"trials, fold {loaded.fold}"
        with progress.track(name, loaded.sweep.trials, finished) as advance:
            for trial in work.run():
                progress.say(describe_trial(loaded, trial))
                before, finished = finished, count_finished(optuna_study)  # other processes finish trials too
                advance(finished - before, note=describe_best_so_far(loaded, optuna_study))

    def _are_running_elsewhere(self, work: Sequence[SweepWork]) -> bool:
        """Return True if another process still runs trials, which then finishes the sweep; say which are unfinished."""
        unfinished = [each.unfinished() for each in work]  # all of them now: an earlier answer may be out of date
        for alive, dead in unfinished:
            if alive or dead:
                self.context.progress.say(describe_unfinished(alive, dead))
        return any(alive for alive, _ in unfinished)

    def _finish(self, searches: Sequence[Search]) -> SweepResult:
        """Write the best experiment, test it (of a nested sweep, the choices) beside the base, and write the report."""
        loaded, page = self.loaded, self.places.page
        best = write_best(loaded, searches, self.places.best)
        self.context.progress.say(f"best: {best.origin}, written to {best.file}")
        outcomes = self._test(best, searches)
        runs = [outcome.run() for outcome in outcomes if outcome.path is not None]
        comparison = compare(runs, load_references(), loaded.base.name if runs else None)
        predictions = [read_group(group) for group in comparison.groups]
        state = SweepState(loaded, tuple(searches), str(self.storage), best, outcomes, comparison, page)
        document = sweep_document(state, predictions)
        metrics = objective_metrics(loaded)
        nested = loaded.sweep.nested
        figures = fold_figures(searches, metrics) if nested else trial_figures(searches[0].optuna_study, metrics)
        write_page(document, comparison, predictions, figures, page)
        self._track(searches, best, figures)
        cautions = warnings(False, optimism_warning(loaded))
        return SweepResult(document, outcomes, page, comparison, cautions)

    def _test(self, best: Best, searches: Sequence[Search]) -> tuple[Outcome, ...]:
        if not self.loaded.sweep.final.seeds:
            return ()
        base = self.loaded.final_base()
        if self.loaded.sweep.nested:
            jobs = [*plan_jobs([base]), *chosen_jobs(self.loaded, searches)]
        else:
            jobs = plan_jobs([base, best.experiment])
        outcomes = []
        for outcome in run_jobs(jobs, self.context):
            self.context.progress.say(outcome.sentence)
            outcomes.append(outcome)
        return tuple(outcomes)

    def _track(self, searches: Sequence[Search], best: Best, figures: list[tuple[Figure, str]]) -> None:
        if self.context.tracker is None:
            return
        result = {
            "trials": total_by_state(searches),
            "best": {"trial": best.trial.number, "settings": best.trial.params},
            "best_values": dict(zip(self.loaded.sweep.objective, best.trial.values, strict=True)),
            "by": self.loaded.by,
        }
        self.context.tracker.end_sweep(self.loaded.base, self.storage.folder, result, figures)
