"""The predictions of experiments, read from their runs, all with the class names of their group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from alzbench.compare.rows import ExperimentRow
from alzbench.store import Run, read_run

Predictions = Mapping[int, pd.DataFrame]  # predictions tables by seed, of a seed those of all folds


def read_predictions(
    row: ExperimentRow, classes: Sequence[str], seeds: Sequence[int] | None = None
) -> Predictions | None:
    """Read what an experiment answered, with one spelling of the classes.

    Args:
        row: The experiment.
        classes: The group's class names, in label order.
        seeds: Of which of its seeds; by default of all.

    Returns:
        None where any run of these seeds has not stored its predictions: a part of them is not what its figures say.

    Raises:
        DataError: A file is damaged.
    """
    of_seeds: dict[int, list[Run]] = {seed: [] for seed in (row.seeds if seeds is None else seeds)}
    for run in map(read_run, map(Path, row.folders)):
        if run.card.seed in of_seeds:
            of_seeds[run.card.seed].append(run)
    if not all((run.path / "predictions.csv").is_file() for runs in of_seeds.values() for run in runs):
        return None
    return {
        seed: pd.concat([run.predictions(classes=classes) for run in runs], ignore_index=True)
        for seed, runs in of_seeds.items()
    }
