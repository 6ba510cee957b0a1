"""The attention layer against plain NumPy, and what a Keras layer must do."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from scipy.special import softmax

from alzbench.models.attention import ScaledDotProductAttention

RNG = np.random.default_rng(0)


def dense(layer: keras.layers.Layer, x: np.ndarray) -> np.ndarray:
    kernel, bias = (np.asarray(weight.numpy()) for weight in layer.weights)
    return x @ kernel + bias


def by_hand(
    layer: ScaledDotProductAttention, query: np.ndarray, key: np.ndarray, value: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    q, k = dense(layer.query_projection, query), dense(layer.key_projection, key)
    weights = softmax(q @ k.swapaxes(1, 2) / np.sqrt(layer.key_dim), axis=-1)
    return weights @ dense(layer.value_projection, value), weights


def numbers(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def test_self_attention_is_the_formula() -> None:
    layer, x = ScaledDotProductAttention(5), numbers(2, 7, 3)
    attended, weights = layer(x, return_attention_weights=True)
    expected, expected_weights = by_hand(layer, x, x, x)
    np.testing.assert_allclose(attended, expected, atol=1e-5)
    np.testing.assert_allclose(weights, expected_weights, atol=1e-6)
    np.testing.assert_allclose(np.sum(weights, axis=-1), 1, atol=1e-6)
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)


def test_query_key_and_value_of_their_own() -> None:
    layer = ScaledDotProductAttention(4, value_dim=6)
    query, key, value = numbers(2, 3, 5), numbers(2, 7, 5), numbers(2, 7, 5)
    attended, weights = layer(query, key, value, return_attention_weights=True)
    assert (attended.shape, weights.shape) == ((2, 3, 6), (2, 3, 7))
    np.testing.assert_allclose(attended, by_hand(layer, query, key, value)[0], atol=1e-5)


def test_the_scale_matters() -> None:
    """Without 1 / sqrt(d) the weights would be far sharper at d = 256."""
    layer, x = ScaledDotProductAttention(256), 3 * numbers(1, 8, 16)
    _, weights = layer(x, return_attention_weights=True)
    np.testing.assert_allclose(weights, by_hand(layer, x, x, x)[1], atol=1e-5)


def test_the_order_of_the_positions_does_not_matter() -> None:
    layer, x = ScaledDotProductAttention(4), numbers(1, 6, 3)
    order = RNG.permutation(6)
    np.testing.assert_allclose(np.asarray(layer(x))[:, order], layer(x[:, order]), atol=1e-5)


def test_every_weight_gets_a_gradient() -> None:
    inputs = keras.Input((4, 3))
    model = keras.Model(inputs, ScaledDotProductAttention(5)(inputs))
    before = [w.copy() for w in model.get_weights()]
    model.compile("sgd", "mse")
    model.train_on_batch(numbers(8, 4, 3), numbers(8, 4, 5))
    names = [weight.path for weight in model.weights]
    changed = [not np.allclose(a, b, atol=0) for a, b in zip(before, model.get_weights(), strict=True)]
    # the softmax does not see a constant added to every score of a row, so the key's bias has no gradient
    assert [n for n, c in zip(names, changed, strict=True) if not c] in ([], [n for n in names if "key/bias" in n])


def test_save_and_load_in_safe_mode(tmp_path: Path) -> None:
    inputs = keras.Input((4, 3))
    model = keras.Model(inputs, ScaledDotProductAttention(5, value_dim=2)(inputs))
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras", safe_mode=True)
    x = numbers(3, 4, 3)
    np.testing.assert_array_equal(model.predict(x, verbose=0), loaded.predict(x, verbose=0))


@pytest.mark.parametrize("arguments", [{"key_dim": 0}, {"key_dim": 4, "value_dim": 0}])
def test_sizes_must_be_positive(arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be at least 1"):
        ScaledDotProductAttention(**arguments)
