"""The heavy part of a run with a network; TensorFlow is first imported here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alzbench import atomic
from alzbench.data.manifest import ImageSet
from alzbench.evaluation.predictions import make_table
from alzbench.experiment import Experiment, TrainSettings
from alzbench.models.variant_file import find_variant
from alzbench.progress import Progress
from alzbench.seeds import derive
from alzbench.store import RunWriter

Row = Mapping[Any, Any]  # of the history, see `TrainResult`
AfterEpoch = Callable[[int, Callable[[], pd.DataFrame]], None]
PREDICTION_BATCH = 64  # sets of a subject's slices are large


@dataclass(frozen=True)
class Stage:
    """A training on the output of one frozen prefix.

    Attributes:
        name: In the history and in the progress.
        prefix: See `models.prefix.Prefix`.
        features: Its feature maps, see `features.Features`.
        train: How it is trained.
        first_epoch: Epochs of the stages before.
    """

    name: str
    prefix: Any
    features: Any
    train: TrainSettings
    first_epoch: int


@dataclass(frozen=True)
class _Trained:
    """What a training left: its history, what to note, and the kept epoch's predictions of the validation part."""

    history: pd.DataFrame
    notes: dict[str, Any]
    validation: pd.DataFrame


class NetworkRun:
    """A network trained on stored feature maps, and its predictions.

    The head is trained on the backbone's output. Where the experiment fine-tunes, a second stage goes on with head and
    top blocks on the output of the blocks below, so no stage ever computes a frozen layer again.

    Args:
        experiment: What is run.
        seed: The run's seed.
        images: The set; its feature maps are found in the cache or computed.
        split: Rows image, label, subject, part, with the manifest's index. Its labels are the ones learnt and tested.
        progress: Where to report.
    """

    def __init__(
        self, experiment: Experiment, seed: int, images: ImageSet, split: pd.DataFrame, progress: Progress
    ) -> None:
        from alzbench.models.backend import start_backend

        start_backend()
        self._experiment, self._seed, self._images, self._split = experiment, seed, images, split
        self._progress = progress
        variant = find_variant(experiment.model)
        options = variant.check_options(experiment.model.options).model_dump()
        self._set_size = options["slices"] if variant.classifies == "subject" else None
        self._stages = [self._stage("head", None, experiment.train, 0)]
        tuning = experiment.fine_tune
        if tuning is not None:
            changes = {"epochs": tuning.epochs, "lr": tuning.lr, "patience": tuning.patience, "warmup_epochs": 0}
            settings = experiment.train.model_copy(update=changes)
            self._stages.append(
                self._stage("fine-tuning", tuning.first_block, settings, first_epoch=experiment.train.epochs)
            )
        self.seconds: dict[str, float] = {}

    def _stage(self, name: str, until: str | None, settings: TrainSettings, first_epoch: int) -> Stage:
        from alzbench.models.prefix import build_prefix
        from alzbench.training.features import Features

        prefix = build_prefix(self._experiment.model.backbone, self._experiment.data, until)
        key = ("features", prefix.key, self._experiment.augment)
        if key not in self._images.derived:
            digests = self._images.manifest["digest"].tolist()
            self._images.derived[key] = Features(prefix, self._experiment.augment, self._images.pixels, digests)
        return Stage(name, prefix, self._images.derived[key], settings, first_epoch)

    def prepare(self) -> None:
        """Compute the feature maps that no earlier run has left in the cache."""
        start = time.monotonic()
        for stage in self._stages:
            stage.features.compute(self._wanted(), self._progress)
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
        """Train, write history, model and figure, and return the predictions of each part and what to note."""
        network, trained = self._trained(writer, None)
        start = time.monotonic()
        tables = {"validation": trained.validation, "test": self._predict(network, "test")}
        self._save(network, trained.history, trained.notes["kept_epoch"], writer)
        self.seconds["prediction"] = round(time.monotonic() - start, 3)
        return tables, trained.notes

    def validation(self, writer: RunWriter, after_epoch: AfterEpoch | None) -> tuple[pd.DataFrame, dict[str, Any]]:
        """Train, write the history, and return the predictions of the validation part and what to note.

        Args:
            writer: Of the run.
            after_epoch: Called after each epoch with its number, from 0 over all stages, and with what returns the
                predictions of the validation part after it; may raise to give the training up.
        """
        _, trained = self._trained(writer, after_epoch)
        return trained.validation, trained.notes

    def _trained(self, writer: RunWriter, after_epoch: AfterEpoch | None) -> tuple[Any, _Trained]:
        start = time.monotonic()
        network, trained = self._train(writer, after_epoch)
        writer.write_table("history.csv", trained.history)
        self.seconds["training"] = round(time.monotonic() - start, 3)
        return network, replace(trained, notes={**trained.notes, "keep": self._experiment.train.keep})

    def _rows(self, part: str) -> pd.DataFrame:
        return self._split[self._split["part"] == part]

    def _train(self, writer: RunWriter, after_epoch: AfterEpoch | None) -> tuple[Any, _Trained]:
        """Return the trained network, and what all stages together left."""
        from alzbench.models.classifier import build_head, put_below
        from alzbench.models.prefix import build_suffix

        experiment, shape = self._experiment, self._stages[0].prefix.shape
        network = build_head(
            experiment.model,
            shape,
            len(self._images.classes),
            experiment.train.precision,
            derive(self._seed, "initialisation"),
        )
        trained = self._train_stage(self._stages[0], network, [], writer, after_epoch)
        if experiment.fine_tune is not None:
            suffix = build_suffix(experiment.model.backbone, experiment.data, experiment.fine_tune.first_block)
            network = put_below(suffix, network)
            before = trained.history.to_dict("records")
            tuned = self._train_stage(self._stages[1], network, before, writer, after_epoch)
            trained = _joined(trained, tuned)
        return network, replace(trained, notes={**trained.notes, "epochs": len(trained.history)})

    def _train_stage(
        self, stage: Stage, network: Any, before: Sequence[Row], writer: RunWriter, after_epoch: AfterEpoch | None
    ) -> _Trained:
        from alzbench.training.examples import HeldOutExamples, TrainingExamples
        from alzbench.training.trainer import train

        settings, classes = stage.train, self._images.classes
        examples = TrainingExamples(
            stage.features, self._rows("train"), self._set_size, self._experiment.imbalance, classes, self._seed
        )
        rows = self._rows("validation")
        validation = HeldOutExamples(stage.features, rows, self._set_size)

        def watch(epoch: int, logits: npt.NDArray[np.float32]) -> None:
            if after_epoch is not None:
                after_epoch(stage.first_epoch + epoch, lambda: self._table(rows, validation.of_images(logits)))

        def kept(rows: Sequence[Row]) -> None:
            writer.on_epoch([*before, *({**row, "epoch": len(before) + row["epoch"]} for row in rows)])

        result = train(
            network,
            lambda epoch: examples.batches(stage.first_epoch + epoch, settings.batch_size),
            validation.batches(settings.batch_size),
            settings,
            writer.checkpoint(stage.name),
            self._progress,
            f"training ({stage.name})",
            watch,
            kept,
        )
        notes = {"kept_epoch": result.kept_epoch, "epochs": len(result.history), "stopped": result.stopped}
        predictions = self._table(rows, validation.of_images(result.logits))
        return _Trained(result.history, {**notes, **examples.notes}, predictions)

    def _predict(self, network: Any, part: str) -> pd.DataFrame:
        from alzbench.training.examples import HeldOutExamples
        from alzbench.training.predict import predict_logits

        rows = self._rows(part)
        examples = HeldOutExamples(self._stages[-1].features, rows, self._set_size)
        return self._table(rows, examples.of_images(predict_logits(network, examples.batches(PREDICTION_BATCH))))

    def _table(self, rows: pd.DataFrame, logits: npt.NDArray[np.floating]) -> pd.DataFrame:
        from scipy.special import softmax

        return make_table(rows, softmax(logits.astype(np.float64), axis=1), self._images.classes)

    def _save(self, network: Any, history: pd.DataFrame, kept_epoch: int, writer: RunWriter) -> None:
        from alzbench.evaluation import figures
        from alzbench.models.classifier import join

        title = f"{self._experiment.name}, seed {self._seed}, {self._experiment.protocol.name} protocol"
        figure = figures.history_figure(history, kept_epoch, title)
        figures.save(figure, writer.path / "figures" / "history.png")
        with atomic.replacing(writer.path / "model.keras") as temporary:
            join(self._stages[-1].prefix, network).save(temporary)


def _joined(head: _Trained, tuned: _Trained) -> _Trained:
    """Return two stages as one training, which leaves what the second one left."""
    stages = [head.history.assign(stage="head"), tuned.history.assign(stage="fine-tuning")]
    history = pd.concat(stages, ignore_index=True)
    history["epoch"] = range(1, len(history) + 1)
    notes = {**tuned.notes, "kept_epoch": len(head.history) + tuned.notes["kept_epoch"], "head": head.notes}
    return _Trained(history, notes, tuned.validation)
