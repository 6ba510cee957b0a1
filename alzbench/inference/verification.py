"""Test images with which an exported model is checked against the predictions of its run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from alzbench.data.manifest import ImageSet
from alzbench.errors import DataError
from alzbench.evaluation.predictions import probabilities
from alzbench.inference.formats import Predict
from alzbench.inference.trained import Float, Pixels, TrainedRun, predict_sets
from alzbench.models.classifier import SetShape
from alzbench.progress import Progress
from alzbench.store import Run
from alzbench.training.predictor import probabilities as softmax
from alzbench.training.sets import ABSENT, first_of, make_sets

IMAGES = 100  # in a sample
_BATCH = 20  # images
_SEED = 20260107


@dataclass(frozen=True)
class Sample:
    """Examples of the test part: `n` images, or `n` sets of `S` slices for a model that classifies subjects.

    Attributes:
        pixels: (n, size, size, C), or (n, S, size, size, C), in [0, 255].
        expected: (n, K) probabilities.
        names: The image, or the first image of the set.
        images: Number of different images.
        filled: True if no test subject has `S` slices. Then slices are repeated to fill the sets, and `expected` is
            computed by the run's model, because the run has no predictions of such sets.
    """

    pixels: Pixels
    expected: Float
    names: tuple[str, ...]
    images: int
    filled: bool

    def largest_difference(self, predict: Predict, progress: Progress) -> tuple[float, str]:
        """Return the largest difference of a probability from the expected one, and the name of its example.

        It is infinite if a prediction is not a number.
        """
        size = max(1, _BATCH * len(self.pixels) // self.images)
        differences = []
        with progress.track("checking the export", len(self.pixels)) as advance:
            for start in range(0, len(self.pixels), size):
                some = slice(start, start + size)
                predicted = predict(self.pixels[some].astype(np.float32))
                differences.append(np.abs(predicted - self.expected[some]).max(axis=1))
                advance(len(predicted))
        by_example = np.nan_to_num(np.concatenate(differences), nan=math.inf)
        worst = int(by_example.argmax())
        return float(by_example[worst]), self.names[worst]


def draw_sample(trained: TrainedRun, images: ImageSet) -> Sample:
    """Return about `IMAGES` test images of a run, spread over the classes; whole sets for a model of subjects.

    Raises:
        DataError: The images are not those of the run, or its predictions are damaged.
    """
    _require_images_of(trained.run, images)
    table, slices = trained.run.predictions(), trained.model.slices
    shape = trained.model.sets or SetShape(1)
    sets = make_sets(shape, table["subject"].tolist() if slices else [""] * len(table), table["slice"].tolist())
    full = (sets != ABSENT).all(axis=1)
    if filled := not full.any():
        sets = np.stack([np.resize(row[row != ABSENT], row.shape) for row in sets])
    else:
        sets = sets[full]
    labels = table["label"].to_numpy()[first_of(sets)]
    number = max(math.ceil(IMAGES / (slices or 1)), len(set(labels)) if slices else 0)
    sets = sets[_spread(labels, number)]
    first, flat = first_of(sets), images.pixels.take(_positions(trained.run, table["image"], sets, images))
    pixels = np.asarray(flat.reshape(*sets.shape, *flat.shape[1:]) if slices else flat, np.uint8)
    expected = _predicted(trained, pixels) if filled else probabilities(table)[first]
    return Sample(pixels, expected, tuple(table["image"].iloc[first]), len(np.unique(sets)), filled)


def effect_of_rounding(trained: TrainedRun, sample: Sample) -> float:
    """Return how much the rounding of feature maps to float16 changes a probability in the sample at most.

    Where another program computes a feature in another last bit, it may be rounded to the other side. So its
    predictions may differ by some of this without any fault.
    """
    slices = trained.model.slices
    pixels = sample.pixels.reshape(-1, *sample.pixels.shape[-3:]).astype(np.float32)
    sets = np.repeat(np.arange(len(sample.pixels)).astype(str), slices or 1).tolist()
    numbers = _numbers(trained, len(sample.pixels))
    exact = trained.model.prefix.predict(pixels, batch_size=_BATCH, verbose=0)
    both = [
        softmax(predict_sets(trained.model.trained, features, sets, numbers))
        for features in (exact, exact.astype(np.float16))
    ]
    return float(np.abs(both[0] - both[1]).max())


def _require_images_of(run: Run, images: ImageSet) -> None:
    if images.fingerprint != run.card.data:
        raise DataError(
            f"The images must be those of {run.name}, with the fingerprint {run.card.data}; these have "
            f"{images.fingerprint}. Name the folder of the run's images with --data."
        )


def _spread(labels: npt.NDArray[np.object_], number: int) -> npt.NDArray[np.intp]:
    """Return the positions of at most `number` examples, taken from the classes in turn."""
    order = np.random.default_rng(_SEED).permutation(len(labels))
    turn = pd.Series(labels[order]).groupby(labels[order]).cumcount()
    return np.sort(order[np.argsort(turn, kind="stable")[:number]])


def _positions(run: Run, names: pd.Series, sets: npt.NDArray[np.int64], images: ImageSet) -> npt.NDArray[np.intp]:
    """Return the positions in the image set of all images of some sets, one set after another."""
    positions = pd.Index(images.manifest["image"]).get_indexer(names.iloc[sets.ravel()])
    if (positions < 0).any():
        raise DataError(
            f"{run.path / 'predictions.csv'} is damaged: it names images that are not in the run's set. Repeat the "
            "run with --force."
        )
    return np.asarray(positions)


def _predicted(trained: TrainedRun, sets: Pixels) -> Float:
    """Return the predictions (n, K) of the run's model for sets (n, S, size, size, C)."""
    flat = sets.reshape(-1, *sets.shape[2:])
    names: Sequence[str] = np.repeat(np.arange(len(sets)).astype(str), sets.shape[1]).tolist()
    return trained.probabilities(flat, names, _numbers(trained, len(sets)))[:: sets.shape[1]]


def _numbers(trained: TrainedRun, sets: int) -> list[str]:
    """Return the slice numbers of full sets, as far as they matter."""
    shape = trained.model.sets
    if shape is None or shape.first is None:
        return []
    return [str(shape.first + place) for place in range(shape.size)] * sets
