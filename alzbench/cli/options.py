"""Turn the arguments of a command into experiments and stored runs."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from alzbench.errors import DataError, ExperimentError
from alzbench.evaluation.predictions import PREFIX
from alzbench.experiment.explain import explain_validation
from alzbench.experiment.loaded_sweep import is_sweep
from alzbench.experiment.loading import DEMO, load_experiment
from alzbench.experiment.schema import Experiment
from alzbench.experiment.study import expand_study, is_study, levels_of
from alzbench.store import Run, RunStore
from alzbench.store.foreign import ROLES
from alzbench.store.named import named_runs


def load_experiments(
    files: Sequence[Path], data: str | None, assignments: Sequence[str], seeds: str | None, demo: bool
) -> list[Experiment]:
    """Load the experiment and study files of a command.

    Args:
        files: The files. Experiments with the same name and protocol must be equal, and are returned once.
        data: Source of the images instead of the files'; a demo generates its own.
        assignments: ``a.b=value`` texts.
        seeds: Whole numbers separated by commas, instead of the files' seeds.
        demo: Override the files with the settings of a demo.

    Raises:
        ExperimentError: A file or an option is invalid.
    """
    overrides = overrides_of(data, demo)
    if seeds is not None:
        overrides["seeds"] = _whole_numbers(seeds)
    resolved: dict[tuple[str, str], Experiment] = {}
    for file in files:
        for experiment in _experiments_of(file, assignments, overrides):
            key = (experiment.name, experiment.protocol.name)
            if resolved.setdefault(key, experiment) != experiment:
                raise ExperimentError(
                    f"Experiments must have different names; {file} defines another {experiment.name} "
                    f"({experiment.protocol.name} protocol) than an earlier file. Rename one of them."
                )
    return list(resolved.values())


def overrides_of(data: str | None, demo: bool) -> dict[str, Any]:
    """Return the values of an experiment file that --data and --demo override; a demo generates its own images."""
    if demo:
        return {**DEMO}
    return {"data": {"source": data}} if data else {}


def _experiments_of(file: Path, assignments: Sequence[str], overrides: dict[str, Any]) -> list[Experiment]:
    if is_sweep(file):
        raise ExperimentError(f"{file} is a sweep; run it with `alzbench sweep {file}`.")
    if is_study(file):
        return expand_study(file, assignments, overrides)
    return [load_experiment(file, assignments, overrides)]


def _whole_numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ExperimentError(f"--seeds takes whole numbers separated by commas, e.g. 0,1,2; got {text!r}.") from None


def study_levels(names: Sequence[str]) -> dict[str, frozenset[tuple[str, str]]]:
    """Return the factor levels of each experiment of the study files among names, by the experiment's name."""
    files = [Path(name) for name in names if _is_file(name)]
    return {name: levels for file in files if is_study(file) for name, levels in levels_of(file).items()}


def _is_file(name: str) -> bool:
    return Path(name).suffix in (".yaml", ".yml") and Path(name).is_file()


def _runs_of_file(file: Path, runs: Sequence[Run]) -> list[Run]:
    """Return the runs of an experiment file, under any protocol, or of a study file, under its own."""
    experiments = {(e.name, e.protocol.name) for e in _experiments_of(file, (), {})}
    if is_study(file):
        return [run for run in runs if (run.card.experiment, run.card.protocol) in experiments]
    return [run for run in runs if run.card.experiment in {name for name, _ in experiments}]


def select_runs(
    root: Path,
    names: Sequence[str],
    trials: bool = False,
    unreadable: Callable[[DataError], None] | None = None,
) -> list[Run]:
    """Return the stored runs that names refer to; without names, all of them.

    Args:
        root: Folder of the run folders.
        names: Names as for `named_runs`, or experiment or study files.
        trials: Include the trials of sweeps, which have no test scores.
        unreadable: See `RunStore.runs`.

    Raises:
        DataError: There are no runs, or a name refers to none.
        ExperimentError: Several names begin with a name.
    """
    every = all_runs(root, unreadable)
    runs = [run for run in every if trials or run.card.trial is None]
    selected: list[Run] = []
    for name in names:
        named = _runs_of_file(Path(name), runs) if _is_file(name) else named_runs(name, runs)
        if not named and not _is_file(name) and named_runs(name, every):
            raise DataError(
                f"{name} is a sweep or one of its trials, and trials have no test scores; "
                "name the sweep's best experiment instead."
            )
        if not named:
            raise DataError(f"There is no run or experiment {name} under {root}; see `alzbench list runs`.")
        selected += named
    return list({run.path: run for run in selected}.values()) if names else runs


def all_runs(root: Path, unreadable: Callable[[DataError], None] | None = None) -> list[Run]:
    """Return every stored run, including the trials of sweeps; raises DataError if there is none.

    `unreadable`: see `RunStore.runs`.
    """
    runs = RunStore(root).runs(unreadable)
    if not runs:
        raise DataError(
            f"There are no runs under {root}; create some with `alzbench run`, or name another folder with --runs."
        )
    return runs


def column_names(texts: Sequence[str]) -> dict[str, str]:
    """Return ``COLUMN=NAME`` texts as a mapping; raises ExperimentError if a text is malformed or repeated."""
    columns: dict[str, str] = {}
    for text in texts:
        role, equals, name = text.partition("=")
        if not equals or not (role in ROLES or role.startswith(PREFIX)) or not name:
            raise ExperimentError(
                f"--column takes COLUMN=NAME, where COLUMN is {', '.join(ROLES)} or {PREFIX}CLASS; got {text!r}."
            )
        if role in columns:
            raise ExperimentError(f"--column must name {role} once; got {columns[role]} and {name}.")
        columns[role] = name
    return columns


def class_list(texts: Sequence[str]) -> list[str] | None:
    """Return the names of --classes: a single text is split at its commas; several texts are one name each.

    Raises:
        ExperimentError: A name is empty or repeated.
    """
    if not texts:
        return None
    # a name with a comma in it may be quoted, as in a CSV file
    names = next(csv.reader(texts), []) if len(texts) == 1 else list(texts)
    if not names or "" in names:
        raise ExperimentError(f"--classes must be names separated by commas; one is empty in {','.join(texts)!r}.")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ExperimentError(f"--classes must name each class once; {', '.join(repeated)} is repeated.")
    return names


def plain_name(name: str, option: str) -> str:
    """Return the name if it is valid for an experiment or a file; else raise ExperimentError."""
    try:
        return Experiment(name=name).name
    except ValidationError as error:
        raise ExperimentError(f"{option}: {explain_validation(error, '', Experiment)}") from None


def slice_numbers(text: str | None) -> tuple[int, ...] | None:
    """Return the numbers of slices in `80`, `80-110` or `80,85,90`; None for no text."""
    if text is None:
        return None
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        ends = [end.strip() for end in (first, last if dash else first)]
        if not all(end.isascii() and end.isdigit() and len(end) < 7 for end in ends) or int(ends[0]) > int(ends[1]):
            raise ExperimentError(f"--slices takes numbers from 1 and ranges, e.g. 80, 80-110 or 80,85; got {text!r}.")
        numbers += range(int(ends[0]), int(ends[1]) + 1)
    return tuple(dict.fromkeys(numbers))
