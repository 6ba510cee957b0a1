"""A sweep from its file to its report, beside other processes that work on the same one."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.study import Study

from alzbench.compare import Comparison, compare
from alzbench.compare.references import load_references
from alzbench.data.manifest import ImageSets
from alzbench.experiment.sweep import LoadedSweep, sampled_ends
from alzbench.progress import Progress
from alzbench.report.export import outcome_json
from alzbench.runner import Context, Outcome, Tracker, check, run_all
from alzbench.store import RunStore
from alzbench.sweep.finish import Best, check_place, write_best
from alzbench.sweep.page import study_figures, write_page
from alzbench.sweep.storage import Storage
from alzbench.sweep.study import check_data, completed, counts, open_study, read_study
from alzbench.sweep.texts import best_so_far, caution, cost, sentence, unfinished
from alzbench.sweep.worker import SweepWork


@dataclass(frozen=True)
class Places:
    """Where a sweep writes to.

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
    """What became of a sweep.

    Attributes:
        name: Of the sweep.
        trials: How many there are in each state.
        storage: The storage's URL without password.
        best: The best configuration; None while other processes still work on trials.
        outcomes: The final runs of base and best.
        comparison: Of them.
        page: The report; None while there is none.
        caution: What keeps the final figures from being those of unseen subjects; empty where nothing does.
    """

    name: str
    trials: dict[str, int]
    storage: str
    best: Best | None
    outcomes: tuple[Outcome, ...]
    comparison: Comparison
    page: Path | None
    caution: str

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        best = self.best
        return {
            "sweep": self.name,
            "storage": self.storage,
            "trials": self.trials,
            "best": best and {"trial": best.trial.number, "values": best.trial.values, "settings": best.trial.params,
                              "file": str(best.file)},
            "front": [trial.number for trial in best.front] if best else [],
            "runs": [outcome_json(outcome) for outcome in self.outcomes],
            "report": str(self.page) if self.page else None,
            "caution": self.caution or None,
        }  # fmt: skip


def check_sweep(loaded: LoadedSweep) -> None:
    """Check all that can be checked before anything is run; raises ExperimentError."""
    check(loaded.base)
    for experiment in sampled_ends(loaded):
        check(experiment)


def sweep_plan(loaded: LoadedSweep, places: Places) -> dict[str, Any]:
    """Return what a sweep would do, after all checks, without making anything."""
    check_sweep(loaded)
    folder = places.store.root / loaded.sweep.name
    with contextlib.closing(Storage(folder, places.storage, make=False)) as storage:
        study = read_study(loaded, storage)
        check_place(loaded, study, places.best)
        return {
            "text": cost(loaded, study, places.store, str(storage)),
            "base": loaded.base.model_dump(mode="json"),
            "space": {field: p.model_dump(mode="json") for field, p in loaded.sweep.space.items()},
            "trials": {**counts(study), "wanted": loaded.sweep.trials},
        }


def run_sweep(
    loaded: LoadedSweep, places: Places, progress: Progress, quiet: bool, tracker: Tracker | None = None
) -> SweepResult:
    """Run what is missing of a sweep; the process that finishes the last trial evaluates the best on the test part.

    Args:
        loaded: The sweep.
        places: Where it writes to.
        progress: Where to report.
        quiet: Keep libraries quiet too.
        tracker: Follows each run, and the sweep.

    Raises:
        ExperimentError: The sweep is wrong, or its study was made for another one.
        DataError: Images, weights or storage are missing or unreadable.
        RunError: No trial is complete.
    """
    check_sweep(loaded)
    with contextlib.closing(Storage(places.store.root / loaded.sweep.name, places.storage)) as storage:
        return _Command(loaded, places, progress, quiet, tracker).run(storage)


@dataclass(frozen=True)
class _Command:
    """A sweep that is run, with all that is at hand."""

    loaded: LoadedSweep
    places: Places
    progress: Progress
    quiet: bool
    tracker: Tracker | None

    def run(self, storage: Storage) -> SweepResult:
        loaded, progress = self.loaded, self.progress
        study = open_study(loaded, storage)
        check_place(loaded, study, self.places.best)
        progress.say(cost(loaded, study, self.places.store, str(storage)))
        context = Context(ImageSets(progress, self.quiet), self.places.store, progress, self.tracker)
        opened = context.images.open(loaded.base.data)  # a fault in it is reported before any trial
        check_data(loaded, storage, study, opened.fingerprint)
        work = SweepWork(loaded, study, storage, context)
        done = completed(study)
        with progress.track("trials", loaded.sweep.trials, done) as advance:
            for trial in work.run():
                progress.say(sentence(loaded, trial))
                now = completed(study)  # other processes finish trials too
                advance(now - done, note=best_so_far(loaded, study))
                done = now
        alive, dead = work.unfinished()
        if alive or dead:
            progress.say(unfinished(alive, dead))
        if alive:
            return SweepResult(study.study_name, counts(study), str(storage), None, (), Comparison(()), None, "")
        with storage.lock("final"):
            return self._evaluate(study, storage, context)

    def _evaluate(self, study: Study, storage: Storage, context: Context) -> SweepResult:
        loaded, places, progress = self.loaded, self.places, self.progress
        best = write_best(loaded, study, places.best)
        progress.say(f"best: trial {best.trial.number}, written to {best.file}")
        outcomes: list[Outcome] = []
        if loaded.sweep.final.seeds:
            experiments = [loaded.final_base(), best.experiment]
            for outcome in run_all(experiments, context):
                progress.say(outcome.sentence)
                outcomes.append(outcome)
        runs = [outcome.run() for outcome in outcomes if outcome.path is not None]
        comparison = compare(runs, load_references(), loaded.base.name if runs else None)
        figures = study_figures(study, loaded.sweep.objective)
        write_page(loaded, study, best, comparison, runs, figures, places.page)
        result = SweepResult(
            study.study_name, counts(study), str(storage), best, tuple(outcomes), comparison, places.page,
            caution(loaded),
        )  # fmt: skip
        if self.tracker is not None:
            told = {"trials": result.trials, "best": {"trial": best.trial.number, "settings": best.trial.params}}
            values = dict(zip(loaded.sweep.objective, best.trial.values, strict=True))
            self.tracker.end_sweep(loaded.base, storage.folder, {**told, "best_values": values}, figures)
        return result
