"""The commands as functions, which `import alzbench` offers, with results that a notebook shows.

    import alzbench as ab

    comparison = ab.run(["baseline", "attention"], seeds=[0, 1, 2], change={"protocol.name": "subject"})
    comparison.to_frame()

The functions do what the commands of the same name do, on the same files and folders. Their errors are those of
`alzbench.errors`; a wrong argument is an ExperimentError. In a notebook, progress is one output that is updated in
place.
"""

from __future__ import annotations

import functools
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import pandas as pd
from rich.console import Console

from alzbench.errors import ExperimentError, RunError, describe_os_error
from alzbench.experiment import audited_experiment
from alzbench.notebook import NotebookProgress, in_notebook
from alzbench.progress import Progress
from alzbench.report.results import AuditResult, ComparisonResult, Runs, StoredRun
from alzbench.selection import (
    check_assigned_once,
    check_fold,
    check_seed,
    check_source,
    load_experiments,
    plain_name,
    select_runs,
    study_levels,
)
from alzbench.shipped import find_file
from alzbench.store import Run, RunStore

if TYPE_CHECKING:
    from alzbench.errors import DataError

__all__ = [
    "AuditResult",
    "ComparisonResult",
    "Runs",
    "StoredRun",
    "audit",
    "compare",
    "import_predictions",
    "load_runs",
    "run",
]

P = ParamSpec("P")
R = TypeVar("R")
Name = str | Path | Run | StoredRun


def _with_own_errors(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function that raises a RunError, with a sentence, where the operating system refuses something."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except OSError as error:
            raise RunError(describe_os_error(error)) from error

    return wrapped


@_with_own_errors
def run(
    files: str | Path | Iterable[str | Path],
    *,
    data: str | Path | None = None,
    change: Mapping[str, Any] | None = None,
    seeds: int | Sequence[int] | None = None,
    demo: bool = False,
    force: bool = False,
    sanity: bool = True,
    runs: str | Path | None = None,
    quiet: bool = False,
) -> ComparisonResult:
    """Run experiments and studies, each with all its seeds, and compare them, as `alzbench run` does.

    Complete runs are not repeated.

    Args:
        files: Experiment and study files, or names of those that come with alzbench, such as `attention`.
        data: Source of the images instead of the files': `kaggle`, `phantom` or a folder.
        change: Fields to change and their values, as --set: ``{"train.epochs": 5}``.
        seeds: Seeds instead of the files'.
        demo: Use synthetic images and few epochs.
        force: Repeat complete runs, except sanity baselines.
        sanity: Also run the sanity baselines.
        runs: Folder of the stored runs; by default ALZBENCH_RUNS, or `runs`.
        quiet: Show no progress.

    Raises:
        ExperimentError: A file or an argument is wrong; raised before anything runs.
        DataError: Images or weights are missing or unreadable.
        RunError: Runs failed; raised after all others are complete and stored.
    """
    from alzbench.compare import compare as compare_runs
    from alzbench.compare import load_references
    from alzbench.data.manifest import ImageSets
    from alzbench.runner import Context
    from alzbench.runner.run import failure_sentences, run_and_say
    from alzbench.tracking import WandbTracker

    chosen = [str(file) for file in _listed(files)]
    if not chosen:
        raise ExperimentError(
            "files must name at least one experiment or study; `alzbench list experiments` lists some."
        )
    numbers = [seeds] if isinstance(seeds, int) else seeds
    experiments = load_experiments(
        [Path(file) for file in chosen],
        _source(data),
        _assignments(change),
        None if numbers is None else ",".join(map(str, numbers)),
        demo,
    )
    progress = _progress(quiet)
    tracker = WandbTracker(progress.say, progress.warn)
    context = Context(ImageSets(progress, quiet), RunStore(_folder(runs)), progress, tracker, force)
    outcomes = run_and_say(experiments, context, sanity=sanity)
    if failures := failure_sentences(outcomes):
        raise RunError("\n".join(failures))
    stored = [outcome.run() for outcome in outcomes if outcome.path is not None]
    return ComparisonResult(compare_runs(stored, load_references(), levels=study_levels(chosen)))


@_with_own_errors
def compare(
    names: Name | Iterable[Name] = (),
    *,
    baseline: str | None = None,
    min_effect: float = 2.0,
    where: str | None = None,
    runs: str | Path | None = None,
) -> ComparisonResult:
    """Compare stored runs with 95 % intervals, as `alzbench compare` does.

    Args:
        names: Stored runs, experiments, or experiment and study files; none: all stored runs.
        baseline: Experiment that the others are compared with; by default `baseline`, or the first one.
        min_effect: Minimum detectable difference, in percentage points of accuracy, from 0.01 to 100.
        where: Condition on the test images, such as ``"age >= 60 and sex == 'F'"``.
        runs: Folder of the stored runs; by default ALZBENCH_RUNS, or `runs`.

    Raises:
        ExperimentError: An argument is wrong.
        DataError: There is no such run, or its files are damaged.
    """
    from alzbench.compare import Condition, load_references
    from alzbench.compare import compare as compare_runs

    chosen = _names(names)
    condition = None if where is None else Condition.parse(where)
    selected = select_runs(_folder(runs), chosen, unreadable=_warn_unreadable)
    compared = compare_runs(selected, load_references(), baseline, study_levels(chosen), min_effect / 100, condition)
    return ComparisonResult(compared)


@_with_own_errors
def load_runs(names: Name | Iterable[Name] = (), *, runs: str | Path | None = None) -> Runs:
    """Return stored runs, also those that are not complete, oldest first.

    Args:
        names: Stored runs, experiments, or experiment and study files; none: all stored runs but trials of sweeps.
        runs: Folder of the stored runs; by default ALZBENCH_RUNS, or `runs`.

    Raises:
        DataError: There is no such run, or its card is damaged.
    """
    return Runs(select_runs(_folder(runs), _names(names), unreadable=_warn_unreadable))


@_with_own_errors
def audit(
    file: str | Path | None = None,
    *,
    data: str | Path | None = None,
    protocol: str | None = None,
    change: Mapping[str, Any] | None = None,
    seed: int | None = None,
    fold: int | None = None,
    quiet: bool = False,
) -> AuditResult:
    """Check an image set for train/test leakage, as `alzbench audit` does.

    Args:
        file: An experiment file or name, for its images and protocol; None: the defaults.
        data: Source of the images instead of the file's: `kaggle`, `phantom` or a folder.
        protocol: Protocol with its default settings, instead of the file's.
        change: Fields to change and their values, as --set.
        seed: Seed of the split; None: 0.
        fold: Fold that is tested, for a protocol with folds; None: the first one.
        quiet: Show no progress.

    Raises:
        ExperimentError: A file or an argument is wrong.
        DataError: Images are missing or unreadable.
    """
    from alzbench.data.audit import audit as make_audit
    from alzbench.data.manifest import open_image_set

    assignments, source = _assignments(change), _source(data)
    check_source(source, demo=False, assignments=assignments)
    if protocol:
        check_assigned_once("--protocol", "protocol.name", assignments)
    audited = audited_experiment(find_file(file) if file else None, source, protocol, assignments)
    folds = audited.protocol.test_folds
    if seed is not None:
        check_seed(audited.protocol, seed)
    if fold is not None:
        check_fold(audited.protocol, folds, fold)
    progress = _progress(quiet)
    images = open_image_set(audited.data, progress, quiet)
    return AuditResult(make_audit(images, audited.protocol, seed or 0, folds[fold or 0], progress), images)


@_with_own_errors
def import_predictions(
    predictions: str | Path | pd.DataFrame,
    name: str,
    *,
    like: Name | None = None,
    protocol: str | None = None,
    classes: Sequence[str] | None = None,
    columns: Mapping[str, str] | None = None,
    seed: int | None = None,
    trained_on_other_subjects: bool = False,
    runs: str | Path | None = None,
) -> StoredRun:
    """Store the predictions of another program as a run, as `alzbench import` does.

    Args:
        predictions: A CSV file or a data frame with a row for each test image: image, label, and predicted or
            `p_<class>` for each class.
        name: Name of the experiment.
        like: A stored run on the same test images; its subjects, fold and protocol are used.
        protocol: Protocol, if there is no such run.
        classes: Class names in label order, the healthy class first; by default those of `like` or of the columns.
        columns: Name of a column -> its name in the predictions: ``{"image": "filename"}``.
        seed: Seed of the training; by default that of `like`, or 0.
        trained_on_other_subjects: Declare that the training used no test subjects.
        runs: Folder of the stored runs; by default ALZBENCH_RUNS, or `runs`.

    Raises:
        DataError: The predictions are invalid, or do not match `like`; then nothing is stored.
        ExperimentError: The arguments contradict each other, or another run has this name and seed.
    """
    from alzbench.runner.importing import Source
    from alzbench.runner.importing import import_predictions as store_predictions

    store = RunStore(_folder(runs))
    source = Source(
        plain_name(name, "name"), seed, None if like is None else _found(store, like), protocol, classes, columns,
        trained_on_other_subjects,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "predictions.csv")
        if isinstance(predictions, pd.DataFrame):
            predictions.to_csv(path, index=False)
        else:
            path = Path(predictions)
        return StoredRun(store_predictions(path, source, store, _progress(quiet=False).say))


def _progress(quiet: bool) -> Progress:
    if quiet:
        return Progress()
    return NotebookProgress() if in_notebook() else Progress(Console(stderr=True))


def _folder(runs: str | Path | None) -> Path:
    return Path(runs or os.environ.get("ALZBENCH_RUNS") or "runs")


def _source(data: str | Path | None) -> str | None:
    return None if data is None else str(data)


def _assignments(change: Mapping[str, Any] | None) -> list[str]:
    """Return changes as the texts of --set."""
    return [f"{field}={_as_yaml(value)}" for field, value in (change or {}).items()]


def _as_yaml(value: Any) -> str:
    """Return a value as JSON, which is YAML if all its characters are ASCII and no pair of escapes is one character."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return re.sub("[^ -~]", lambda character: f"\\U{ord(character[0]):08x}", text)


def _listed(files: str | Path | Iterable[str | Path]) -> list[str | Path]:
    return [files] if isinstance(files, str | Path) else list(files)


def _names(names: Name | Iterable[Name]) -> list[str]:
    listed = [names] if isinstance(names, str | Path | Run | StoredRun) else names
    return [str(name.path) if isinstance(name, Run | StoredRun) else str(name) for name in listed]


def _found(store: RunStore, name: Name) -> Run:
    return name.run if isinstance(name, StoredRun) else name if isinstance(name, Run) else store.find(str(name))


def _warn_unreadable(error: DataError) -> None:
    import warnings

    warnings.warn(f"left out: {error}", stacklevel=4)
