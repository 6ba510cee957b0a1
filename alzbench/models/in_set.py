"""A set of slices as a function of one of them, to explain models that classify subjects.

Notation: `b` batch, `S` slices in a set, `H, W, C` feature map.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops


class OneOfSet(keras.layers.Layer):
    """Layer that puts a slice into its set, whose other slices are fixed by `fix`; it is called without a graph.

    Args:
        slices: Number of slices in a set, `S`.

    Call: `(b, H, W, C)` -> a dict of `features` `(b, S, H, W, C)` and `present`, bool `(b, S)`.
    """

    def __init__(self, slices: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.slices = slices
        self._others: Any = None
        self._present: Any = None
        self._own: Any = None

    def fix(self, others: npt.NDArray[np.float32], present: npt.NDArray[np.bool_], own: npt.NDArray[np.bool_]) -> None:
        """Fix the set: its feature maps (S, H, W, C), those present (S,), and the place of each input (b or 1, S)."""
        self._others, self._present, self._own = others[None], present[None], own[:, :, None, None, None]

    def call(self, one: Any) -> Any:
        features = ops.where(self._own, ops.expand_dims(one, 1), self._others)
        return {"features": features, "present": ops.broadcast_to(self._present, ops.shape(features)[:2])}

    def compute_output_spec(self, one: Any) -> Any:
        batch, *shape = one.shape
        features = keras.KerasTensor((batch, self.slices, *shape), dtype="float32")
        return {"features": features, "present": keras.KerasTensor((batch, self.slices), dtype="bool")}
