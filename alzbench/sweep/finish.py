"""The end of a sweep: the best configuration as an experiment file, and what it scores on the test part."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from optuna.study import Study
from optuna.trial import FrozenTrial

from alzbench import atomic
from alzbench.errors import ExperimentError
from alzbench.experiment import Experiment
from alzbench.experiment.loading import load_experiment
from alzbench.experiment.sweep import LoadedSweep
from alzbench.sweep.study import finished

_MARK = "# Written by `alzbench sweep"


@dataclass(frozen=True)
class Best:
    """The best configuration.

    Attributes:
        trial: The trial; with two objectives, of those that no other beats in both, the best by the first.
        front: With two objectives, all that no other beats in both; else the trial alone.
        file: The experiment file.
        experiment: What it says.
    """

    trial: FrozenTrial
    front: tuple[FrozenTrial, ...]
    file: Path
    experiment: Experiment


def best_trials(study: Study) -> tuple[FrozenTrial, ...]:
    """Return the best trial, or with two objectives all that no other beats in both, the best by the first in front.

    Raises:
        RunError: No trial is complete.
    """
    finished(study)
    if len(study.directions) == 1:
        return (study.best_trial,)
    higher = study.directions[0].name == "MAXIMIZE"
    return tuple(sorted(study.best_trials, key=lambda t: (-t.values[0] if higher else t.values[0], t.number)))


def write_best(
    loaded: LoadedSweep, study: Study, file: Path, overrides: dict[str, Any], settings: Sequence[str]
) -> Best:
    """Write the best configuration as an experiment file that extends the base.

    Args:
        loaded: The sweep.
        study: With its trials.
        file: Where to; a file that no sweep wrote is never replaced.
        overrides, settings: What was laid over the base, see `load_sweep`.

    Raises:
        ExperimentError: There is another file in its place.
        RunError: No trial is complete.
    """
    front = best_trials(study)
    check_place(file)
    trial = front[0]
    what = ", ".join(f"{name} {value:.4f}" for name, value in zip(loaded.sweep.objective, trial.values, strict=True))
    base = os.path.relpath(loaded.base_file.resolve(), file.parent.resolve())
    content = {
        "name": f"{loaded.sweep.name}-best",
        "extends": base,
        "description": f"the best of {loaded.sweep.name}, by {what} on validation",
        **loaded.changes(trial.params),
    }
    header = (
        f"{_MARK} {loaded.file}`: trial {trial.number} of {len(study.get_trials(deepcopy=False))}, {what} by "
        f"{loaded.by} on the validation part.\n# Command: alzbench run {file}\n"
    )
    atomic.write_text(file, header + yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    experiment = load_experiment(file, settings, {**overrides, "seeds": loaded.sweep.final.seeds or [0]})
    return Best(trial, front, file, experiment)


def check_place(file: Path) -> None:
    """Raise ExperimentError where the best configuration's file would replace one that no sweep wrote."""
    if file.is_file() and not file.read_text(encoding="utf-8", errors="replace").startswith(_MARK):
        raise ExperimentError(
            f"{file} is in the place of the best experiment and no sweep wrote it; --best names another."
        )


def with_base(best: Best, loaded: LoadedSweep) -> list[Experiment]:
    """Return the base and the best, both with the seeds of the final evaluation."""
    base = loaded.base.model_copy(update={"seeds": best.experiment.seeds})
    return [base, best.experiment]
