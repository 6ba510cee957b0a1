"""What a sweep says: what it will cost, what became of a trial, which is the best."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from statistics import fmean

from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from alzbench.errors import DataError
from alzbench.experiment.sweep import LoadedSweep
from alzbench.store import Run, RunStore
from alzbench.sweep.finish import Best
from alzbench.sweep.study import ERROR, completed, counts


def cost(loaded: LoadedSweep, study: Study, store: RunStore, storage: str) -> str:
    """Say what is to be done, and how long it may take where earlier runs tell."""
    sweep = loaded.sweep
    left = max(0, sweep.trials - completed(study))
    runs = len(sweep.seeds) * len(loaded.base.protocol.test_folds)
    epochs = loaded.base.train.epochs + (loaded.base.fine_tune.epochs if loaded.base.fine_tune else 0)
    text = (
        f"sweep {sweep.name}: {left} of {sweep.trials} trials left, {runs} run{'s' if runs > 1 else ''} of {epochs} "
        f"epoch{'s' if epochs > 1 else ''} each (where the space does not change that); "
        f"{' and '.join(sweep.objective)} of the validation part, by {loaded.by}; kept in {storage}"
    )
    tested = 2 * len(sweep.final.seeds) * len(loaded.base.protocol.test_folds)
    if tested:
        text += f"; then {tested} runs: base and best, tested {split_text(loaded)}"
    if not left:
        return text
    seconds = _seconds_a_trial(loaded, study, store, runs)
    if not seconds:
        return f"{text}; how long it takes is known after the first trial"
    return f"{text}; about {timedelta(seconds=round(seconds * (left + tested / runs)))} for one process"


def split_text(loaded: LoadedSweep) -> str:
    """Say by which seeds, and on which split, base and best are tested."""
    seeds = [str(seed) for seed in loaded.sweep.final.seeds]
    listed = f"seeds {', '.join(seeds[:-1])} and {seeds[-1]}" if len(seeds) > 1 else f"seed {''.join(seeds)}"
    return f"with {listed}, on the split of seed {loaded.split_seed} that all trials had"


def caution(loaded: LoadedSweep) -> str:
    """Say where the trials have seen the subjects that base and best are tested on; empty where they have not."""
    if loaded.nested_test or not loaded.sweep.final.seeds:
        return ""
    return (
        "Each subject is in some fold, so the trials were trained on and chosen by the subjects that are tested: the "
        "test is not nested, and what it says of the best is optimistic."
    )


def unfinished(alive: Sequence[int], dead: Sequence[int]) -> str:
    """Say which trials are not at their end."""
    told = []
    if alive:
        told.append(f"{_are(alive)} still running elsewhere; the process that finishes last evaluates")
    if dead:
        told.append(f"{_are(dead)} unfinished; the same command goes on there")
    return ", and ".join(told) + "."


def _are(trials: Sequence[int]) -> str:
    if len(trials) == 1:
        return f"trial {trials[0]} is"
    return f"trials {', '.join(map(str, trials))} are"


def _seconds_a_trial(loaded: LoadedSweep, study: Study, store: RunStore, runs: int) -> float | None:
    """Return how long a trial takes, by those that are complete, else by stored runs of the base; None: not known."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    durations = [trial.duration.total_seconds() for trial in complete if trial.duration]
    if durations:
        return fmean(durations)
    base = loaded.base
    alike = [
        _training_s(run)
        for run in store.runs(unreadable=lambda _: None)
        if run.card.trial is None
        and run.card.state == "complete"
        and (run.card.experiment, run.card.protocol) == (base.name, base.protocol.name)
    ]
    known = [float(seconds) for seconds in alike if seconds]
    return runs * fmean(known) if known else None


def _training_s(run: Run) -> float | None:
    """Return the seconds that a run's training took; None where it does not say."""
    try:
        return (run.metrics.get("duration_s") or {}).get("training")
    except DataError:
        return None


def sentence(loaded: LoadedSweep, trial: FrozenTrial) -> str:
    """Return what became of a trial, for people."""
    params = ", ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in trial.params.items())
    if trial.state == TrialState.COMPLETE:
        named = zip(loaded.sweep.objective, trial.values, strict=True)
        return f"trial {trial.number}: {', '.join(f'{name} {value:.4f}' for name, value in named)}; {params}"
    if trial.state == TrialState.PRUNED:
        return f"trial {trial.number}: pruned after {len(trial.intermediate_values)} reports; {params}"
    return f"trial {trial.number}: failed: {trial.user_attrs.get(ERROR, 'no reason is known')}; {params}"


def render_best(best: Best, trials: dict[str, int], storage: str) -> RenderableType:
    """Return what the best trial is, for the terminal."""
    head = Table(box=None, show_header=False, pad_edge=False)
    states = ", ".join(f"{count} {state}" for state, count in trials.items() if count)
    about = {
        "trials": states,
        "best": f"trial {best.trial.number}: {', '.join(f'{value:.4f}' for value in best.trial.values)} on validation",
        **best.trial.params,
        "file": best.file,
        "storage": storage,
    }
    for key, value in about.items():
        head.add_row(Text(key, style="bold"), Text(f"{value:.4g}" if isinstance(value, float) else str(value)))
    return head


def best_so_far(loaded: LoadedSweep, study: Study) -> str:
    """Return the best trial so far in a few words; empty before there is one, or with two objectives."""
    if not counts(study)["complete"] or len(loaded.sweep.objective) > 1:
        return ""
    best = study.best_trial
    return f"best {loaded.sweep.objective[0]} {best.value:.4f} (trial {best.number})"
