"""Messages of a sweep: its plan and the time it takes, its trials, and the limits of its final test."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from statistics import fmean

from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from alzbench.errors import DataError
from alzbench.experiment.loaded_sweep import LoadedSweep
from alzbench.store import Run, RunStore
from alzbench.sweep.objective import format_objectives
from alzbench.sweep.optuna_study import complete_trials, error_of
from alzbench.sweep.search import Search


def describe_plan(loaded: LoadedSweep, searches: Sequence[Search], store: RunStore, storage: str) -> str:
    """Return what a sweep will run, and an estimate of its time if earlier runs allow one."""
    sweep = loaded.sweep
    left, trials = sum(search.left for search in searches), sweep.trials * len(searches)
    runs = searches[0].loaded.runs_per_trial
    folds = f" in {len(searches)} folds" if sweep.nested else ""
    epochs = loaded.base.train.epochs + (loaded.base.fine_tune.epochs if loaded.base.fine_tune else 0)
    text = (
        f"sweep {sweep.name}: {left} of {trials} trials left{folds}, {runs} run{'s' if runs > 1 else ''} of {epochs} "
        f"epoch{'s' if epochs > 1 else ''} each (unless the space changes the epochs); "
        f"{' and '.join(sweep.objective)} of the validation part, by {loaded.by}; stored in {storage}"
    )
    final_runs = 2 * len(sweep.final.seeds) * len(loaded.base.protocol.test_folds)
    if final_runs:
        tested = "base, and the settings chosen in each fold" if sweep.nested else "base and best"
        text += f"; then {final_runs} runs: {tested}, tested {describe_split(loaded)}"
    if not left:
        return text
    seconds = _seconds_per_trial(loaded, searches, store, runs)
    if not seconds:
        return f"{text}; the time is estimated after the first trial"
    return f"{text}; about {timedelta(seconds=round(seconds * (left + final_runs / runs)))} for one process"


def describe_split(loaded: LoadedSweep) -> str:
    """Return the seeds and the split with which base and best are tested."""
    seeds = [str(seed) for seed in loaded.sweep.final.seeds]
    listed = f"seeds {', '.join(seeds[:-1])} and {seeds[-1]}" if len(seeds) > 1 else f"seed {''.join(seeds)}"
    return f"with {listed}, on the split of seed {loaded.split_seed}, which all trials share"


def optimism_warning(loaded: LoadedSweep) -> str:
    """Return a warning if the trials use the subjects of the final test; else an empty text."""
    if loaded.nested_test or not loaded.sweep.final.seeds:
        return ""
    return (
        "The final test is not nested: with folds, the trials were trained on and compared by the subjects that are "
        "tested, so the test scores of the best experiment are optimistic."
    )


def describe_unfinished(alive: Sequence[int], dead: Sequence[int]) -> str:
    """Return which trials are not finished, and how they will be.

    Args:
        alive: Numbers of the trials that other processes work on.
        dead: Numbers of the trials whose process is dead.
    """
    parts = []
    if alive:
        parts.append(f"{_are(alive)} still running in another process; the process that finishes last runs the test")
    if dead:
        parts.append(f"{_are(dead)} unfinished; repeat the command to continue")
    return ", and ".join(parts) + "."


def _are(trials: Sequence[int]) -> str:
    if len(trials) == 1:
        return f"trial {trials[0]} is"
    return f"trials {', '.join(map(str, trials))} are"


def _seconds_per_trial(loaded: LoadedSweep, searches: Sequence[Search], store: RunStore, runs: int) -> float | None:
    """Return the mean time of the complete trials, or else of stored runs of the base; None if there are none."""
    complete = [trial for search in searches for trial in complete_trials(search.optuna_study)]
    durations = [trial.duration.total_seconds() for trial in complete if trial.duration]
    if durations:
        return fmean(durations)
    base = loaded.base
    runs_of_base = [
        run
        for run in store.runs(unreadable=lambda _: None)
        if run.card.trial is None
        and run.card.state == "complete"
        and (run.card.experiment, run.card.protocol) == (base.name, base.protocol.name)
    ]
    seconds = [float(training) for training in map(_training_seconds, runs_of_base) if training]
    return runs * fmean(seconds) if seconds else None


def _training_seconds(run: Run) -> float | None:
    """Return the time of a run's training; None if it is not stored."""
    try:
        return run.metrics().duration_s.get("training")
    except DataError:
        return None


def describe_trial(loaded: LoadedSweep, trial: FrozenTrial) -> str:
    """Return the result and the settings of a finished trial."""
    params = ", ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in trial.params.items())
    if trial.state == TrialState.COMPLETE:
        result = format_objectives(loaded.sweep.objective, trial.values)
    elif trial.state == TrialState.PRUNED:
        result = f"pruned after {len(trial.intermediate_values)} reports"
    else:
        result = f"failed: {error_of(trial)}"
    return f"trial {trial.number}: {result}; {params}"


def describe_best_so_far(loaded: LoadedSweep, optuna_study: Study) -> str:
    """Return the best trial so far, for the progress bar; empty if there is none, or with two objectives."""
    if not complete_trials(optuna_study) or len(loaded.sweep.objective) > 1:
        return ""
    best = optuna_study.best_trial
    return f"best {format_objectives(loaded.sweep.objective, best.values)} (trial {best.number})"
