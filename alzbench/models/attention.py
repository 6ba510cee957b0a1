"""Scaled dot-product attention over the positions of a feature map.

Notation here and in `variants`: `B` batch, `H, W` height and width of the feature map, `C` channels, `N = H * W`
positions, `d` key size, `K` classes.
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
        value_dim: Size of the values, by default `key_dim`.

    Call: query `(B, N, C)`, key and value `(B, M, C)`, by default the query (self-attention) -> `(B, N, value_dim)`;
    with `return_attention_weights=True` also the weights `(B, N, M)`, each row of which sums to 1.

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
