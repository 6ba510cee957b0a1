"""Image sets whose subjects are in a table, and experiments on them that need no network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from alzbench.experiment import Experiment
from tests.helpers.images import CLASSES, write_image


def write_flat_set(folder: Path, subjects: int = 6, slices: int = 3, classes: Sequence[str] = CLASSES) -> pd.DataFrame:
    """Write images with meaningless names into one folder, `subjects` of each class with `slices` each.

    Returns:
        Their table: image, subject, slice, label; rows are not in the order of the names.
    """
    rows = []
    for label, name in enumerate(classes):
        for subject in range(subjects):
            for number in range(slices):
                key = (label * 50 + subject) * 50 + number
                image = f"{key * 7919 % 10007:05d}.png"
                write_image(folder / image, key)
                about = {"image": image, "subject": f"{name}-{subject}", "slice": str(number), "label": name}
                rows.append(about)
    return pd.DataFrame(rows)


def described_experiment(
    source: Path, table: pd.DataFrame, variant: str = "grey_logistic", protocol: Any = None, name: str = "described"
) -> Experiment:
    """Write the table beside the set, and return an experiment on both with a sanity baseline as its variant."""
    file = source.parent / f"{source.name}.csv"
    table.to_csv(file, index=False)
    return Experiment.model_validate(
        {
            "name": name,
            "data": {"source": str(source), "size": 32, "subjects": str(file)},
            "model": {"variant": variant},
            "protocol": protocol or {"name": "subject"},
        }
    )
