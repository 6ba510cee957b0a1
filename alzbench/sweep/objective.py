"""Objectives of sweeps: any image-level metric that is not per class, in the direction that it declares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from alzbench.errors import ExperimentError
from alzbench.evaluation.evaluate import TableScores
from alzbench.evaluation.metrics import Metric, metrics
from alzbench.experiment.loaded_sweep import LoadedSweep
from alzbench.registry import did_you_mean


def possible_objectives() -> dict[str, Metric]:
    """Return the metrics that can be an objective, by name."""
    return {metric.name: metric for metric in metrics(level="image", per_class=False)}


def check_objectives(loaded: LoadedSweep) -> None:
    """Check that the objectives of a sweep are metrics that can be one; raises ExperimentError."""
    known = list(possible_objectives())
    for name in loaded.sweep.objective:
        if name not in known:
            raise ExperimentError(
                f"{loaded.file}: objective: must be one of {', '.join(known)}, got {name!r}.{did_you_mean(name, known)}"
            )


def objective_metrics(loaded: LoadedSweep) -> list[Metric]:
    """Return the metrics that a checked sweep optimises."""
    return [possible_objectives()[name] for name in loaded.sweep.objective]


def directions(loaded: LoadedSweep) -> list[Literal["maximize", "minimize"]]:
    """Return Optuna's direction of each objective."""
    return ["maximize" if metric.higher_is_better else "minimize" for metric in objective_metrics(loaded)]


def objective_values(loaded: LoadedSweep, by_slice: TableScores | None, by_subject: TableScores | None) -> list[float]:
    """Return the values of the objectives; NaN if one is undefined.

    Args:
        loaded: The sweep.
        by_slice: Scores of a validation part by image.
        by_subject: Its scores by subject; None if a subject is not known.

    Raises:
        ExperimentError: The sweep is scored by subject, and a subject is not known.
    """
    scores = by_slice if loaded.by == "slice" else by_subject
    if scores is None:
        raise ExperimentError(
            f"{loaded.file}: by: subject needs the subject of every validation image, and some are not known; set "
            "by: slice."
        )
    values = [scores.scores.get(name) for name in loaded.sweep.objective]
    return [math.nan if value is None else float(value) for value in values]


def format_objectives(names: Sequence[str], values: Sequence[float]) -> str:
    """Return the objectives of a trial with their values, for people."""
    return ", ".join(f"{name} {value:.4f}" for name, value in zip(names, values, strict=True))
