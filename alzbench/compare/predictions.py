"""The predictions of experiments, read from their runs, all with the class names of their group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from alzbench.compare.rows import ExperimentRow
from alzbench.store import Run, read_run

Predictions = Mapping[int, pd.DataFrame]  # predictions tables by seed, of a seed those of all folds


def runs_of(row: ExperimentRow) -> list[Run]:
    """Return the runs that an experiment's figures are of."""
    return [read_run(Path(folder)) for folder in row.folders]


def read_predictions(runs: Sequence[Run], classes: Sequence[str]) -> Predictions | None:
    """Read what runs of an experiment answered, with one spelling of the classes.

    Args:
        runs: Of whole seeds.
        classes: The group's class names, in label order.

    Returns:
        None where any of them has not stored its predictions: a part of them is not what its figures say.

    Raises:
        DataError: A file is damaged.
    """
    if not all((run.path / "predictions.csv").is_file() for run in runs):
        return None
    of_seeds: dict[int, list[pd.DataFrame]] = {}
    for run in runs:
        of_seeds.setdefault(run.card.seed, []).append(run.predictions(classes=classes))
    return {seed: pd.concat(folds, ignore_index=True) for seed, folds in of_seeds.items()}
