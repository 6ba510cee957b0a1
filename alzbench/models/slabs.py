"""A layer that averages a subject's slices in slabs."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="alzbench")
class SlabMeans(keras.layers.Layer):
    """Means of a subject's feature maps in slabs, which are equally many neighbouring places in its set.

    A slab without a slice gets the mean of all slices of the subject.

    Args:
        slabs: Number of slabs L, a divisor of the number of places S.
        first: Number of the slice in the first place; alzbench puts the slices into their places by it.

    Call: maps `(B, S, H, W, C)` and a mask of the slices that are present, bool `(B, S)`, at least one in each row ->
    `(B, L, H, W, C)`.
    """

    def __init__(self, slabs: int, first: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if slabs < 1:
            raise ValueError(f"slabs must be at least 1, got {slabs}")
        self.slabs, self.first = slabs, first

    def build(self, maps_shape: Any, present_shape: Any = None) -> None:
        del present_shape
        if maps_shape[1] % self.slabs:
            raise ValueError(f"slabs must divide the {maps_shape[1]} slices of a set; got {self.slabs}")
        self.built = True

    def call(self, maps: Any, present: Any) -> Any:
        places, shape = maps.shape[1], maps.shape[2:]
        weights = ops.cast(present, maps.dtype)
        total = ops.einsum("bs,bshwc->bhwc", weights, maps)
        overall = total / ops.reshape(ops.sum(weights, axis=1), (-1, 1, 1, 1))
        in_slabs = ops.reshape(weights, (-1, self.slabs, places // self.slabs))
        maps = ops.reshape(maps, (-1, self.slabs, places // self.slabs, *shape))
        sums, counts = ops.einsum("bls,blshwc->blhwc", in_slabs, maps), ops.sum(in_slabs, axis=2)
        counts = ops.reshape(counts, (-1, self.slabs, 1, 1, 1))
        return ops.where(counts > 0, sums / ops.maximum(counts, 1), ops.expand_dims(overall, 1))

    def compute_output_spec(self, maps: Any, present: Any) -> Any:
        del present
        return keras.KerasTensor((maps.shape[0], self.slabs, *maps.shape[2:]), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "slabs": self.slabs, "first": self.first}
