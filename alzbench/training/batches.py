"""Batches of features and labels, in an order that depends on seed and epoch."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from alzbench.seeds import derive
from alzbench.training.features import Gather


class FeatureBatches(keras.utils.PyDataset):
    """Batches ``(features, labels (B,) int32)``, or ``(features, labels, weights (B,) float32)``.

    The features are feature maps (B, H, W, C) of float16, or a dict for sets of them, see `sets.SetGather`. The last
    batch may be smaller.

    Args:
        features: Source of the features of `n` examples.
        labels: (n,) class indices, in the order of `features`.
        batch_size: Number of examples per batch, B.
        order: Positions of the examples in the order of the batches; None: all of them, in order.
        weights: (n,) weight of each example's loss; None: equal weights.
    """

    def __init__(
        self,
        features: Gather,
        labels: npt.NDArray[np.integer],
        batch_size: int,
        order: npt.NDArray[Any] | None = None,
        weights: npt.NDArray[np.float32] | None = None,
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self._features = features
        self._labels = labels.astype(np.int32)
        self._batch_size = batch_size
        self._order = np.arange(len(labels)) if order is None else order
        self._weights = weights

    @property
    def labels(self) -> npt.NDArray[np.int32]:
        """Labels of all examples, in the order of the batches."""
        return self._labels[self._order]

    def __len__(self) -> int:
        return -(-len(self._order) // self._batch_size)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        rows = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        batch = self._features.take(rows), self._labels[rows]
        return batch if self._weights is None else (*batch, self._weights[rows])


def epoch_order(n: int, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """Return the order of `n` training examples in one epoch, a random permutation."""
    return np.random.default_rng(derive(seed, "order", epoch)).permutation(n)


def balanced_order(labels: npt.NDArray[np.integer], seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """Return a random order of one epoch in which each block of K positions has one example of each of the K classes.

    Its length is the number of examples, rounded up to a multiple of K. No example is repeated before all examples of
    its class have been used; an epoch does not contain all examples of a large class.
    """
    rng = np.random.default_rng(derive(seed, "order", epoch))
    classes = np.unique(labels)
    length = -(-len(labels) // len(classes))
    streams = []
    for label in classes:
        members = np.flatnonzero(labels == label)
        rounds = [rng.permutation(members) for _ in range(-(-length // len(members)))]
        streams.append(np.concatenate(rounds)[:length])
    return np.stack(streams, axis=1).reshape(-1)
