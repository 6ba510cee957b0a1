"""Weights of attention layers, found by their type: a variant may give them any name.

Notation: `n` images, `B` batch, `N` positions of the last feature map of height `H` and width `W`, `S` slices in a set.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from alzbench.explain.above import BATCH, Above
from alzbench.explain.inputs import Inputs, Maps
from alzbench.models.stored import StoredModel
from alzbench.progress import Advance
from alzbench.training.sets import ABSENT

Weights = npt.NDArray[np.float32]


def attention_map(inputs: Inputs, advance: Advance) -> Maps | None:
    """Return the attention weights (n, H, W), mean over heads and queries; None without attention over positions."""
    weights = attention_weights(inputs, advance)
    if weights is None:
        return None
    height, width = inputs.model.head.input_shape[1:3]
    return np.asarray(weights.mean(axis=(1, 2)).reshape(-1, height, width), np.float32)


def attention_weights(inputs: Inputs, advance: Advance) -> Weights | None:
    """Return the weights (n, heads, queries, N) of the first attention layer over the positions of the feature map.

    Each row of the last axis sums to 1. Only the first such layer attends over the positions themselves; later ones
    attend over mixtures of them.

    Returns:
        None if there is no such layer.
    """
    maps = Above(inputs).maps
    layer = _positional(inputs.model, maps[:1])
    if layer is None:
        return None
    batches = []
    for start in range(0, len(maps), BATCH):
        batch = maps[start : start + BATCH]
        batches.append(_with_heads(layer(batch)))
        advance(len(batch))
    return np.concatenate(batches)


def slice_weights(inputs: Inputs) -> Weights | None:
    """Return the weight (n,) of each image among the slices of its set, each set summing to 1; None without them."""
    sets = inputs.sets()
    if sets is None:
        return None
    pooling = next((layer for layer in _attention_layers(inputs.model.head) if layer.pools_set), None)
    if pooling is None:
        return None
    maps = Above(inputs).maps
    weights = np.zeros(len(inputs), np.float32)
    for members in sets:
        present = members != ABSENT
        features = np.where(present[:, None, None, None], maps[members], 0)
        weights[members[present]] = pooling({"features": features[None], "present": present[None]})[0, present]
    return weights


def _positional(model: StoredModel, example: npt.NDArray[np.float32]) -> _AttentionLayer | None:
    """Return the first attention layer whose keys are the positions of the feature map, tried on an example."""
    if model.slices is not None:
        return None
    positions = int(np.prod(example.shape[1:3]))
    layers = _attention_layers(model.head)
    return next((layer for layer in layers if layer(example).shape[-1] == positions), None)


class _AttentionLayer:
    """An attention layer of a head: input of the head -> weights, with the keys along the last axis.

    Args:
        head: The head.
        layer: The layer.
        argument: Argument of its call that makes it return its weights too.
    """

    def __init__(self, head: Any, layer: Any, argument: str) -> None:
        import keras

        from alzbench.models.attention import AttentionPooling

        self.pools_set = isinstance(layer, AttentionPooling)
        self._layer, self._argument = layer, argument
        self._call = layer._inbound_nodes[0].arguments  # of the call in the head
        # Keras cannot build a model with a call that returns more than the layer's first call: it is made at once
        self._below = keras.Model(head.input, self._call.keras_tensors)

    def __call__(self, features: Any) -> Weights:
        import keras

        values = keras.tree.flatten(self._below(features))
        tensors = {id(tensor): value for tensor, value in zip(self._call.keras_tensors, values, strict=True)}
        arguments, named = self._call.fill_in(tensors)
        return np.asarray(self._layer(*arguments, **{**named, self._argument: True})[1], np.float32)


def _attention_layers(head: Any) -> list[_AttentionLayer]:
    """Return the attention layers of a head, from its input to its output."""
    from keras import layers

    from alzbench.models.attention import AttentionPooling, ScaledDotProductAttention

    kinds = {
        "return_attention_weights": (ScaledDotProductAttention, AttentionPooling),
        "return_attention_scores": (layers.MultiHeadAttention, layers.Attention, layers.AdditiveAttention),
    }
    return [
        _AttentionLayer(head, layer, argument)
        for layer in head.layers
        for argument, types in kinds.items()
        if isinstance(layer, types)
    ]


def _with_heads(weights: Weights) -> Weights:
    """Return weights (B, heads, queries, N) of weights with or without axes for heads and queries."""
    if weights.ndim == 2:
        return weights[:, None, None]
    return weights[:, None] if weights.ndim == 3 else weights
