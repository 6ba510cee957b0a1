"""The end of a sweep: the best trial, written as an experiment file."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from optuna.trial import FrozenTrial

from alzbench import atomic
from alzbench.errors import ExperimentError
from alzbench.experiment import Experiment
from alzbench.experiment.loaded_sweep import LoadedSweep
from alzbench.experiment.loading import read_file
from alzbench.runner import Job
from alzbench.shipped import base_name
from alzbench.sweep.objective import format_objectives
from alzbench.sweep.optuna_study import best_trials, complete_trials
from alzbench.sweep.search import Search

_MARK = "# Written by `alzbench sweep"
_CHECKSUM = re.compile(r"^# Checksum: ([0-9a-f]{12}).*\n", re.MULTILINE)


@dataclass(frozen=True)
class Best:
    """The best trial and its experiment.

    Attributes:
        trial: The trial; with two objectives, the first of the front; of a nested sweep, the best of its fold.
        front: With two objectives the Pareto front, the best by the first objective first; else the trial alone.
        origin: Where the settings come from, for people.
        file: The experiment file.
        experiment: The experiment that is tested: that of the file, on the images of the trials.
    """

    trial: FrozenTrial
    front: tuple[FrozenTrial, ...]
    origin: str
    file: Path
    experiment: Experiment


@dataclass(frozen=True)
class _Choice:
    """The settings that are written, and where they come from, for people."""

    trial: FrozenTrial
    front: tuple[FrozenTrial, ...]
    origin: str
    description: str


def _choose(loaded: LoadedSweep, searches: Sequence[Search]) -> _Choice:
    """Return the best trial of a sweep; of a nested sweep, the settings that most folds chose (or the first of them).

    Raises:
        RunError: A search has no complete trial.
    """
    best = [best_trials(search.optuna_study) for search in searches]
    if not loaded.sweep.nested:
        trial, scores = best[0][0], _scores(loaded, best[0][0])
        trials = len(searches[0].optuna_study.get_trials(deepcopy=False))
        return _Choice(
            trial,
            best[0],
            f"trial {trial.number} of {trials}, {scores} by {loaded.by} on the validation part",
            f"the best of {loaded.sweep.name}, by {scores} on validation",
        )
    chosen = [front[0].params for front in best]
    votes = [chosen.count(params) for params in chosen]
    front = best[votes.index(max(votes))]
    origin = f"chosen in {max(votes)} of {len(votes)} folds"
    return _Choice(front[0], front, origin, f"the settings of {loaded.sweep.name} that were {origin}")


def write_best(loaded: LoadedSweep, searches: Sequence[Search], file: Path) -> Best:
    """Write the best trial as an experiment file that extends the base, unless the file already has these settings.

    Args:
        loaded: The sweep.
        searches: Its search; of a nested sweep, that of each fold.
        file: The file to write, see `check_best_file`.

    Raises:
        ExperimentError: The file exists, and this sweep may not replace it.
        RunError: No trial is complete.
    """
    choice = _choose(loaded, searches)
    content = _content(loaded, choice, file)
    if not _holds(file, content):
        if not _is_replaceable(loaded, file):
            raise _not_replaceable(file)
        atomic.write_text(file, _file_text(loaded, choice, file, content))
    return Best(choice.trial, choice.front, choice.origin, file, loaded.best(choice.trial.params, choice.description))


def chosen_jobs(loaded: LoadedSweep, searches: Sequence[Search]) -> list[Job]:
    """Return the jobs that test the settings that each fold of a nested sweep chose on the images of that fold.

    Raises:
        RunError: A search has no complete trial.
    """
    experiments = {search.loaded.fold: loaded.chosen(search.best.params) for search in searches}
    question = hashlib.sha256(loaded.question.encode()).hexdigest()[:16]
    return [
        Job(experiment=experiment, seed=seed, fold=fold, chosen_by=question)
        for seed in loaded.sweep.final.seeds
        for fold, experiment in experiments.items()
    ]


def check_best_file(loaded: LoadedSweep, searches: Sequence[Search], file: Path) -> None:
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
    is_final = all(not search.left and complete_trials(search.optuna_study) for search in searches)
    if not is_final or not _holds(file, _content(loaded, _choose(loaded, searches), file)):
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


def _content(loaded: LoadedSweep, choice: _Choice, file: Path) -> dict[str, Any]:
    """Return the values of the best experiment's file."""
    beside = os.path.relpath(loaded.base_file.resolve(), file.parent.resolve())
    return {
        "name": loaded.best_name,
        "extends": base_name(loaded.base_file) or beside,
        "description": choice.description,
        **loaded.changes(choice.trial.params),
    }


def _file_text(loaded: LoadedSweep, choice: _Choice, file: Path, content: dict[str, Any]) -> str:
    """Return the text of the best experiment's file, with a checksum that shows if it is changed later."""
    first_line = f"{_MARK} {loaded.file}`: {choice.origin}.\n"
    rest = f"# Command: alzbench run {file}\n" + yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    checksum = _checksum(first_line + rest)
    return f"{first_line}# Checksum: {checksum} of the other lines; a file that was changed is not replaced.\n{rest}"


def _scores(loaded: LoadedSweep, trial: FrozenTrial) -> str:
    return format_objectives(loaded.sweep.objective, trial.values)


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
