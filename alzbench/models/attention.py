"""Scaled dot-product attention, over the positions of a feature map or over the slices of a subject.

Notation: `B` batch, `N` positions, `M` positions of keys and values, `C` channels, `S` slices of a subject, `d` key
size.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="alzbench")
class ScaledDotProductAttention(keras.layers.Layer):
    """Attention with learned projections: `softmax(Q K^T / sqrt(d)) V`, the softmax over the key positions.

    Args:
        key_dim: Size `d` of queries and keys, at least 1.
        value_dim: Size of the values; None: `key_dim`.

    Call: query `(B, N, C)`, key and value `(B, M, C)`, by default the query (self-attention) -> `(B, N, value_dim)`;
    with `return_attention_weights=True` also the weights `(B, N, M)`, whose rows sum to 1.

    Reference: Vaswani et al., 2017, https://arxiv.org/abs/1706.03762, section 3.2.1.
    """

    def __init__(self, key_dim: int, value_dim: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if key_dim < 1 or (value_dim is not None and value_dim < 1):
            raise ValueError(f"key_dim and value_dim must be at least 1, got {key_dim} and {value_dim}")
        self.key_dim = key_dim
        self.value_dim = key_dim if value_dim is None else value_dim
        self.query_projection = keras.layers.Dense(self.key_dim, dtype=self.dtype_policy, name="query")
        self.key_projection = keras.layers.Dense(self.key_dim, dtype=self.dtype_policy, name="key")
        self.value_projection = keras.layers.Dense(self.value_dim, dtype=self.dtype_policy, name="value")

    def build(self, query_shape: Any, key_shape: Any = None, value_shape: Any = None) -> None:
        key_shape = key_shape or query_shape
        self.query_projection.build(query_shape)
        self.key_projection.build(key_shape)
        self.value_projection.build(value_shape or key_shape)
        self.built = True

    def call(self, query: Any, key: Any = None, value: Any = None, return_attention_weights: bool = False) -> Any:
        key = query if key is None else key
        value = key if value is None else value
        queries, keys = self.query_projection(query), self.key_projection(key)
        scores = ops.matmul(queries, ops.swapaxes(keys, -1, -2)) / self.key_dim**0.5
        weights = ops.softmax(scores, axis=-1)
        attended = ops.matmul(weights, self.value_projection(value))
        return (attended, weights) if return_attention_weights else attended

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "key_dim": self.key_dim, "value_dim": self.value_dim}


@keras.saving.register_keras_serializable(package="alzbench")
class AttentionPooling(keras.layers.Layer):
    """Pooling of a set into one vector by scaled dot-product attention with one learned query `q` of size `d`.

    The result is `sum_s softmax_s(q . k_s / sqrt(d)) v_s`, where keys and values are learned projections of the set's
    vectors. It does not depend on the order of the set.

    Args:
        key_dim: Size `d` of the query, the keys and the values, at least 1.

    Call: vectors `(B, S, C)` and a mask of those present, bool `(B, S)`, at least one in each row -> `(B, d)`; with
    `return_attention_weights=True` also the weights `(B, S)`, which are 0 for absent vectors and whose rows sum to 1.

    Reference: Vaswani et al., 2017, https://arxiv.org/abs/1706.03762; pooling a set by attention: Ilse et al., 2018,
    https://arxiv.org/abs/1802.04712.
    """

    def __init__(self, key_dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if key_dim < 1:
            raise ValueError(f"key_dim must be at least 1, got {key_dim}")
        self.key_dim = key_dim
        self.key_projection = keras.layers.Dense(key_dim, dtype=self.dtype_policy, name="key")
        self.value_projection = keras.layers.Dense(key_dim, dtype=self.dtype_policy, name="value")

    def build(self, vectors_shape: Any, present_shape: Any = None) -> None:
        del present_shape
        self.key_projection.build(vectors_shape)
        self.value_projection.build(vectors_shape)
        self.query = self.add_weight(shape=(self.key_dim,), initializer="random_normal", name="query")
        self.built = True

    def call(self, vectors: Any, present: Any, return_attention_weights: bool = False) -> Any:
        scores = ops.matmul(self.key_projection(vectors), ops.expand_dims(self.query, -1))[..., 0] / self.key_dim**0.5
        scores = ops.where(present, ops.cast(scores, "float32"), -1e9)
        weights = ops.cast(ops.softmax(scores, axis=-1), self.compute_dtype)
        pooled = ops.matmul(ops.expand_dims(weights, -2), self.value_projection(vectors))[..., 0, :]
        return (pooled, weights) if return_attention_weights else pooled

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "key_dim": self.key_dim}


@keras.saving.register_keras_serializable(package="alzbench")
class OverSlices(keras.layers.Wrapper):
    """Wrapper that applies a model of single slices to all slices of each subject: `(B, S, ...)` -> `(B, S, ...)`."""

    def build(self, input_shape: Any) -> None:
        if not self.layer.built:
            self.layer.build((None, *input_shape[2:]))
        self.built = True

    def call(self, slices: Any) -> Any:
        outputs = self.layer(ops.reshape(slices, (-1, *slices.shape[2:])))
        return ops.reshape(outputs, (-1, slices.shape[1], *outputs.shape[1:]))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:2], *self.layer.compute_output_shape((None, *input_shape[2:]))[1:])


@keras.saving.register_keras_serializable(package="alzbench")
class AllPresent(keras.layers.Layer):
    """Mask in which all slices are present: `(B, S, ...)` -> bool `(B, S)`."""

    def call(self, slices: Any) -> Any:
        return ops.ones(ops.shape(slices)[:2], dtype="bool")

    def compute_output_spec(self, slices: Any) -> Any:
        return keras.KerasTensor(slices.shape[:2], dtype="bool")
