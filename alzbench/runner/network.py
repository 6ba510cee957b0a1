"""The heavy part of a run with a network; TensorFlow is first imported here."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alzbench import atomic
from alzbench.data.manifest import ImageSet
from alzbench.evaluation.predictions import make_table
from alzbench.experiment import Experiment
from alzbench.progress import Progress
from alzbench.seeds import derive
from alzbench.store import RunWriter


class NetworkRun:
    """A head trained on stored feature maps, and its predictions.

    Args:
        experiment: What is run.
        seed: The run's seed.
        images: The set; its feature maps are found in the cache or computed.
        split: Rows image, label, part, with the manifest's index. Its labels are the ones learnt and tested.
        progress: Where to report.
    """

    def __init__(
        self, experiment: Experiment, seed: int, images: ImageSet, split: pd.DataFrame, progress: Progress
    ) -> None:
        from alzbench.models.backend import start_backend

        start_backend()
        from alzbench.models.backbone import build_prefix
        from alzbench.training.features import Features

        self._experiment, self._seed, self._images, self._split = experiment, seed, images, split
        self._progress = progress
        self._prefix = build_prefix(experiment.model.backbone, experiment.data)
        digests = images.manifest["digest"].tolist()
        self._features = Features(self._prefix, experiment.augment, images.pixels, digests)
        self.seconds: dict[str, float] = {}

    def prepare(self) -> None:
        """Compute the feature maps that no earlier run has left in the cache."""
        start = time.monotonic()
        self._features.compute(self._wanted(), self._progress)
        self.seconds["features"] = round(time.monotonic() - start, 3)

    def _wanted(self) -> Iterable[tuple[int, npt.NDArray[np.int64]]]:
        """Pair each view with the images that need it.

        Every image outside the test part gets every view, so that a run with another seed, whose split between
        training and validation is another, finds all it needs.
        """
        views = self._experiment.augment.views
        pool = self._split.index[self._split["part"] != "test"].to_numpy()
        yield 0, self._split.index.to_numpy()
        for view in range(1, views if isinstance(views, int) else 1):
            yield view, pool

    def predictions(self, writer: RunWriter) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
        """Train the head, write history, model and figure, and return the predictions of each part and what to note."""
        start = time.monotonic()
        head, result = self._train(writer.path / "checkpoint.npz")
        self.seconds["training"] = round(time.monotonic() - start, 3)
        start = time.monotonic()
        writer.write_table("history.csv", result.history)
        tables = {part: self._predict(head, part) for part in ("validation", "test")}
        self._save(head, result, writer)
        self.seconds["prediction"] = round(time.monotonic() - start, 3)
        notes = {
            "kept_epoch": result.kept_epoch,
            "epochs": len(result.history),
            "stopped": result.stopped,
            "keep": self._experiment.train.keep,
        }
        return tables, notes

    def _positions(self, part: str) -> npt.NDArray[np.int64]:
        return self._split.index[self._split["part"] == part].to_numpy()

    def _train(self, checkpoint: Path) -> tuple[Any, Any]:
        from alzbench.models.classifier import build_head
        from alzbench.training.batches import FeatureBatches, epoch_order
        from alzbench.training.trainer import train

        settings, seed = self._experiment.train, self._seed
        training, validation = self._positions("train"), self._positions("validation")
        labels, validation_labels = (self._split.loc[rows, "label"].to_numpy() for rows in (training, validation))
        head = build_head(
            self._experiment.model,
            self._prefix.shape,
            len(self._images.classes),
            settings.precision,
            derive(seed, "initialisation"),
        )

        def epoch_batches(epoch: int) -> FeatureBatches:
            order = epoch_order(len(training), seed, epoch)
            return FeatureBatches(self._features.training(training, epoch), labels, settings.batch_size, order)

        stored = self._features.stored(validation, view=0)
        validation_batches = FeatureBatches(stored, validation_labels, settings.batch_size)
        return head, train(head, epoch_batches, validation_batches, settings, checkpoint, self._progress)

    def _predict(self, head: Any, part: str) -> pd.DataFrame:
        from scipy.special import softmax

        from alzbench.evaluation.predict import predict_logits

        positions = self._positions(part)
        logits = predict_logits(head, self._features.stored(positions, view=0), len(positions))
        probabilities = softmax(np.asarray(logits, np.float64), axis=1)
        return make_table(self._split.loc[positions], probabilities, self._images.classes)

    def _save(self, head: Any, result: Any, writer: RunWriter) -> None:
        from alzbench.evaluation import figures
        from alzbench.models.classifier import join

        title = f"{self._experiment.name}, seed {self._seed}, {self._experiment.protocol.name} protocol"
        history = figures.history_figure(result.history, result.kept_epoch, title)
        figures.save(history, writer.path / "figures" / "history.png")
        with atomic.replacing(writer.path / "model.keras") as temporary:
            join(self._prefix, head).save(temporary)
