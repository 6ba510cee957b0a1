"""The end of a sweep: the best configuration as an experiment file, and what it scores on the test part."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from optuna.study import Study
from optuna.trial import FrozenTrial

from alzbench import atomic
from alzbench.errors import ExperimentError
from alzbench.experiment import Experiment
from alzbench.experiment.loading import read_file
from alzbench.experiment.sweep import LoadedSweep
from alzbench.sweep.study import completed, counts, finished

_MARK = "# Written by `alzbench sweep"
_CHECKSUM = re.compile(r"^# Checksum: ([0-9a-f]{12}).*\n", re.MULTILINE)


@dataclass(frozen=True)
class Best:
    """The best configuration.

    Attributes:
        trial: The trial; with two objectives, of those that no other beats in both, the best by the first.
        front: With two objectives, all that no other beats in both; else the trial alone.
        file: The experiment file.
        experiment: What is tested: what the file says, on the images that the trials had.
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


def write_best(loaded: LoadedSweep, study: Study, file: Path) -> Best:
    """Write the best configuration as an experiment file that extends the base.

    Args:
        loaded: The sweep.
        study: With its trials.
        file: Where to; one that says the same already is left as it is, see `check_place` for others.

    Raises:
        ExperimentError: There is another file in its place.
        RunError: No trial is complete.
    """
    front = best_trials(study)
    trial = front[0]
    content = _content(loaded, trial, file)
    if not _says(file, content):
        if not _replaceable(loaded, file):
            raise _in_the_way(file)
        of = len(study.get_trials(deepcopy=False))
        head = (
            f"{_MARK} {loaded.file}`: trial {trial.number} of {of}, {_scores(loaded, trial)} by {loaded.by} on the "
            "validation part.\n"
        )
        rest = f"# Command: alzbench run {file}\n" + yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        sum_ = f"# Checksum: {_checksum(head + rest)} of the other lines; a file that was changed is not replaced.\n"
        atomic.write_text(file, head + sum_ + rest)
    return Best(trial, front, file, loaded.best(trial.params, content["description"]))


def check_place(loaded: LoadedSweep, study: Study, file: Path) -> None:
    """Check that the best configuration's file would replace none but this sweep's own, as it was written.

    One that was changed may stay where nothing is left to be searched and it says what would be written.

    Raises:
        ExperimentError: There is something else in its place.
    """
    if file.is_dir():
        raise ExperimentError(f"The best experiment must be a file, and {file} is a folder; --best names another.")
    if _replaceable(loaded, file):
        return
    done = completed(study) >= loaded.sweep.trials and counts(study)["complete"]
    if not done or not _says(file, _content(loaded, best_trials(study)[0], file)):
        raise _in_the_way(file)


def _in_the_way(file: Path) -> ExperimentError:
    return ExperimentError(
        f"{file} is in the place of the best experiment, and it is not as this sweep wrote it; --best FILE names "
        "another place, or move it away."
    )


def _replaceable(loaded: LoadedSweep, file: Path) -> bool:
    """Return whether there is no file, or this sweep wrote it and nobody changed it."""
    if not file.exists():
        return True
    text = file.read_text(encoding="utf-8", errors="replace")
    found = _CHECKSUM.search(text)
    if not text.startswith(_MARK) or found is None or found[1] != _checksum(_CHECKSUM.sub("", text, count=1)):
        return False
    return bool(read_file(file).get("name") == loaded.best_name)


def _says(file: Path, content: dict[str, Any]) -> bool:
    try:
        return file.is_file() and read_file(file) == content
    except ExperimentError:
        return False


def _content(loaded: LoadedSweep, trial: FrozenTrial, file: Path) -> dict[str, Any]:
    return {
        "name": loaded.best_name,
        "extends": os.path.relpath(loaded.base_file.resolve(), file.parent.resolve()),
        "description": f"the best of {loaded.sweep.name}, by {_scores(loaded, trial)} on validation",
        **loaded.changes(trial.params),
    }


def _scores(loaded: LoadedSweep, trial: FrozenTrial) -> str:
    named = zip(loaded.sweep.objective, trial.values, strict=True)
    return ", ".join(f"{name} {value:.4f}" for name, value in named)


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
