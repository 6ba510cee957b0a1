"""The estimator with a network; TensorFlow is first imported here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alzbench import atomic
from alzbench.data.manifest import ImageSet
from alzbench.evaluation.predictions import make_table
from alzbench.progress import Progress
from alzbench.runner.estimator import Fit, Probabilities
from alzbench.runner.job import Job
from alzbench.runner.listeners import EpochStored, EpochTrained, Listeners, Row
from alzbench.runner.stages import Stage, compute_features, make_stages
from alzbench.seeds import derive
from alzbench.store import RunWriter, TrainingNotes


class Network:
    """A network trained on stored feature maps; see `Estimator`.

    The first stage trains the head on the backbone's output. With fine-tuning, a second stage trains the head and the
    top blocks on the output of the blocks below. So no stage computes a frozen layer again.

    Args:
        job: The job.
        images: The image set; its feature maps are read from the cache or computed.
        split: Rows image, label, subject, part, with the manifest's index. Its labels are used for training and test.
        progress: Display of progress.
    """

    def __init__(self, job: Job, images: ImageSet, split: pd.DataFrame, progress: Progress) -> None:
        from alzbench.models.backend import start_backend

        start_backend()
        self._job, self._images, self._split, self._progress = job, images, split, progress
        self._stages = make_stages(job.experiment, images)
        self._head: Any = None

    def prepare(self) -> None:
        """Compute the feature maps that are not in the cache."""
        compute_features(self._stages, self._split, self._job.experiment.augment.views, self._progress)

    def fit(self, writer: RunWriter, listeners: Listeners) -> Fit:
        """Train all stages, each from its last stored epoch."""
        fit = self._fit_stage(self._stages[0], [], writer, listeners)
        for stage in self._stages[1:]:
            fit = _joined(fit, self._fit_stage(stage, fit.history, writer, listeners))
        notes = fit.notes.model_copy(update={"keep": self._job.experiment.train.keep})
        return replace(fit, notes=notes)

    def predict(self, rows: pd.DataFrame) -> Probabilities:
        """Return the probabilities (n, K) of the images of some rows of the split; after `fit`."""
        from alzbench.training.predictor import Predictor

        return Predictor(self._head, self._stages[-1].features).probabilities(rows)

    def save(self, folder: Path) -> None:
        """Write prefix and head as one model from pixels to probabilities, and the images' profile; after `fit`."""
        from alzbench.inference.profile import write_profile
        from alzbench.models.classifier import join_prefix
        from alzbench.runner.profiling import profile_of

        with atomic.replacing(folder / "model.keras") as temporary:
            join_prefix(self._stages[-1].prefix.model, self._head).save(temporary)
        write_profile(profile_of(self._images, self._split, self._stages[-1].features), folder)

    def _build(self, stage: Stage) -> Any:
        """Return the model that a stage trains: a new head, or the trained head on the backbone's top blocks."""
        from alzbench.models.classifier import build_head, join_suffix
        from alzbench.models.prefix import build_suffix

        experiment = self._job.experiment
        if stage.first_block is not None:
            return join_suffix(build_suffix(experiment.model.backbone, experiment.data, stage.first_block), self._head)
        seed, classes = derive(self._job.seed, "initialisation"), len(self._images.classes)
        return build_head(experiment.model, stage.prefix.shape, classes, experiment.train.precision, seed)

    def _fit_stage(self, stage: Stage, before: Sequence[Row], writer: RunWriter, listeners: Listeners) -> Fit:
        """Train one stage; its history continues the history of the earlier stages."""
        from alzbench.models.classifier import set_shape
        from alzbench.training.examples import HeldOutExamples, TrainingExamples
        from alzbench.training.predictor import probabilities
        from alzbench.training.trainer import train

        self._head = self._build(stage)
        experiment, classes, rows = self._job.experiment, self._images.classes, self._rows("validation")
        shape, batch_size = set_shape(self._head), stage.settings.batch_size
        training = TrainingExamples(
            stage.features, self._rows("train"), shape, experiment.imbalance, classes, self._job.seed
        )
        validation = HeldOutExamples(stage.features, rows, shape)

        def epoch_trained(epoch: int, logits: npt.NDArray[np.float32]) -> None:
            def predict() -> pd.DataFrame:
                return make_table(rows, probabilities(validation.per_image(logits)), classes)

            listeners.epoch_trained(EpochTrained(stage.first_epoch + epoch, predict))

        result = train(
            self._head,
            lambda epoch: training.batches(stage.first_epoch + epoch, batch_size),
            validation.batches(batch_size),
            stage.settings,
            writer.checkpoint(stage.name),
            self._progress,
            f"training ({stage.name})",
            epoch_trained,
            lambda history: listeners.epoch_stored(EpochStored(self._history(stage, before, history))),
        )
        notes = TrainingNotes(
            kept_epoch=result.kept_epoch, epochs=len(result.history), stopped=result.stopped, **training.notes
        )
        history = self._history(stage, before, result.history.to_dict("records"))
        return Fit(probabilities(validation.per_image(result.logits)), notes, history)

    def _rows(self, part: str) -> pd.DataFrame:
        return self._split[self._split["part"] == part]

    def _history(self, stage: Stage, before: Sequence[Row], rows: Sequence[Row]) -> list[Row]:
        """Return one history of the earlier stages and this one, with the name of the stage if there are two."""
        names = {"stage": stage.name} if len(self._stages) > 1 else {}
        return [*before, *({**row, "epoch": len(before) + row["epoch"], **names} for row in rows)]


def _joined(head: Fit, tuned: Fit) -> Fit:
    """Return the fits of two stages as one; weights and predictions are those of the second."""
    kept_epoch = len(head.history) + (tuned.notes.kept_epoch or 0)
    notes = tuned.notes.model_copy(update={"kept_epoch": kept_epoch, "epochs": len(tuned.history)})
    return replace(tuned, notes=notes, head_notes=head.notes)
