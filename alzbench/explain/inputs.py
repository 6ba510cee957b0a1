"""The images that are explained, with everything a method or a check may need of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from alzbench.inference.trained import predict_sets
from alzbench.models.stored import StoredModel
from alzbench.training.predictor import probabilities
from alzbench.training.sets import make_sets

Pixels = npt.NDArray[np.uint8]
Maps = npt.NDArray[np.float32]  # (n, h, w), from 0: what counts for the prediction; only ratios within a map matter


@dataclass(frozen=True)
class Inputs:
    """Images of one model: `n` images, `S` pixels along each side, `C` channels, `H, W, C'` feature map, `K` classes.

    Attributes:
        model: The model.
        pixels: (n, S, S, C) images in [0, 255], as the model gets them.
        features: (n, H, W, C') feature maps of the model's prefix.
        subjects: The subject of each image, '' if unknown. A model that classifies subjects gets the images of a
            subject together.
        numbers: The slice number of each image as text, '' if unknown.
        targets: (n,) the class whose score is explained: the one that the model predicts.
        extract: Pixels -> feature maps of the model's prefix, by the fastest way.
    """

    model: StoredModel
    pixels: Pixels
    features: npt.NDArray[np.float16]
    subjects: tuple[str, ...]
    targets: npt.NDArray[np.int64]
    extract: Callable[[npt.NDArray[np.generic]], npt.NDArray[np.float16]]
    numbers: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pixels)

    def probabilities(self, pixels: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
        """Return the probabilities (n, K) of changed versions of all images."""
        return self._probabilities(self.extract(pixels))

    def target_probabilities(self, pixels: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
        """Return the probability (n,) of each image's target class in changed versions of all images."""
        return self.probabilities(pixels)[np.arange(len(self)), self.targets]

    def sets(self) -> npt.NDArray[np.int64] | None:
        """Return the sets (m, S) of the images' positions, for a model that classifies subjects; else None."""
        shape = self.model.sets
        return None if shape is None else make_sets(shape, self.subjects, self.numbers)

    def take(self, rows: npt.NDArray[np.integer]) -> Inputs:
        """Return the inputs of some of the images."""
        return replace(
            self, pixels=self.pixels[rows], features=self.features[rows], targets=self.targets[rows],
            subjects=tuple(self.subjects[row] for row in rows),
            numbers=tuple(self.numbers[row] for row in rows) if self.numbers else (),
        )  # fmt: skip

    def with_model(self, model: StoredModel, same_prefix: bool) -> Inputs:
        """Return the same images and targets for another model, whose prefix is run by Keras if it differs."""
        if same_prefix:
            return replace(self, model=model)

        def extract(pixels: npt.NDArray[np.generic]) -> npt.NDArray[np.float16]:
            return np.asarray(model.prefix.predict(pixels.astype(np.float32), batch_size=64, verbose=0), np.float16)

        return replace(self, model=model, extract=extract, features=extract(self.pixels))

    def _probabilities(self, features: npt.NDArray[np.float16]) -> npt.NDArray[np.float64]:
        return probabilities(predict_sets(self.model.trained, features, self.subjects, self.numbers))
