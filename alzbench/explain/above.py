"""The layers above the backbone, as a function of one image.

A model that classifies subjects has a set of slices as its input. Its maps explain one slice at a time: this slice
changes, and the other slices of its set stay as they are.

Notation: `n` images, `b` batch, `S` slices in a set, `H, W, C` last feature map, `K` classes.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from alzbench.explain.inputs import Inputs
from alzbench.training.sets import ABSENT

BATCH = 64
_SETS = 8  # in one batch of a model that classifies subjects: each image has its whole set with it

Rows = npt.NDArray[np.intp]
Float = npt.NDArray[np.float32]


class Above:
    """The layers above the backbone.

    Args:
        inputs: The images.

    Attributes:
        maps: (n, H, W, C) last feature maps, after the trained blocks of the backbone if there are any.
        head: Last feature maps (b, H, W, C) of the selected images -> logits (b, K).
    """

    def __init__(self, inputs: Inputs) -> None:
        self._inputs, self._model = inputs, inputs.model
        self.maps = self.last_maps(inputs.features)
        self.head, self._sets = inputs.model.head, None
        slices = inputs.model.slices
        if slices is not None:
            import keras

            from alzbench.models.in_set import OneOfSet

            self._sets, self._set = inputs.sets(), OneOfSet(slices)
            one = keras.Input(self.maps.shape[1:], name="last_map")
            self.head = keras.Model(one, inputs.model.head(self._set(one)))

    def last_maps(self, features: npt.NDArray[np.floating]) -> Float:
        """Return the last feature maps (b, H, W, C) of feature maps of the prefix."""
        suffix = self._model.suffix
        if suffix is None:
            return features.astype(np.float32)
        batches = [suffix.predict_on_batch(features[k : k + BATCH]) for k in range(0, len(features), BATCH)]
        return np.concatenate(batches).astype(np.float32)

    def batches(self, size: int = BATCH) -> Iterator[Rows]:
        """Yield the positions of all images in batches of up to `size`, and select them."""
        sets = [np.arange(len(self._inputs))] if self._sets is None else [row[row != ABSENT] for row in self._sets]
        size = size if self._sets is None else min(size, _SETS)
        for rows in sets:
            for start in range(0, len(rows), size):
                batch = rows[start : start + size]
                self.select(batch)
                yield batch

    def select(self, rows: Rows) -> None:
        """Select the images, all of one set, that `head` is for; with one image, for any number of versions of it."""
        if self._sets is None:
            return
        members = self._sets[np.flatnonzero((self._sets == rows[0]).any(axis=1))[0]]
        present = members != ABSENT
        others = np.where(present[:, None, None, None], self.maps[members], 0)
        self._set.fix(others, present, members[None] == np.asarray(rows)[:, None])

    def probabilities(self, row: int, features: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Return the probability (b,) of an image's target for versions of it, given their feature maps."""
        from alzbench.training.predictor import probabilities

        logits = self.logits(row, features)
        return probabilities(logits)[:, self._inputs.targets[row]]

    def logits(self, row: int, features: npt.NDArray[np.floating]) -> Float:
        """Return the logits (b, K) of versions of an image, given their feature maps of the prefix."""
        self.select(np.array([row]))
        maps, size = self.last_maps(features), BATCH if self._sets is None else _SETS
        # called, not predicted: the other slices of a set are no part of a graph
        batches = [np.asarray(self.head(maps[k : k + size], training=False)) for k in range(0, len(maps), size)]
        return np.concatenate(batches).astype(np.float32)
