"""The trained model of a stored run, ready to predict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from alzbench.errors import DataError, ExperimentError
from alzbench.evaluation.sanity import SANITY
from alzbench.experiment import Experiment
from alzbench.experiment.loading import validated
from alzbench.models.classifier import set_shape
from alzbench.models.prefix import Prefix, prefix_of_run
from alzbench.models.stored import StoredModel, load_stored_model
from alzbench.store import Run
from alzbench.training.extractor import Extractor, make_extractor
from alzbench.training.predictor import BATCH, probabilities
from alzbench.training.sets import ABSENT, SetGather, make_sets

Pixels = npt.NDArray[np.uint8]
Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TrainedRun:
    """A complete run and its model: `n` images, `S` pixels along each side, `C` channels, `K` classes.

    Attributes:
        run: The stored run.
        experiment: Its resolved experiment.
        classes: Names of its classes in label order.
        model: Its model.
    """

    run: Run
    experiment: Experiment
    classes: tuple[str, ...]
    model: StoredModel

    @cached_property
    def prefix(self) -> Prefix:
        """The frozen prefix, with the key of its feature maps."""
        model, backbone = self.experiment.model, self.experiment.model.backbone
        if backbone.file is not None:  # the file may have changed since, and is not executed here
            copied = backbone.model_copy(update={"file": str(self.run.path / "backbone.py")})
            model = model.model_copy(update={"backbone": copied})
        return prefix_of_run(self.model.prefix, self.experiment.model_copy(update={"model": model}))

    @cached_property
    def extractor(self) -> Extractor:
        """The fastest extractor of the prefix's feature maps."""
        return make_extractor(self.prefix)

    def features(self, pixels: Pixels) -> npt.NDArray[np.float16]:
        """Return the feature maps (n, H, W, C') of pixels (n, S, S, C) in [0, 255]."""
        return self.extractor(pixels)

    def logits(
        self, features: npt.NDArray[np.float16], subjects: Sequence[str], numbers: Sequence[str] = ()
    ) -> npt.NDArray[np.float32]:
        """Return the logits (n, K) of images, given their feature maps, and subject and slice of each, '' if unknown.

        A model that classifies subjects gets the images of a subject together, and gives all of them the same logits.
        """
        return predict_sets(self.model.trained, features, subjects, numbers)

    def probabilities(self, pixels: Pixels, subjects: Sequence[str], numbers: Sequence[str] = ()) -> Float:
        """Return the probabilities (n, K) of images, each row summing to 1; see `logits`."""
        return probabilities(self.logits(self.features(pixels), subjects, numbers))


def predict_sets(
    head: Any, features: npt.NDArray[np.floating], subjects: Sequence[str], numbers: Sequence[str] = ()
) -> npt.NDArray[np.float32]:
    """Return the logits (n, K) that a head gives to images.

    Args:
        head: Features -> logits.
        features: (n, H, W, C) feature maps.
        subjects: The subject of each image, '' if unknown.
        numbers: The slice number of each image as text, for a head to which it matters.

    Raises:
        DataError: A slice number that matters is missing.
    """
    shape = set_shape(head)
    if shape is None:
        batches = [head.predict_on_batch(features[k : k + BATCH]) for k in range(0, len(features), BATCH)]
        return np.concatenate(batches)
    sets = make_sets(shape, subjects, numbers)
    gather = SetGather(_InMemory(features), sets)
    size = max(1, BATCH // 8)  # sets are large
    logits = np.concatenate(
        [head.predict_on_batch(gather.take(np.arange(k, min(k + size, len(sets))))) for k in range(0, len(sets), size)]
    )
    present = sets != ABSENT
    images = np.empty((len(features), logits.shape[1]), logits.dtype)
    images[sets[present]] = np.repeat(logits, present.sum(axis=1), axis=0)
    return images


class _InMemory:
    """Feature maps in memory, gathered by position."""

    def __init__(self, features: npt.NDArray[np.floating]) -> None:
        self._features = features

    def take(self, indices: npt.NDArray[np.integer] | slice) -> npt.NDArray[np.floating]:
        return self._features[indices]


def open_trained_run(run: Run) -> TrainedRun:
    """Open the model of a run.

    Raises:
        ExperimentError: The run has no model: it is a sanity baseline, a trial of a sweep, or only predictions.
        DataError: The run is not complete, or its files are missing or damaged.
    """
    card = run.card
    if card.variant in SANITY:
        raise ExperimentError(
            f"{run.name} is the sanity baseline {card.variant}, which has no network. Choose a run with a network."
        )
    if card.trial is not None:
        raise ExperimentError(
            f"{run.name} is a trial of a sweep, and trials store no model. Run the best experiment of the sweep, and "
            "choose its run."
        )
    if card.state != "complete":
        raise DataError(f"{run.name} must be complete; it is {card.state}. Repeat the run first.")
    if not (run.path / "experiment.yaml").is_file():
        raise ExperimentError(f"{run.name} stores predictions without a model. Choose another run.")
    experiment = read_experiment(run.path)
    classes = tuple(run.evaluation().images.classes)
    from alzbench.models.backend import start_backend

    start_backend()
    return TrainedRun(run, experiment, classes, load_stored_model(run.path / "model.keras", classes))


def read_experiment(folder: Path) -> Experiment:
    """Read the resolved experiment of a run folder; raises DataError if it is damaged."""
    path = folder / "experiment.yaml"
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError("it must hold settings by name")
        return validated(values, path)
    except (OSError, ValueError, yaml.YAMLError, ExperimentError) as error:
        raise DataError(f"{path} is damaged ({' '.join(str(error).split())}); repeat the run with --force.") from None
