"""From command-line options to experiments and stored runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alzbench.errors import DataError, ExperimentError
from alzbench.experiment.loading import DEMO, load_experiment
from alzbench.experiment.schema import Experiment
from alzbench.store import Run, RunStore


def load_experiments(
    files: Sequence[Path], data: str | None, settings: Sequence[str], seeds: str | None, demo: bool
) -> list[Experiment]:
    """Load the experiment files of a command.

    Args:
        files: The files, whose experiments must have different names.
        data: Source of the images instead of the files'; a demo draws its own.
        settings: ``a.b=value`` texts.
        seeds: Whole numbers with commas between them, instead of the files' seeds.
        demo: Lay the demo's settings over the files.

    Raises:
        ExperimentError: A file or an option is wrong.
    """
    overrides: dict[str, Any] = {**DEMO} if demo else {}
    if data and not demo:
        overrides["data"] = {"source": data}
    if seeds is not None:
        overrides["seeds"] = _whole_numbers(seeds)
    resolved = [load_experiment(file, settings, overrides) for file in files]
    names = [experiment.name for experiment in resolved]
    if len(set(names)) < len(names):
        raise ExperimentError(f"Experiments must have different names, got {', '.join(names)}.")
    return resolved


def _whole_numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ExperimentError(
            f"--seeds takes whole numbers with commas between them, e.g. 0,1,2; got {text!r}."
        ) from None


def select_runs(root: Path, names: Sequence[str]) -> list[Run]:
    """Return the stored runs that names of runs and experiments, or paths, stand for; all of them for no names.

    Raises:
        DataError: There are no runs, or a name stands for none.
    """
    runs = RunStore(root).runs()
    if not runs:
        raise DataError(f"There are no runs under {root}; `alzbench run` makes some, and --runs names another folder.")
    selected: list[Run] = []
    for name in names:
        found = [r for r in runs if name in (r.card.experiment, r.name) or Path(name).resolve() == r.path.resolve()]
        if not found:
            raise DataError(
                f"There is no run or experiment {name} under {root}; `alzbench list runs` names those there."
            )
        selected += found
    return list({run.path: run for run in selected}.values()) if names else runs
