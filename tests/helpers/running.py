"""Experiments run into a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from alzbench.data.manifest import ImageSets
from alzbench.experiment import Experiment
from alzbench.progress import Progress
from alzbench.runner import Context, Outcome, run_all
from alzbench.store import Run, RunStore

Tiny = Callable[..., Experiment]


def make_context(root: Path, progress: Progress | None = None, **options: Any) -> Context:
    """Return a context with a folder for runs, by default with a progress that shows nothing."""
    progress = progress or Progress()
    return Context(ImageSets(progress), RunStore(root), progress, **options)


def run(root: Path, *experiments: Experiment, sanity: bool = False, **options: Any) -> list[Outcome]:
    """Run experiments into a folder, and return the outcome of each job; `options` are those of the context."""
    return list(run_all(experiments, make_context(root, **options), sanity=sanity))


def run_one(root: Path, experiment: Experiment, **options: Any) -> Run:
    """Run an experiment that is a single run into a folder, and return the stored run."""
    (outcome,) = run(root, experiment, **options)
    return outcome.run()
