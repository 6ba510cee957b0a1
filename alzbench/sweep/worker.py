"""The work on a sweep: trial after trial, by this process, beside others that do the same."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import pandas as pd
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from alzbench.errors import (
    AlzbenchError,
    DataError,
    ExperimentError,
    Interrupted,
    Pruned,
    RunError,
    describe_os_error,
    is_of_the_machine,
)
from alzbench.experiment import Experiment
from alzbench.experiment.sweep import LoadedSweep
from alzbench.progress import Progress
from alzbench.runner import Trials, validation_scores
from alzbench.runner.network import AfterEpoch
from alzbench.sweep.ownership import ATTEMPTS, BEAT, Worker, forget, heartbeat, is_alive, released_on_error
from alzbench.sweep.space import suggest
from alzbench.sweep.storage import Storage
from alzbench.sweep.study import ERROR

MOST_ATTEMPTS = 25  # at one trial; one that has ended its process so often will do so again


@dataclass
class SweepWork:
    """What a process needs to work on a sweep."""

    loaded: LoadedSweep
    study: Study
    storage: Storage
    trials: Trials
    progress: Progress

    def run(self) -> Iterator[FrozenTrial]:
        """Run trials until none is left to begin, or time is up; yield each when it is finished."""
        sweep, start = self.loaded.sweep, time.monotonic()
        with Worker(self.storage.workers) as worker:
            while sweep.minutes is None or time.monotonic() - start < 60 * sweep.minutes:
                trial = self._claim(worker)
                if trial is None:
                    return
                with released_on_error(trial), self._beating(trial):
                    self._work(trial)
                yield self.study.get_trials(deepcopy=False)[trial.number]

    def unfinished(self) -> tuple[list[int], list[int]]:
        """Return the numbers of the trials that other processes work on, and of those whose process is gone."""
        with self.storage.exclusive(), self.storage.reaching():
            running = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
            alive = [trial.number for trial in running if self._is_alive(trial)]
        return alive, [trial.number for trial in running if trial.number not in alive]

    def _is_alive(self, trial: FrozenTrial) -> bool:
        return is_alive(self.storage.workers, trial.user_attrs, self.storage.on_server)

    def _claim(self, worker: Worker) -> Trial | None:
        """Return a trial that is this process's to run: one whose process died, or a new one; None if none is left."""
        with self.storage.exclusive(), self.storage.reaching():
            every = self.study.get_trials(deepcopy=False)
            for dead in (t for t in every if t.state == TrialState.RUNNING):
                if self._is_alive(dead):
                    continue
                forget(self.storage.workers, dead.user_attrs)
                trial = self.storage.reopened(self.study, dead.number)
                if dead.user_attrs.get(ATTEMPTS, 1) < MOST_ATTEMPTS:
                    worker.own(trial, dead.user_attrs.get(ATTEMPTS, 1) + 1)
                    return trial
                why = f"its process ended {MOST_ATTEMPTS} times"
                self.progress.say(f"trial {trial.number}: given up: {why}")
                self._tell(trial, "failed", error=why)
            waiting = any(t.state == TrialState.WAITING for t in every)  # put there by hand
            if len(every) >= self.loaded.sweep.trials and not waiting:
                return None
            trial = self.study.ask()
            worker.own(trial, 1)
            return trial

    @contextlib.contextmanager
    def _beating(self, trial: Trial) -> Iterator[None]:
        if not self.storage.on_server:  # lock files say all there is to say
            yield
            return
        with heartbeat(lambda: trial.set_user_attr(BEAT, time.time()), self.storage.close_thread):
            yield

    def _work(self, trial: Trial) -> None:
        with self.storage.reaching():
            params = suggest(trial, self.loaded)
            try:
                values = self._values(trial, self.loaded.experiment(params))
            except (DataError, Interrupted):
                raise
            except Pruned:
                self._tell(trial, "pruned")
            except AlzbenchError as error:
                self._tell(trial, "failed", error=str(error))
            except OSError as error:
                if is_of_the_machine(error):
                    raise  # the next trial would meet it as well; this one is taken up again
                self._tell(trial, "failed", error=describe_os_error(error))
            except Exception as error:  # noqa: BLE001 - what one trial's settings lead to does not end the others
                self._tell(trial, "failed", error=f"{type(error).__name__}: {error}")
            else:
                self._tell(trial, "complete", values)

    def _tell(self, trial: Trial, state: str, values: list[float] | None = None, error: str = "") -> None:
        states = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
        if error:
            trial.set_user_attr(ERROR, error)
        self.study.tell(trial, values, state=states[state])

    def _values(self, trial: Trial, experiment: Experiment) -> list[float]:
        """Return the objectives of a trial: the mean over its seeds and folds.

        Raises:
            RunError: A run of it failed, or has no score.
            Pruned: It is given up: after an epoch where it is one run, else after a fold or seed.
        """
        repetitions = [(seed, fold) for seed in experiment.seeds for fold in experiment.protocol.test_folds]
        watch = self._watch(trial) if len(repetitions) == 1 else None
        found: list[list[float]] = []
        for step, (seed, fold) in enumerate(repetitions):
            run = self.trials.run(experiment, trial.number, seed, fold, watch)
            found.append(self._finite(self._objectives(run.json("metrics.json"))))
            if watch is None and len(found) < len(repetitions):
                self._prune(trial, step, lambda: fmean(values[0] for values in found))
        return [fmean(values) for values in zip(*found, strict=True)]

    def _objectives(self, scores: dict[str, Any]) -> list[float]:
        of_part = scores["validation" if self.loaded.by == "slice" else "validation_by_subject"]
        if of_part is None:
            raise ExperimentError(
                f"{self.loaded.file}: by: subject needs the subjects of all validation images, and some are not known; "
                "say by: slice."
            )
        scores_by_name = [of_part[name] for name in self.loaded.sweep.objective]
        return [math.nan if value is None else float(value) for value in scores_by_name]

    def _finite(self, values: list[float]) -> list[float]:
        for name, value in zip(self.loaded.sweep.objective, values, strict=True):
            if not math.isfinite(value):
                raise RunError(f"{name} of the validation part must be a finite number, and it is {value}.")
        return values

    def _watch(self, trial: Trial) -> AfterEpoch | None:
        if self.loaded.sweep.pruner.name == "none":
            return None

        def after_epoch(epoch: int, predictions: Callable[[], pd.DataFrame]) -> None:
            self._prune(trial, epoch, lambda: self._objectives(validation_scores(predictions()))[0])

        return after_epoch

    def _prune(self, trial: Trial, step: int, value: Callable[[], float]) -> None:
        """Report a value and raise Pruned where the pruner says so; a step that was reported before is not again."""
        if self.loaded.sweep.pruner.name == "none":
            return
        with self.storage.reaching():
            reported = self.study.get_trials(deepcopy=False)[trial.number].intermediate_values
            if step not in reported:
                trial.report(value(), step)
            if trial.should_prune():
                raise Pruned(f"pruned after step {step + 1}: worse than the other trials at that step.")
