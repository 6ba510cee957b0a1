"""The experiments and stored runs that names and files mean, for the commands and for Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path, PurePath
from typing import Any

from alzbench.errors import DataError, ExperimentError
from alzbench.experiment.loaded_sweep import is_sweep
from alzbench.experiment.loading import DEMO, load_experiment
from alzbench.experiment.schema import Experiment
from alzbench.experiment.study import expand_study, is_study, levels_of
from alzbench.shipped import find_file
from alzbench.store import Run, RunStore


def load_experiments(
    files: Sequence[Path], data: str | None, assignments: Sequence[str], seeds: str | None, demo: bool
) -> list[Experiment]:
    """Load the experiment and study files of a command.

    Args:
        files: The files, or names that `shipped.find_file` knows. Experiments with the same name and protocol must be equal, and are returned once.
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


def _is_name_of(name: str, run: Run) -> bool:
    return name in (run.card.experiment, run.name) or Path(name).resolve() == run.path.resolve()


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
        names: Names of runs or experiments, experiment or study files, or run folders.
        trials: Include the trials of sweeps, which have no test scores.
        unreadable: See `RunStore.runs`.

    Raises:
        DataError: There are no runs, or a name refers to none.
    """
    every = all_runs(root, unreadable)
    runs = [run for run in every if trials or run.card.trial is None]
    selected: list[Run] = []
    for name in names:
        file = _file(name)
        named = _runs_of_file(file, runs) if file else [run for run in runs if _is_name_of(name, run)]
        if not named and any(_is_name_of(name, run) for run in every):
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
