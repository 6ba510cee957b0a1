"""The layers above the backbone, as a function of one image.

A model that classifies subjects has a set of slices as its input. Its maps explain one slice at a time: this slice
changes, and the other slices of its set stay as they are.

Notation: `n` images, `b` batch, `S` slices in a set, `H, W, C` last feature map, `K` classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from alzbench.explain.inputs import Inputs
from alzbench.training.sets import ABSENT, group

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
    """

    def __init__(self, inputs: Inputs) -> None:
        self._inputs, self._model = inputs, inputs.model
        self.maps = self.last_maps(inputs.features)
        slices = inputs.model.slices
        self._sets = None if slices is None else group(inputs.subjects, slices)

    def last_maps(self, features: npt.NDArray[np.floating]) -> Float:
        """Return the last feature maps (b, H, W, C) of feature maps of the prefix."""
        suffix = self._model.suffix
        if suffix is None:
            return features.astype(np.float32)
        batches = [suffix.predict_on_batch(features[k : k + BATCH]) for k in range(0, len(features), BATCH)]
        return np.concatenate(batches).astype(np.float32)

    def batches(self, size: int = BATCH) -> Iterator[Rows]:
        """Yield the positions of all images in batches of up to `size`; those of one batch are in one set."""
        sets = [np.arange(len(self._inputs))] if self._sets is None else [row[row != ABSENT] for row in self._sets]
        size = size if self._sets is None else min(size, _SETS)
        for rows in sets:
            for start in range(0, len(rows), size):
                yield rows[start : start + size]

    def head(self, rows: Rows) -> Any:
        """Return a model of the last feature maps (b, H, W, C) of these images of one set -> logits (b, K).

        With a single image, `b` is any number of versions of it.
        """
        return self._model.head if self._sets is None else self._head_in_set(rows)

    def probabilities(self, row: int, features: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Return the probability (b,) of an image's target for versions of it, given their feature maps."""
        from alzbench.training.predictor import probabilities

        logits = self.logits(row, features)
        return probabilities(logits)[:, self._inputs.targets[row]]

    def logits(self, row: int, features: npt.NDArray[np.floating]) -> Float:
        """Return the logits (b, K) of versions of an image, given their feature maps of the prefix."""
        head, maps = self.head(np.array([row])), self.last_maps(features)
        # called, not predicted: each head of a set is new, and tracing it would take longer than its use
        size = BATCH if self._sets is None else _SETS
        batches = [np.asarray(head(maps[k : k + size], training=False)) for k in range(0, len(maps), size)]
        return np.concatenate(batches).astype(np.float32)

    def _head_in_set(self, rows: Rows) -> Any:
        """Return the head for one slice, with the other slices of its set as constants."""
        import keras
        from keras import ops

        assert self._sets is not None
        members = self._sets[np.flatnonzero((self._sets == rows[0]).any(axis=1))[0]]
        present = members != ABSENT
        others = np.where(present[:, None, None, None], self.maps[members], 0)
        own = members[None] == np.asarray(rows)[:, None]  # (b, S): the place of each image in its set
        one = keras.Input(self.maps.shape[1:], name="last_map")
        features = ops.where(own[:, :, None, None, None], ops.expand_dims(one, 1), others[None])
        mask = ops.logical_and(ops.ones_like(features[:, :, 0, 0, 0], dtype="bool"), present[None])
        return keras.Model(one, self._model.head({"features": features, "present": mask}))
