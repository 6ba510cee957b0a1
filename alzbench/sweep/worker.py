"""The worker of a sweep: it runs trial after trial in this process, beside the workers of other processes."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import fmean

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
from alzbench.evaluation.evaluate import TableScores, evaluate
from alzbench.experiment import Experiment
from alzbench.experiment.sweep import LoadedSweep
from alzbench.runner import Context, EpochListener, EpochTrained, plan_jobs, run_job
from alzbench.sweep.ownership import ATTEMPTS, BEAT, Worker, forget, heartbeat, is_alive, released_on_error
from alzbench.sweep.space import suggest
from alzbench.sweep.storage import Storage
from alzbench.sweep.study import ERROR

MOST_ATTEMPTS = 25  # at one trial; one that has ended its process this often will do so again


@dataclass
class SweepWork:
    """The work of one process on a sweep."""

    loaded: LoadedSweep
    study: Study
    storage: Storage
    context: Context

    def run(self) -> Iterator[FrozenTrial]:
        """Run trials until none is left to begin, or time is up; yield each finished one."""
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
        """Return a trial for this process to run: one whose process died, or a new one; None if none is left."""
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
                self.context.progress.say(f"trial {trial.number}: given up: {why}")
                self._tell(trial, "failed", error=why)
            waiting = any(t.state == TrialState.WAITING for t in every)  # enqueued by the user
            if len(every) >= self.loaded.sweep.trials and not waiting:
                return None
            trial = self.study.ask()
            worker.own(trial, 1)
            return trial

    @contextlib.contextmanager
    def _beating(self, trial: Trial) -> Iterator[None]:
        if not self.storage.on_server:  # lock files show which processes are alive
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
                    raise  # the next trial would meet it as well; this one goes on when the command is repeated
                self._tell(trial, "failed", error=describe_os_error(error))
            except Exception as error:  # noqa: BLE001 - an error caused by one trial's settings does not end the others
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
            RunError: A run of it failed, or a score is not finite.
            Pruned: The pruner gave it up: after an epoch where the trial is one run, else after a fold or seed.
        """
        jobs = plan_jobs([experiment], trial.number)
        listeners = [_EpochPruner(self, trial)] if len(jobs) == 1 else []
        values: list[list[float]] = []
        for step, job in enumerate(jobs):
            metrics = run_job(job, self.context, listeners).run().metrics()
            values.append(self._finite(self.objectives(metrics.validation, metrics.validation_by_subject)))
            if step < len(jobs) - 1:
                self.prune(trial, step, lambda: fmean(first for first, *_ in values))
        return [fmean(objective) for objective in zip(*values, strict=True)]

    def objectives(self, by_slice: TableScores | None, by_subject: TableScores | None) -> list[float]:
        """Return the objectives, given the scores of a validation part; an undefined one is NaN."""
        scores = by_slice if self.loaded.by == "slice" else by_subject
        if scores is None:
            raise ExperimentError(
                f"{self.loaded.file}: by: subject needs the subjects of all validation images, and some are not known; "
                "say by: slice."
            )
        values = [scores.scores[name] for name in self.loaded.sweep.objective]
        return [math.nan if value is None else float(value) for value in values]

    def _finite(self, values: list[float]) -> list[float]:
        for name, value in zip(self.loaded.sweep.objective, values, strict=True):
            if not math.isfinite(value):
                raise RunError(f"{name} of the validation part must be a finite number, and it is {value}.")
        return values

    def prune(self, trial: Trial, step: int, value: Callable[[], float]) -> None:
        """Report a value and raise Pruned if the pruner says so; a step that was reported before is not again."""
        if self.loaded.sweep.pruner.name == "none":
            return
        with self.storage.reaching():
            reported = self.study.get_trials(deepcopy=False)[trial.number].intermediate_values
            if step not in reported:
                trial.report(value(), step)
            if trial.should_prune():
                raise Pruned(f"pruned after step {step + 1}: worse than the other trials at that step.")


class _EpochPruner(EpochListener):
    """Reports each epoch's first objective to the pruner, which may end the trial."""

    may_stop = True

    def __init__(self, work: SweepWork, trial: Trial) -> None:
        self._work, self._trial = work, trial

    def on_epoch_trained(self, event: EpochTrained) -> None:
        """Report the epoch before it is stored, so that a run which is killed in between reports it again."""

        def value() -> float:
            evaluation = evaluate(event.predict())
            by_subject = evaluation.subjects.mean if evaluation.subjects else None
            return self._work.objectives(evaluation.images, by_subject)[0]

        self._work.prune(self._trial, event.step, value)
