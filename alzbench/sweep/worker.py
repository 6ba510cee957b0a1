"""The trials that this process runs, one after another; other processes may run trials of the same sweep."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import fmean

from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from alzbench.errors import (
    AlzbenchError,
    DataError,
    Interrupted,
    Pruned,
    RunError,
    describe_os_error,
    is_machine_error,
)
from alzbench.evaluation.evaluate import TableScores, evaluate
from alzbench.experiment import Experiment
from alzbench.experiment.loaded_sweep import LoadedSweep
from alzbench.runner import Context, EpochListener, EpochTrained, plan_jobs, run_job
from alzbench.sweep.objective import objective_values
from alzbench.sweep.optuna_study import ERROR, RUNS
from alzbench.sweep.ownership import ATTEMPTS, BEAT, Worker, heartbeat, is_alive, released_on_error, remove_lock_file
from alzbench.sweep.space import suggest
from alzbench.sweep.storage import Storage

MOST_ATTEMPTS = 25  # a trial whose process died this often is given up


@dataclass
class SweepWork:
    """The work of one process on a search.

    Attributes:
        loaded: The sweep; of a nested sweep, the part of one fold.
        optuna_study: Its trials.
        storage: Their storage.
        context: Image sets, run folders, progress and tracker.
        started: Time from which the sweep's time limit counts, on `time.monotonic`.
    """

    loaded: LoadedSweep
    optuna_study: Study
    storage: Storage
    context: Context
    started: float = field(default_factory=time.monotonic)

    def run(self) -> Iterator[FrozenTrial]:
        """Run trials until none is left or the time limit is reached; yield each trial when it is finished."""
        sweep = self.loaded.sweep
        with Worker(self.storage.workers) as worker:
            while sweep.minutes is None or time.monotonic() - self.started < 60 * sweep.minutes:
                trial = self._claim(worker)
                if trial is None:
                    return
                with released_on_error(trial), self._beating(trial):
                    self._run_trial(trial)
                yield self.optuna_study.get_trials(deepcopy=False)[trial.number]

    def unfinished(self) -> tuple[list[int], list[int]]:
        """Return the numbers of the unfinished trials whose process is alive, and of those whose process is dead."""
        with self.storage.exclusive(), self.storage.explain_errors():
            running = self.optuna_study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
            alive = [trial.number for trial in running if self._is_alive(trial)]
        return alive, [trial.number for trial in running if trial.number not in alive]

    def _is_alive(self, trial: FrozenTrial) -> bool:
        return is_alive(self.storage.workers, trial.user_attrs, self.storage.on_server)

    def _claim(self, worker: Worker) -> Trial | None:
        """Return the next trial to run: one whose process died, or a new one; None if none is left."""
        with self.storage.exclusive(), self.storage.explain_errors():
            trials = self.optuna_study.get_trials(deepcopy=False)
            for running in (trial for trial in trials if trial.state == TrialState.RUNNING):
                if self._is_alive(running):
                    continue
                remove_lock_file(self.storage.workers, running.user_attrs)
                trial = self.storage.load_trial(self.optuna_study, running.number)
                attempts = running.user_attrs.get(ATTEMPTS, 1)
                if attempts < MOST_ATTEMPTS:
                    worker.own(trial, attempts + 1)
                    return trial
                error = f"its process died {MOST_ATTEMPTS} times"
                self.context.progress.say(f"trial {trial.number}: given up, as {error}")
                self._finish(trial, "failed", error=error)
            is_waiting = any(trial.state == TrialState.WAITING for trial in trials)  # enqueued by the user
            if len(trials) >= self.loaded.sweep.trials and not is_waiting:
                return None
            trial = self.optuna_study.ask()
            worker.own(trial, 1)
            return trial

    @contextlib.contextmanager
    def _beating(self, trial: Trial) -> Iterator[None]:
        if not self.storage.on_server:  # lock files show which processes are alive
            yield
            return
        with heartbeat(lambda: trial.set_user_attr(BEAT, time.time()), self.storage.close_thread):
            yield

    def _run_trial(self, trial: Trial) -> None:
        with self.storage.explain_errors():
            params = suggest(trial, self.loaded)
            try:
                values = self._run_jobs(trial, self.loaded.experiment(params))
            except (DataError, Interrupted):
                raise
            except Pruned:
                self._finish(trial, "pruned")
            except AlzbenchError as error:
                self._finish(trial, "failed", error=str(error))
            except OSError as error:
                if is_machine_error(error):
                    raise  # the next trial would fail as well; this one continues when the command is repeated
                self._finish(trial, "failed", error=describe_os_error(error))
            except Exception as error:  # noqa: BLE001 - an error of one trial does not stop the others
                self._finish(trial, "failed", error=f"{type(error).__name__}: {error}")
            else:
                self._finish(trial, "complete", values)

    def _finish(self, trial: Trial, state: str, values: list[float] | None = None, error: str = "") -> None:
        states = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
        if error:
            trial.set_user_attr(ERROR, error)
        self.optuna_study.tell(trial, values, state=states[state])

    def _run_jobs(self, trial: Trial, experiment: Experiment) -> list[float]:
        """Run the jobs of a trial and return its objectives: the means over its seeds and folds.

        Raises:
            RunError: A run of the trial failed, or an objective is not finite.
            Pruned: The pruner stopped the trial, after an epoch if the trial is one run, else after a run.
        """
        fold = self.loaded.fold
        jobs = [job for job in plan_jobs([experiment], trial.number) if fold is None or job.fold == fold]
        listeners = [_EpochPruner(self, trial)] if len(jobs) == 1 else []
        values: list[list[float]] = []
        for step, job in enumerate(jobs):
            run = run_job(job, self.context, listeners).run()
            trial.set_user_attr(RUNS, [*trial.user_attrs.get(RUNS, [])[:step], str(run.path)])
            metrics = run.metrics()
            values.append(self._finite(metrics.validation, metrics.validation_by_subject))
            if step < len(jobs) - 1:
                self.prune(trial, step, lambda: fmean(first for first, *_ in values))
        return [fmean(objective) for objective in zip(*values, strict=True)]

    def _finite(self, by_slice: TableScores | None, by_subject: TableScores | None) -> list[float]:
        """Return the objectives of a run; raises RunError if one of them is not finite."""
        values = objective_values(self.loaded, by_slice, by_subject)
        for name, value in zip(self.loaded.sweep.objective, values, strict=True):
            if not math.isfinite(value):
                raise RunError(f"{name} of the validation part must be a finite number; it is {value}.")
        return values

    def prune(self, trial: Trial, step: int, value: Callable[[], float]) -> None:
        """Report a value to the pruner, unless the step was reported before; raise Pruned if the pruner decides so."""
        if self.loaded.sweep.pruner.name == "none":
            return
        with self.storage.explain_errors():
            reported = self.optuna_study.get_trials(deepcopy=False)[trial.number].intermediate_values
            if step not in reported:
                trial.report(value(), step)
            if trial.should_prune():
                raise Pruned(f"pruned after step {step + 1}: worse than the other trials at that step.")


class _EpochPruner(EpochListener):
    """Reports the first objective after each epoch to the pruner, which may stop the trial."""

    may_stop = True

    def __init__(self, work: SweepWork, trial: Trial) -> None:
        self._work, self._trial = work, trial

    def on_epoch_trained(self, event: EpochTrained) -> None:
        """Report the epoch, which is not stored yet: if the process dies before it is, the epoch is reported again."""

        def value() -> float:
            evaluation = evaluate(event.predict(), healthy=None)
            by_subject = evaluation.subjects.mean if evaluation.subjects else None
            return objective_values(self._work.loaded, evaluation.images, by_subject)[0]

        self._work.prune(self._trial, event.step, value)
