"""Examples for training and prediction: single images, or sets of a subject's images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alzbench.experiment import ImbalanceSettings
from alzbench.models.classifier import SetShape
from alzbench.seeds import derive
from alzbench.training.batches import FeatureBatches, balanced_order, epoch_order
from alzbench.training.features import Features, Gather
from alzbench.training.imbalance import rebalance
from alzbench.training.sets import ABSENT, SetGather, first_of, make_sets


class TrainingExamples:
    """Training examples of a run, after rebalancing.

    Args:
        features: Feature maps of the whole image set.
        split: Rows of the training images: image, label, subject, with the manifest's index.
        shape: Shape of an example that is a set of a subject's images; None: each image is an example.
        imbalance: Strategy against class imbalance.
        classes: Names of the classes.
        seed: Seed of the run.

    Attributes:
        notes: Results of the strategy, for the run's metrics; see `store.TrainingNotes`.

    Raises:
        RunError: The strategy cannot rebalance these images.
    """

    def __init__(
        self,
        features: Features,
        split: pd.DataFrame,
        shape: SetShape | None,
        imbalance: ImbalanceSettings,
        classes: Sequence[str],
        seed: int,
    ) -> None:
        self._features, self._seed, self._shape = features, seed, shape
        self._positions = split.index.to_numpy()
        # a set has one label: images of one subject with different labels go into different sets
        self._subjects = [f"{s}/{k}" if s else "" for s, k in zip(split["subject"], split["label"], strict=True)]
        self._numbers = split["slice"].tolist() if "slice" in split else []
        labels = split["label"].to_numpy()
        if shape is not None:
            labels = labels[first_of(make_sets(shape, self._subjects, self._numbers))]

        def maps() -> npt.NDArray[np.float16]:
            return np.asarray(features.stored(self._positions, view=0).take(slice(None)), np.float16)

        resampling_seed = derive(seed, "resampling")
        self._examples = rebalance(imbalance, labels, classes, maps, features.shape, resampling_seed)
        self.notes = self._examples.notes
        if self._examples.synthetic is not None:
            subjects = split[split["subject"] != ""].groupby("label")["subject"].nunique()
            self.notes["made_from_subjects"] = {name: int(subjects.get(k, 0)) for k, name in enumerate(classes)}

    def batches(self, epoch: int, batch_size: int) -> FeatureBatches:
        """Return the batches of one epoch, from 0."""
        gather: Gather = self._features.training(self._positions, epoch)
        if self._shape is not None:
            seed = derive(self._seed, "order", epoch, 1)
            gather = SetGather(gather, make_sets(self._shape, self._subjects, self._numbers, seed))
        labels = self._examples.labels
        order = (
            balanced_order(labels, self._seed, epoch)
            if self._examples.balanced
            else epoch_order(len(labels), self._seed, epoch)
        )
        resampled = _Resampled(gather, self._examples.rows, self._examples.synthetic)
        return FeatureBatches(resampled, labels, batch_size, order, self._examples.weights)


class HeldOutExamples:
    """Validation or test examples, without augmentation or rebalancing.

    Args:
        features: Feature maps of the whole image set.
        split: Rows of the images: label, subject, with the manifest's index.
        shape: Shape of an example that is a set of a subject's images; None: each image is an example.
    """

    def __init__(self, features: Features, split: pd.DataFrame, shape: SetShape | None) -> None:
        self._stored = features.stored(split.index.to_numpy(), view=0)
        self._labels = split["label"].to_numpy()
        numbers = split["slice"].tolist() if "slice" in split else []
        self._sets = None if shape is None else make_sets(shape, split["subject"].tolist(), numbers)

    def __len__(self) -> int:
        return len(self._labels if self._sets is None else self._sets)

    def batches(self, batch_size: int) -> FeatureBatches:
        """Return the batches, in the order of the images or sets."""
        if self._sets is None:
            return FeatureBatches(self._stored, self._labels, batch_size)
        return FeatureBatches(SetGather(self._stored, self._sets), self._labels[first_of(self._sets)], batch_size)

    def per_image(self, logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the logits of the `N` images (N, K), given those of the `n` examples (n, K)."""
        if self._sets is None:
            return logits
        present = self._sets != ABSENT
        images = np.empty((len(self._labels), logits.shape[1]), logits.dtype)
        images[self._sets[present]] = np.repeat(logits, present.sum(axis=1), axis=0)
        return images


class _Resampled:
    """A selection of examples, with repetitions, followed by synthetic feature maps."""

    def __init__(
        self, gather: Gather, rows: npt.NDArray[np.integer], synthetic: npt.NDArray[np.float16] | None
    ) -> None:
        self._gather, self._rows, self._synthetic = gather, rows, synthetic

    def take(self, indices: npt.NDArray[np.integer] | slice) -> Any:
        if self._synthetic is None:
            return self._gather.take(self._rows[indices])
        chosen = np.arange(len(self._rows) + len(self._synthetic))[indices]
        real = chosen < len(self._rows)
        features = np.empty((len(chosen), *self._synthetic.shape[1:]), self._synthetic.dtype)
        features[real] = self._gather.take(self._rows[chosen[real]])
        features[~real] = self._synthetic[chosen[~real] - len(self._rows)]
        return features
