"""Experiments run into a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from alzbench.experiment import Experiment
from alzbench.progress import Progress
from alzbench.runner import Outcome, run_all
from alzbench.store import Run, RunStore

Tiny = Callable[..., Experiment]


def run(root: Path, *experiments: Experiment, **options: Any) -> list[Outcome]:
    """Run experiments into a folder, and return what became of each run."""
    return list(run_all(experiments, RunStore(root), Progress(), **options))


def run_one(root: Path, experiment: Experiment, **options: Any) -> Run:
    """Run an experiment that is a single run into a folder, and return the stored run."""
    (outcome,) = run(root, experiment, **options)
    assert outcome.run is not None, outcome.error
    return outcome.run
