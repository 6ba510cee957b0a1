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
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from alzbench import atomic
from alzbench.data.manifest import ImageSet
from alzbench.errors import RunError
from alzbench.evaluation.predictions import make_table
from alzbench.experiment import Experiment
from alzbench.progress import Progress
from alzbench.store import RunWriter

SECONDS = "FAKE_SECONDS"  # an epoch takes
LOG = "FAKE_LOG"  # file that gets a line an epoch of a trial: folder of the run, epoch, process
FAILING_LR = 5e-3  # above it, it fails


class FakeNetwork:
    """Takes the place of `NetworkRun`."""

    def __init__(
        self, experiment: Experiment, seed: int, images: ImageSet, split: pd.DataFrame, progress: Progress
    ) -> None:
        del progress
        assert images.pixels.shape[1] == experiment.data.size
        self.experiment, self.seed, self.images, self.split = experiment, seed, images, split
        self.seconds = {"training": 1.0}

    def prepare(self) -> None:
        pass

    def validation(
        self, writer: RunWriter, after_epoch: Callable[[int, Callable[[], pd.DataFrame]], None] | None
    ) -> tuple[pd.DataFrame, dict[str, Any]]:
        assert "test" not in set(self.split["part"])
        self._train(writer, after_epoch)
        return self._table("validation", self.experiment.train.epochs - 1), self._notes()

    def predictions(self, writer: RunWriter) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
        self._train(writer, None)
        atomic.write_text(writer.path / "model.keras", "what a network knows")
        last = self.experiment.train.epochs - 1
        return {part: self._table(part, last) for part in ("validation", "test")}, self._notes()

    def _train(self, writer: RunWriter, after_epoch: Callable[[int, Callable[[], pd.DataFrame]], None] | None) -> None:
        checkpoint = writer.path / "checkpoint-fake.npz"
        done = int(checkpoint.read_text()) if checkpoint.is_file() else 0
        rows = [self._row(epoch) for epoch in range(done)]
        for epoch in range(done, self.experiment.train.epochs):
            time.sleep(float(os.environ.get(SECONDS, "0")))
            if LOG in os.environ and writer.card.trial is not None:
                with Path(os.environ[LOG]).open("a") as file:
                    file.write(f"{writer.path.name} {epoch} {os.getpid()}\n")
            if self.experiment.train.lr > FAILING_LR:
                raise RunError("the learning rate is too high for a fake")
            if after_epoch is not None:
                after_epoch(epoch, lambda e=epoch: self._table("validation", e))
            rows.append(self._row(epoch))
            atomic.write_text(checkpoint, str(epoch + 1))
            writer.on_epoch(rows)
        writer.write_table("history.csv", pd.DataFrame(rows))

    def _row(self, epoch: int) -> dict[str, float]:
        loss = 1 / (epoch + 1)
        accuracy = epoch / (epoch + 1)
        return {"epoch": epoch + 1, "loss": loss, "accuracy": accuracy, "val_loss": 2 * loss,
                "val_accuracy": accuracy / 2, "duration_s": 0.5}  # fmt: skip

    def _notes(self) -> dict[str, Any]:
        epochs = self.experiment.train.epochs
        return {"kept_epoch": epochs, "epochs": epochs, "keep": "last", "stopped": "all epochs"}

    def _table(self, part: str, epoch: int) -> pd.DataFrame:
        rows = self.split[self.split["part"] == part]
        train = self.experiment.train
        quality = math.exp(-((math.log10(train.lr) + 3) ** 2)) * (1 - train.label_smoothing)
        quality *= (epoch + 1) / (epoch + 3)
        classes = len(self.images.classes)
        shares = np.full((len(rows), classes), 0.1)
        for k, (image, label) in enumerate(zip(rows["image"], rows["label"], strict=True)):
            drawn = hashlib.sha256(json.dumps([image, self.seed]).encode()).digest()
            right = int.from_bytes(drawn[:4], "big") / 2**32 < quality
            shares[k, label if right else (label + 1) % classes] = 1.0
        return make_table(rows, shares / shares.sum(axis=1, keepdims=True), self.images.classes)


def with_fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put fakes in the place of networks for one test."""
    monkeypatch.setattr("alzbench.runner.run.NetworkRun", FakeNetwork)
    monkeypatch.setattr("alzbench.runner.trial.NetworkRun", FakeNetwork)


def main() -> None:
    """Run the command line with fakes in the place of networks."""
    from alzbench.cli import main as command_line
    from alzbench.runner import run, trial

    run.NetworkRun = trial.NetworkRun = FakeNetwork  # type: ignore[assignment, misc]
    command_line()


if __name__ == "__main__":
    main()
