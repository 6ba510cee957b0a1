"""The experiments and stored runs that names and files mean, for the commands and for Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path, PurePath
from typing import Any

from pydantic import ValidationError

from alzbench.errors import DataError, ExperimentError
from alzbench.experiment.explain import explain_validation
from alzbench.experiment.loaded_sweep import is_sweep
from alzbench.experiment.loading import DEMO, load_experiment, parse_assignments
from alzbench.experiment.protocols import ProtocolSettings
from alzbench.experiment.schema import Experiment
from alzbench.experiment.study import expand_study, is_study, levels_of
from alzbench.shipped import find_file
from alzbench.store import Run, RunStore
from alzbench.store.named import named_runs


def load_experiments(
    files: Sequence[Path], data: str | None, assignments: Sequence[str], seeds: str | None, demo: bool
) -> list[Experiment]:
    """Load the experiment and study files of a command.

    Args:
        files: The files, or names that `shipped.find_file` knows. Experiments with the same name and protocol must be
            equal, and are returned once.
        data: Source of the images instead of the files'; a demo generates its own.
        assignments: ``a.b=value`` texts.
        seeds: Whole numbers separated by commas, instead of the files' seeds.
        demo: Override the files with the settings of a demo.

    Raises:
        ExperimentError: A file or an option is invalid, or two options set the same field.
    """
    check_source(data, demo, assignments)
    overrides = overrides_of(data, demo)
    if seeds is not None:
        check_assigned_once("--seeds", "seeds", assignments)
        overrides["seeds"] = _whole_numbers(seeds)
    resolved: dict[tuple[str, str], Experiment] = {}
    for file in map(find_file, files):
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
    files = [file for name in names if (file := _file(name))]
    return {name: levels for file in files if is_study(file) for name, levels in levels_of(file).items()}


def _file(name: str) -> Path | None:
    """Return the file that a name with the ending of one means; None for any other name."""
    file = find_file(name)
    return file if PurePath(name).suffix in (".yaml", ".yml") and file.is_file() else None


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
        file = _file(name)
        # a sweep's own name does not mean the experiments whose names begin with it
        of_name = [run for run in every if run.card.experiment == name] or runs
        named = _runs_of_file(file, runs) if file else named_runs(name, of_name)
        named = [run for run in named if trials or run.card.trial is None]
        if not named and not file and named_runs(name, every):
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


def plain_name(name: str, option: str) -> str:
    """Return the name if it is valid for an experiment or a file; else raise ExperimentError."""
    try:
        return Experiment(name=name).name
    except ValidationError as error:
        raise ExperimentError(f"{option}: {explain_validation(error, '', Experiment)}") from None


def check_source(data: str | None, demo: bool, assignments: Sequence[str]) -> None:
    """Check that --data, --demo and --set name one image source.

    Raises:
        ExperimentError: Two of them are given, or the name is empty.
    """
    if data is not None and not data.strip():
        raise ExperimentError("--data must name a source of images; it is empty.")
    assigned = assigned_value("data.source", assignments)
    if demo and any(source not in (None, "phantom") for source in (data, assigned)):
        option = "--data" if data else "--set data.source"
        raise ExperimentError(f"--demo generates its own images: leave out {option}, or leave out --demo.")
    if data:
        check_assigned_once("--data", "data.source", assignments)


def check_assigned_once(option: str, field: str, assignments: Sequence[str]) -> None:
    """Raise ExperimentError if --set assigns the same field as another option."""
    if assigned_value(field, assignments) is not None:
        raise ExperimentError(f"{option} and --set {field}=... set the same field: leave out one of them.")


def assigned_value(field: str, assignments: Sequence[str]) -> object:
    """Return the value that assignments give a field, e.g. ``a.b`` in ``a.b=1`` or ``a={b: 1}``; None for no value."""
    value: object = parse_assignments(assignments)
    for key in field.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def check_seed(protocol: ProtocolSettings, seed: int) -> None:
    """Raise ExperimentError if --seed cannot change the split, because the protocol sets another seed."""
    if protocol.split_seed not in (None, seed):
        raise ExperimentError(
            f"--seed has no effect: protocol.split_seed is {protocol.split_seed} and sets the split; "
            f"leave out --seed, or use --set protocol.split_seed={seed}."
        )


def check_fold(protocol: ProtocolSettings, folds: Sequence[int | None], fold: int) -> None:
    """Raise ExperimentError if the protocol does not have this fold."""
    if folds == [None]:
        raise ExperimentError(f"The {protocol.name} protocol has no folds: leave out --fold.")
    if fold not in folds:
        raise ExperimentError(f"--fold must be one of the protocol's {len(folds)} folds, counted from 0; got {fold}.")
