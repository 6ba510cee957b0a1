"""Batches of feature maps and labels, in an order that the seed and the epoch decide."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from alzbench.seeds import derive
from alzbench.training.features import Gather


class FeatureBatches(keras.utils.PyDataset):
    """Batches ``(features (B, H, W, C) float16, labels (B,) int32)``; the last one may be smaller.

    Args:
        features: Where feature maps are gathered from.
        labels: (n,) class indices, in the order of `features`.
        batch_size: B.
        order: (n,) positions in the order of the batches; by default as they are.
    """

    def __init__(
        self, features: Gather, labels: npt.NDArray[np.integer], batch_size: int, order: npt.NDArray[Any] | None = None
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self._features = features
        self._labels = labels.astype(np.int32)
        self._batch_size = batch_size
        self._order = np.arange(len(labels)) if order is None else order

    def __len__(self) -> int:
        return -(-len(self._order) // self._batch_size)

    def __getitem__(self, index: int) -> tuple[npt.NDArray[Any], npt.NDArray[np.int32]]:
        rows = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        return self._features.take(rows), self._labels[rows]


def epoch_order(n: int, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """Return the order of `n` training images in one epoch, a permutation."""
    return np.random.default_rng(derive(seed, "order", epoch)).permutation(n)
