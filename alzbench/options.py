"""From command-line options to experiments and stored runs."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from alzbench.errors import DataError, ExperimentError
from alzbench.evaluation.predictions import PREFIX
from alzbench.experiment.explain import explain_validation
from alzbench.experiment.loading import DEMO, load_experiment
from alzbench.experiment.schema import Experiment
from alzbench.experiment.study import expand_study, is_study, levels_of
from alzbench.experiment.sweep import is_sweep
from alzbench.store import Run, RunStore
from alzbench.store.foreign import ROLES


def load_experiments(
    files: Sequence[Path], data: str | None, settings: Sequence[str], seeds: str | None, demo: bool
) -> list[Experiment]:
    """Load the experiment and study files of a command.

    Args:
        files: The files. Experiments of one name and protocol must be the same one, and then are taken once.
        data: Source of the images instead of the files'; a demo draws its own.
        settings: ``a.b=value`` texts.
        seeds: Whole numbers with commas between them, instead of the files' seeds.
        demo: Lay the demo's settings over the files.

    Raises:
        ExperimentError: A file or an option is wrong.
    """
    overrides = overrides_of(data, demo)
    if seeds is not None:
        overrides["seeds"] = _whole_numbers(seeds)
    resolved: dict[tuple[str, str], Experiment] = {}
    for file in files:
        for experiment in _experiments_of(file, settings, overrides):
            key = (experiment.name, experiment.protocol.name)
            if resolved.setdefault(key, experiment) != experiment:
                raise ExperimentError(
                    f"Experiments must have different names; {file} makes another {experiment.name} "
                    f"({experiment.protocol.name} protocol) than a file before it."
                )
    return list(resolved.values())


def overrides_of(data: str | None, demo: bool) -> dict[str, Any]:
    """Return what --data and --demo lay over an experiment file; a demo draws its own images."""
    if demo:
        return {**DEMO}
    return {"data": {"source": data}} if data else {}


def _experiments_of(file: Path, settings: Sequence[str], overrides: dict[str, Any]) -> list[Experiment]:
    if is_sweep(file):
        raise ExperimentError(f"{file} is a sweep; `alzbench sweep {file}` runs it.")
    if is_study(file):
        return expand_study(file, settings, overrides)
    return [load_experiment(file, settings, overrides)]


def _whole_numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ExperimentError(
            f"--seeds takes whole numbers with commas between them, e.g. 0,1,2; got {text!r}."
        ) from None


def study_levels(names: Sequence[str]) -> dict[str, frozenset[tuple[str, str]]]:
    """Return the levels that are on in each experiment of the study files among names, by the experiment's name."""
    files = [Path(name) for name in names if _is_file(name)]
    return {name: levels for file in files if is_study(file) for name, levels in levels_of(file).items()}


def _is_file(name: str) -> bool:
    return Path(name).suffix in (".yaml", ".yml") and Path(name).is_file()


def _stands_for(name: str, run: Run) -> bool:
    return name in (run.card.experiment, run.name) or Path(name).resolve() == run.path.resolve()


def _of_file(file: Path, runs: Sequence[Run]) -> list[Run]:
    """Return the runs of an experiment file, under any protocol, or of a study file, under its own."""
    found = {(e.name, e.protocol.name) for e in _experiments_of(file, (), {})}
    if is_study(file):
        return [run for run in runs if (run.card.experiment, run.card.protocol) in found]
    return [run for run in runs if run.card.experiment in {name for name, _ in found}]


def select_runs(
    root: Path,
    names: Sequence[str],
    trials: bool = False,
    unreadable: Callable[[DataError], None] | None = None,
) -> list[Run]:
    """Return the stored runs that names of runs and experiments, their files, or paths stand for.

    All of them, for no names.

    Args:
        root: Where run folders lie.
        names: Which.
        trials: Count trials of sweeps, too; they have no test scores.
        unreadable: See `RunStore.runs`.

    Raises:
        DataError: There are no runs, or a name stands for none.
    """
    every = all_runs(root, unreadable)
    runs = [run for run in every if trials or run.card.trial is None]
    selected: list[Run] = []
    for name in names:
        found = _of_file(Path(name), runs) if _is_file(name) else [run for run in runs if _stands_for(name, run)]
        if not found and any(_stands_for(name, run) for run in every):
            raise DataError(
                f"{name} is a sweep or a trial of one, and the test part is never read in a trial; compare the best."
            )
        if not found:
            raise DataError(
                f"There is no run or experiment {name} under {root}; `alzbench list runs` names those there."
            )
        selected += found
    return list({run.path: run for run in selected}.values()) if names else runs


def all_runs(root: Path, unreadable: Callable[[DataError], None] | None = None) -> list[Run]:
    """Return every stored run, those of sweeps' trials too; raises DataError where there is none.

    `unreadable`: see `RunStore.runs`.
    """
    runs = RunStore(root).runs(unreadable)
    if not runs:
        raise DataError(f"There are no runs under {root}; `alzbench run` makes some, and --runs names another folder.")
    return runs


def column_names(texts: Sequence[str]) -> dict[str, str]:
    """Return ``WHAT=NAME`` texts as a mapping; raises ExperimentError where they are none."""
    columns: dict[str, str] = {}
    for text in texts:
        role, equals, name = text.partition("=")
        if not equals or not (role in ROLES or role.startswith(PREFIX)) or not name:
            raise ExperimentError(
                f"--column takes WHAT=NAME, where WHAT is {', '.join(ROLES)} or {PREFIX}<class>; got {text!r}."
            )
        if role in columns:
            raise ExperimentError(f"--column must say once what {role} is; got {columns[role]} and {name}.")
        columns[role] = name
    return columns


def class_list(texts: Sequence[str]) -> list[str] | None:
    """Return the names of --classes: of one text those between its commas, of several each as it is.

    Raises:
        ExperimentError: A name is empty or comes twice.
    """
    if not texts:
        return None
    # a name with a comma in it may stand in quotes, as in a CSV file
    names = next(csv.reader(texts), []) if len(texts) == 1 else list(texts)
    if not names or "" in names:
        raise ExperimentError(f"--classes must be names with commas between them; one is empty in {','.join(texts)!r}.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ExperimentError(f"--classes must name each class once; {', '.join(twice)} comes more often.")
    return names


def plain_name(name: str, option: str) -> str:
    """Return a name that an experiment, or a file, may have; raises ExperimentError where it may not."""
    try:
        return Experiment(name=name).name
    except ValidationError as error:
        raise ExperimentError(f"{option}: {explain_validation(error, '', Experiment)}.") from None
