"""Small runs with a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alzbench.experiment import Experiment
from alzbench.store import Run
from tests.helpers.images import CLASSES, write_image
from tests.helpers.running import run_one

ATTENTION = {"variant": "attention", "options": {"units": 8, "key_dim": 8}}


def train_tiny(folder: Path, name: str, **changes: Any) -> Run:
    """Train a small model, on a small set in the folder `set`, and keep images and features in the folder `cache`.

    Args:
        folder: The folder, which several runs may share.
        name: Name of the experiment.
        changes: Sections of the experiment that differ.
    """
    values: dict[str, Any] = {
        "data": {"source": str(write_set(folder / "set")), "size": 64, "scaling": "imagenet"},
        "model": {"variant": "baseline", "options": {"units": 8}},
        "train": {"epochs": 2, "batch_size": 8},
    }
    for key, value in changes.items():
        values[key] = {**values[key], **value} if isinstance(value, dict) and key in values else value
    values["model"] = {**values["model"], "backbone": {"weights": "none", "alpha": 0.35}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALZBENCH_CACHE", str(folder / "cache"))
        patch.setenv("WANDB_MODE", "disabled")
        return run_one(folder / "runs", Experiment.model_validate({"name": name, **values}))


def write_set(root: Path) -> Path:
    """Write a set with 4 augmented images and 6 originals of each class, of two slices of three subjects."""
    for label, name in enumerate(CLASSES):
        for i in range(4):
            write_image(root / "AugmentedAlzheimerDataset" / name / f"copy{i}.jpg", 1000 * label + i)
        for i in range(6):
            write_image(root / "OriginalDataset" / name / f"slice{i}.jpg", 1000 * label + 500 + i)
    return root
