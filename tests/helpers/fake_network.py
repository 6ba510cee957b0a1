"""A fake network, and the command line with it: `python -m tests.helpers.fake_network sweep FILE ...`.

It learns nothing. How many of its predictions are right depends on the settings and rises with the epochs; like a
real one it keeps a checkpoint after each epoch, and goes on from it.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alzbench import atomic
from alzbench.data.manifest import ImageSet
from alzbench.errors import RunError
from alzbench.evaluation.predictions import make_table
from alzbench.progress import Progress
from alzbench.runner import EpochStored, EpochTrained, Job
from alzbench.runner.estimator import Fit, Probabilities
from alzbench.runner.listeners import Listeners
from alzbench.store import RunWriter, TrainingNotes

SECONDS = "FAKE_SECONDS"  # an epoch takes
LOG = "FAKE_LOG"  # file that gets a line an epoch of a trial: folder of the run, epoch, process
FAILING_LR = 5e-3  # above it, it fails


class FakeNetwork:
    """Takes the place of `Network`."""

    def __init__(self, job: Job, images: ImageSet, split: pd.DataFrame, progress: Progress) -> None:
        del progress
        assert images.pixels.shape[1] == job.experiment.data.size
        assert job.trial is None or "test" not in set(split["part"])
        self.job, self.train, self.images, self.split = job, job.experiment.train, images, split
        self.validation = split[split["part"] == "validation"]

    def prepare(self) -> None:
        pass

    def fit(self, writer: RunWriter, listeners: Listeners) -> Fit:
        checkpoint = writer.path / "checkpoint-fake.npz"
        done = int(checkpoint.read_text()) if checkpoint.is_file() else 0
        rows = [self._row(epoch) for epoch in range(done)]
        for epoch in range(done, self.train.epochs):
            time.sleep(float(os.environ.get(SECONDS, "0")))
            if LOG in os.environ and writer.card.trial is not None:
                with Path(os.environ[LOG]).open("a") as file:
                    file.write(f"{writer.path.name} {epoch} {os.getpid()}\n")
            if self.train.lr > FAILING_LR:
                raise RunError("the learning rate is too high for a fake")
            listeners.epoch_trained(EpochTrained(epoch, lambda e=epoch: self._table(e)))
            rows.append(self._row(epoch))
            atomic.write_text(checkpoint, str(epoch + 1))
            listeners.epoch_stored(EpochStored(rows))
        epochs = self.train.epochs
        notes = TrainingNotes(kept_epoch=epochs, epochs=epochs, keep="last", stopped="all epochs")
        return Fit(self.predict(self.validation), notes, rows)

    def predict(self, rows: pd.DataFrame) -> Probabilities:
        return self._probabilities(rows, self.train.epochs - 1)

    def save(self, folder: Path) -> None:
        atomic.write_text(folder / "model.keras", "what a network knows")

    def _row(self, epoch: int) -> dict[str, float]:
        loss = 1 / (epoch + 1)
        accuracy = epoch / (epoch + 1)
        return {"epoch": epoch + 1, "loss": loss, "accuracy": accuracy, "val_loss": 2 * loss,
                "val_accuracy": accuracy / 2, "duration_s": 0.5}  # fmt: skip

    def _table(self, epoch: int) -> pd.DataFrame:
        return make_table(self.validation, self._probabilities(self.validation, epoch), self.images.classes)

    def _probabilities(self, rows: pd.DataFrame, epoch: int) -> Probabilities:
        quality = math.exp(-((math.log10(self.train.lr) + 3) ** 2)) * (1 - self.train.label_smoothing)
        quality *= (epoch + 1) / (epoch + 3)
        classes = len(self.images.classes)
        shares = np.full((len(rows), classes), 0.1)
        for k, (image, label) in enumerate(zip(rows["image"], rows["label"], strict=True)):
            drawn = hashlib.sha256(json.dumps([image, self.job.seed]).encode()).digest()
            right = int.from_bytes(drawn[:4], "big") / 2**32 < quality
            shares[k, label if right else (label + 1) % classes] = 1.0
        return shares / shares.sum(axis=1, keepdims=True)


def with_fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put fakes in the place of networks for one test."""
    monkeypatch.setattr("alzbench.runner.recipe.Network", FakeNetwork)


def main() -> None:
    """Run the command line with fakes in the place of networks."""
    from alzbench.cli import main as command_line
    from alzbench.runner import recipe

    recipe.Network = FakeNetwork  # type: ignore[assignment, misc]
    command_line()


if __name__ == "__main__":
    main()
