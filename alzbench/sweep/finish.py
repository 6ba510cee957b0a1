"""The end of a sweep: the best trial, written as an experiment file."""

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
from alzbench.sweep.objective import format_objectives
from alzbench.sweep.optuna_study import best_trials, complete_trials, count_finished

_MARK = "# Written by `alzbench sweep"
_CHECKSUM = re.compile(r"^# Checksum: ([0-9a-f]{12}).*\n", re.MULTILINE)


@dataclass(frozen=True)
class Best:
    """The best trial and its experiment.

    Attributes:
        trial: The trial; with two objectives, the first of the front.
        front: With two objectives the Pareto front, the best by the first objective first; else the trial alone.
        file: The experiment file.
        experiment: The experiment that is tested: that of the file, on the images of the trials.
    """

    trial: FrozenTrial
    front: tuple[FrozenTrial, ...]
    file: Path
    experiment: Experiment


def write_best(loaded: LoadedSweep, optuna_study: Study, file: Path) -> Best:
    """Write the best trial as an experiment file that extends the base, unless the file already has these settings.

    Args:
        loaded: The sweep.
        optuna_study: Its trials.
        file: The file to write, see `check_best_file`.

    Raises:
        ExperimentError: The file exists, and this sweep may not replace it.
        RunError: No trial is complete.
    """
    front = best_trials(optuna_study)
    trial = front[0]
    content = _content(loaded, trial, file)
    if not _holds(file, content):
        if not _is_replaceable(loaded, file):
            raise _not_replaceable(file)
        atomic.write_text(file, _file_text(loaded, trial, len(optuna_study.get_trials(deepcopy=False)), file, content))
    return Best(trial, front, file, loaded.best(trial.params, content["description"]))


def check_best_file(loaded: LoadedSweep, optuna_study: Study, file: Path) -> None:
    """Check that the best experiment can be written to a file: it must not exist, or be this sweep's own and unchanged.

    After the last trial, a changed file is accepted if it has the settings that would be written.

    Raises:
        ExperimentError: The file cannot be replaced.
    """
    if file.is_dir():
        raise ExperimentError(
            f"The best experiment must be written to a file, and {file} is a folder; name a file with --best."
        )
    if _is_replaceable(loaded, file):
        return
    is_final = count_finished(optuna_study) >= loaded.sweep.trials and complete_trials(optuna_study)
    if not is_final or not _holds(file, _content(loaded, best_trials(optuna_study)[0], file)):
        raise _not_replaceable(file)


def _not_replaceable(file: Path) -> ExperimentError:
    return ExperimentError(
        f"The best experiment would replace {file}, which this sweep did not write or which was changed since; move it "
        "away, or name another file with --best FILE."
    )


def _is_replaceable(loaded: LoadedSweep, file: Path) -> bool:
    """Return True if the file does not exist, or this sweep wrote it and it was not changed."""
    if not file.exists():
        return True
    text = file.read_text(encoding="utf-8", errors="replace")
    checksum = _CHECKSUM.search(text)
    if not text.startswith(_MARK) or checksum is None or checksum[1] != _checksum(_CHECKSUM.sub("", text, count=1)):
        return False
    return bool(read_file(file).get("name") == loaded.best_name)


def _holds(file: Path, content: dict[str, Any]) -> bool:
    """Return True if an experiment file has exactly these values."""
    try:
        return file.is_file() and read_file(file) == content
    except ExperimentError:
        return False


def _content(loaded: LoadedSweep, trial: FrozenTrial, file: Path) -> dict[str, Any]:
    """Return the values of the best experiment's file."""
    return {
        "name": loaded.best_name,
        "extends": os.path.relpath(loaded.base_file.resolve(), file.parent.resolve()),
        "description": f"the best of {loaded.sweep.name}, by {_scores(loaded, trial)} on validation",
        **loaded.changes(trial.params),
    }


def _file_text(loaded: LoadedSweep, trial: FrozenTrial, trials: int, file: Path, content: dict[str, Any]) -> str:
    """Return the text of the best experiment's file, with a checksum that shows if it is changed later."""
    first_line = (
        f"{_MARK} {loaded.file}`: trial {trial.number} of {trials}, {_scores(loaded, trial)} by {loaded.by} on the "
        "validation part.\n"
    )
    rest = f"# Command: alzbench run {file}\n" + yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    checksum = _checksum(first_line + rest)
    return f"{first_line}# Checksum: {checksum} of the other lines; a file that was changed is not replaced.\n{rest}"


def _scores(loaded: LoadedSweep, trial: FrozenTrial) -> str:
    return format_objectives(loaded.sweep.objective, trial.values)


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
