"""One run from experiment to run folder: the only place where data, model, training, evaluation and store meet."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import yaml

from alzbench import atomic
from alzbench.data.manifest import ImageSet, open_image_set
from alzbench.data.protocols import PROTOCOLS, make_split
from alzbench.errors import AlzbenchError, DataError, ExperimentError, describe_os_error
from alzbench.experiment import DataSettings, Experiment
from alzbench.models.variants import VARIANTS
from alzbench.progress import Progress
from alzbench.seeds import derive
from alzbench.store import Card, Run, RunStore, RunWriter, read_run

# Settings that do not change what a run computes: names, and where the images come from (their content is hashed).
_NOT_HASHED: dict[str, Any] = {
    "name": True,
    "description": True,
    "seeds": True,
    "data": {"source": True, "kaggle": True},
}


@dataclass(frozen=True)
class Outcome:
    """What became of one run.

    Attributes:
        experiment, seed: Which run.
        state: `complete`, `found` (it was complete before) or `failed`.
        run: The stored run; None where it failed before there was one.
        error: Why it failed.
    """

    experiment: str
    seed: int
    state: str
    run: Run | None
    error: str = ""


def check(experiment: Experiment) -> None:
    """Check what the schema cannot: names of variants and protocols, and the variant's options.

    Raises:
        ExperimentError: One of them does not exist or does not fit.
    """
    try:
        VARIANTS[experiment.model.variant].check_options(experiment.model.options)
        PROTOCOLS[experiment.protocol.name]
    except ExperimentError as error:
        raise ExperimentError(f"experiment {experiment.name}: {error}") from None


def resolved_yaml(experiment: Experiment) -> str:
    """Return the experiment as YAML with every default written out, the variant's own included."""
    options = VARIANTS[experiment.model.variant].check_options(experiment.model.options)
    values = experiment.model_dump(mode="json")
    values["model"]["options"] = options.model_dump()
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def settings_hash(experiment: Experiment) -> str:
    """Return the hash of all settings that decide what a run computes."""
    values = experiment.model_dump(mode="json", exclude=_NOT_HASHED)
    options = VARIANTS[experiment.model.variant].check_options(experiment.model.options)
    values["model"]["options"] = options.model_dump()
    return _hash(json.dumps(values, sort_keys=True))


def run_all(
    experiments: Sequence[Experiment], store: RunStore, progress: Progress, *, force: bool = False, quiet: bool = False
) -> Iterator[Outcome]:
    """Run every seed of every experiment and yield each outcome; a failed run does not stop the next.

    Args:
        experiments: What to run, in order.
        store: Where run folders lie.
        progress: Where to report.
        force: Run again what is complete.
        quiet: Keep libraries quiet too.

    Raises:
        ExperimentError: An experiment is wrong; found before anything is run.
        DataError: Images or weights are missing or unreadable.
    """
    for experiment in experiments:
        check(experiment)
    image_sets: dict[DataSettings, ImageSet] = {}
    for experiment in experiments:
        if experiment.data not in image_sets:
            image_sets[experiment.data] = open_image_set(experiment.data, progress, quiet)
        images = image_sets[experiment.data]
        for seed in experiment.seeds:
            try:
                yield _run_seed(experiment, seed, images, store, progress, force)
            except DataError:
                raise
            except AlzbenchError as error:
                yield _failed(experiment, seed, str(error))
            except OSError as error:
                yield _failed(experiment, seed, describe_os_error(error))


def _failed(experiment: Experiment, seed: int, error: str) -> Outcome:
    return Outcome(experiment.name, seed, "failed", None, error)


def _run_seed(
    experiment: Experiment, seed: int, images: ImageSet, store: RunStore, progress: Progress, force: bool
) -> Outcome:
    split = make_split(images.manifest, experiment.protocol, derive(seed, "split"))
    card = _card(experiment, seed, images, split)
    title = f"{experiment.name}, seed {seed}"
    if not force and (found := store.find_complete(card)):
        progress.say(f"{title}: complete already, in {found.path}")
        return Outcome(experiment.name, seed, "found", found)
    progress.say(f"{title}: {_count(split)}")
    work = _Work(experiment, seed, images, split, progress)
    work.compute_features()
    with store.begin(card) as writer:
        if force:
            (writer.path / "checkpoint.npz").unlink(missing_ok=True)
        work.train_and_evaluate(writer)
    return Outcome(experiment.name, seed, "complete", read_run(writer.path))


def _card(experiment: Experiment, seed: int, images: ImageSet, split: pd.DataFrame) -> Card:
    settings = settings_hash(experiment)
    test = split.loc[split["part"] == "test", ["image", "label"]]
    return Card(
        experiment=experiment.name,
        seed=seed,
        hash=_hash(f"{settings}/{seed}/{images.fingerprint}")[:12],
        settings=settings,
        variant=experiment.model.variant,
        protocol=experiment.protocol.name,
        leaks=PROTOCOLS[experiment.protocol.name].leaks,
        data=images.fingerprint,
        test=_hash(test.to_csv(index=False)),
        demo=experiment.demo,
        description=experiment.description,
    )


class _Work:
    """The heavy part of one run; TensorFlow is first imported here."""

    def __init__(
        self, experiment: Experiment, seed: int, images: ImageSet, split: pd.DataFrame, progress: Progress
    ) -> None:
        from alzbench.models.backend import start_backend

        start_backend()
        from alzbench.models.backbone import build_prefix
        from alzbench.training.features import Features

        self.experiment, self.seed, self.images, self.split, self.progress = experiment, seed, images, split, progress
        self.prefix = build_prefix(experiment.model.backbone, experiment.data)
        digests = images.manifest["digest"].tolist()
        self.features = Features(self.prefix, experiment.augment, images.pixels, digests)
        self.seconds: dict[str, float] = {}

    def compute_features(self) -> None:
        """Compute the feature maps that no earlier run has left in the cache."""
        start = time.monotonic()
        self.features.compute(self._wanted(), self.progress)
        self.seconds["features"] = round(time.monotonic() - start, 3)

    def _wanted(self) -> Iterable[tuple[int, npt.NDArray[np.int64]]]:
        """Pair each view with the images that need it.

        Every image outside the test part gets every view, so that a run with another seed, whose split between
        training and validation is another, finds all it needs.
        """
        views = self.experiment.augment.views
        pool = self.split.index[self.split["part"] != "test"].to_numpy()
        yield 0, self.split.index.to_numpy()
        for view in range(1, views if isinstance(views, int) else 1):
            yield view, pool

    def train_and_evaluate(self, writer: RunWriter) -> None:
        """Train the head and write everything that belongs into the run folder."""
        from alzbench.environment import describe_environment

        atomic.write_text(writer.path / "experiment.yaml", resolved_yaml(self.experiment))
        writer.write_json("environment.json", describe_environment())
        writer.write_table("split.csv", self.split)
        if len(self.images.skipped):
            writer.write_table("skipped.csv", self.images.skipped)
        start = time.monotonic()
        head, result = self._train(writer.path / "checkpoint.npz")
        self.seconds["training"] = round(time.monotonic() - start, 3)
        writer.write_table("history.csv", result.history)
        self._evaluate(head, result, writer)
        (writer.path / "checkpoint.npz").unlink(missing_ok=True)

    def _positions(self, part: str) -> npt.NDArray[np.int64]:
        return self.split.index[self.split["part"] == part].to_numpy()

    def _train(self, checkpoint: Path) -> tuple[Any, Any]:
        from alzbench.models.classifier import build_head
        from alzbench.training.batches import FeatureBatches, epoch_order
        from alzbench.training.trainer import train

        settings, labels = self.experiment.train, self.images.manifest["label"].to_numpy()
        training, validation = self._positions("train"), self._positions("validation")
        head = build_head(
            self.experiment.model,
            self.prefix.shape,
            len(self.images.classes),
            settings.precision,
            derive(self.seed, "initialisation"),
        )

        def epoch_batches(epoch: int) -> FeatureBatches:
            order = epoch_order(len(training), self.seed, epoch)
            return FeatureBatches(self.features.training(training, epoch), labels[training], settings.batch_size, order)

        validation_batches = FeatureBatches(
            self.features.stored(validation, view=0), labels[validation], settings.batch_size
        )
        result = train(head, epoch_batches, validation_batches, settings, checkpoint, self.progress)
        return head, result

    def _evaluate(self, head: Any, result: Any, writer: RunWriter) -> None:
        from alzbench.evaluation import figures
        from alzbench.evaluation.metrics import score
        from alzbench.evaluation.predict import predict_logits
        from alzbench.evaluation.predictions import make_table
        from alzbench.models.classifier import join

        start, scores = time.monotonic(), {}
        for part, name in (("validation", "predictions_val.csv"), ("test", "predictions.csv")):
            positions = self._positions(part)
            logits = predict_logits(head, self.features.stored(positions, view=0), len(positions))
            table = make_table(self.split.loc[positions], logits, self.images.classes)
            writer.write_table(name, table)
            scores[part] = score(table)
        title = f"{self.experiment.name}, seed {self.seed}, {self.experiment.protocol.name} protocol"
        (writer.path / "figures").mkdir(exist_ok=True)
        figures.save(figures.confusion_figure(scores["test"], title), writer.path / "figures" / "confusion.png")
        history = figures.history_figure(result.history, result.kept_epoch, title)
        figures.save(history, writer.path / "figures" / "history.png")
        with atomic.replacing(writer.path / "model.keras") as temporary:
            join(self.prefix, head).save(temporary)
        self.seconds["evaluation"] = round(time.monotonic() - start, 3)
        writer.write_json("metrics.json", self._metrics(scores, result, writer.card))

    def _metrics(self, scores: dict[str, Any], result: Any, card: Card) -> dict[str, Any]:
        return {
            **scores,
            "kept_epoch": result.kept_epoch,
            "epochs": len(result.history),
            "stopped": result.stopped,
            "keep": self.experiment.train.keep,
            "protocol": card.protocol,
            "leaks": card.leaks,
            "images": {str(part): int(n) for part, n in self.split["part"].value_counts().items()},
            "skipped_images": len(self.images.skipped),
            "duration_s": self.seconds,
        }


def _count(split: pd.DataFrame) -> str:
    counts = split["part"].value_counts()
    return ", ".join(f"{counts.get(part, 0):,} {part}" for part in ("train", "validation", "test")) + " images"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
