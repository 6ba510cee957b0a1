"""The attention layers: their formulas in NumPy, gradients, and saving."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from scipy.special import softmax

from alzbench.models.attention import AllPresent, AttentionPooling, OverSlices, ScaledDotProductAttention

RNG = np.random.default_rng(0)


def dense(layer: keras.layers.Layer, x: np.ndarray) -> np.ndarray:
    kernel, bias = (np.asarray(weight.numpy()) for weight in layer.weights)
    return np.asarray(x @ kernel + bias)


def by_hand(
    layer: ScaledDotProductAttention, query: np.ndarray, key: np.ndarray, value: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    q, k = dense(layer.query_projection, query), dense(layer.key_projection, key)
    weights = softmax(q @ k.swapaxes(1, 2) / np.sqrt(layer.key_dim), axis=-1)
    return weights @ dense(layer.value_projection, value), weights


def numbers(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def test_self_attention_agrees_with_the_formula() -> None:
    layer, x = ScaledDotProductAttention(5), numbers(2, 7, 3)
    attended, weights = layer(x, return_attention_weights=True)
    expected, expected_weights = by_hand(layer, x, x, x)
    np.testing.assert_allclose(attended, expected, atol=1e-5)
    np.testing.assert_allclose(weights, expected_weights, atol=1e-6)
    np.testing.assert_allclose(np.sum(weights, axis=-1), 1, atol=1e-6)
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)


def test_attention_of_separate_query_key_and_value() -> None:
    layer = ScaledDotProductAttention(4, value_dim=6)
    query, key, value = numbers(2, 3, 5), numbers(2, 7, 5), numbers(2, 7, 5)
    attended, weights = layer(query, key, value, return_attention_weights=True)
    assert (attended.shape, weights.shape) == ((2, 3, 6), (2, 3, 7))
    np.testing.assert_allclose(attended, by_hand(layer, query, key, value)[0], atol=1e-5)


def test_the_scale_matters() -> None:
    """Without 1 / sqrt(d), the weights would be much more concentrated at d = 256."""
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
    # a constant that is added to all scores of a row does not change the softmax, so the key's bias has no gradient
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


PRESENT = np.array([[True] * 5, [True, False, True, True, False], [False, False, False, True, False]])


def pooling(key_dim: int = 4, channels: int = 3, scale: float = 5.0) -> Any:
    """A layer with a query that is large enough for different weights."""
    layer = AttentionPooling(key_dim)
    layer.build((None, 5, channels), (None, 5))
    layer.query.assign(scale * numbers(key_dim))
    for projection in (layer.key_projection, layer.value_projection):
        projection.bias.assign(numbers(key_dim))
    return layer


def test_pooling_agrees_with_the_formula() -> None:
    layer, x = pooling(), numbers(3, 5, 3)
    pooled, weights = layer(x, PRESENT, return_attention_weights=True)
    scores = dense(layer.key_projection, x) @ layer.query.numpy() / np.sqrt(4)
    expected_weights = softmax(np.where(PRESENT, scores, -np.inf), axis=-1)
    expected = np.einsum("bs,bsd->bd", expected_weights, dense(layer.value_projection, x))
    np.testing.assert_allclose(weights, expected_weights, atol=1e-5)
    np.testing.assert_allclose(pooled, expected, atol=1e-4)
    np.testing.assert_allclose(layer(x, PRESENT), expected, atol=1e-4)
    assert np.ptp(expected_weights[0]) > 0.1  # not only a mean


def test_a_set_pooled_by_hand() -> None:
    """Two members with the keys 0 and ln 3 at d = 1 have the weights 1/4 and 3/4; a third one is absent."""
    layer = AttentionPooling(1)
    layer.build((None, 3, 1))
    layer.query.assign([np.log(3)])
    layer.key_projection.set_weights([np.array([[1.0]]), np.array([0.0])])
    layer.value_projection.set_weights([np.array([[8.0]]), np.array([1.0])])
    pooled, weights = layer(
        np.array([[[0.0], [1.0], [9.0]]]), np.array([[True, True, False]]), return_attention_weights=True
    )
    np.testing.assert_allclose(weights, [[0.25, 0.75, 0]], atol=1e-6)
    np.testing.assert_allclose(pooled, [[0.25 * 1 + 0.75 * 9]], rtol=1e-6)


def test_the_order_of_a_set_does_not_matter() -> None:
    layer, x = pooling(), numbers(3, 5, 3)
    order = RNG.permutation(5)
    np.testing.assert_allclose(layer(x[:, order], PRESENT[:, order]), layer(x, PRESENT), atol=1e-5)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_absent_members_have_no_weight_whatever_their_values(policy: str) -> None:
    layer, x = AttentionPooling(4, dtype=policy), numbers(3, 5, 3)
    pooled, weights = layer(x, PRESENT, return_attention_weights=True)
    assert (np.asarray(weights)[~PRESENT] == 0).all()
    assert (np.asarray(weights)[PRESENT] > 0).all()
    np.testing.assert_allclose(np.sum(weights, axis=-1, dtype=np.float32), 1, atol=1e-2 if "16" in policy else 1e-6)
    other = np.where(PRESENT[..., None], x, np.float32(100))
    np.testing.assert_array_equal(layer(other, PRESENT), pooled)
    alone = np.asarray(layer(x[2:, 3:], np.array([[True, False]])))
    np.testing.assert_allclose(np.asarray(pooled)[2:], alone, atol=1e-2 if "16" in policy else 1e-6)


def test_every_weight_of_pooling_gets_a_gradient() -> None:
    vectors, present = keras.Input((5, 3)), keras.Input((5,), dtype="bool")
    model = keras.Model([vectors, present], AttentionPooling(4)(vectors, present))
    before = [w.copy() for w in model.get_weights()]
    model.compile("sgd", "mse")
    for _ in range(2):
        model.train_on_batch([numbers(3, 5, 3), PRESENT], numbers(3, 4))
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert {w.path for w, c in zip(model.weights, changed, strict=True) if not c} <= {
        w.path for w in model.weights if w.path.endswith("key/bias")
    }


def test_layers_for_sets_are_saved_and_loaded_in_safe_mode(tmp_path: Path) -> None:
    slices = keras.Input((5, 2, 2, 3))
    single = keras.Input((2, 2, 3))
    model_of_slice = keras.Model(single, keras.layers.Dense(6)(keras.layers.Flatten()(single)))
    model = keras.Model(
        slices, AttentionPooling(4, name="pool")(OverSlices(model_of_slice)(slices), AllPresent()(slices))
    )
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras", safe_mode=True)
    x = numbers(3, 5, 2, 2, 3)
    np.testing.assert_array_equal(model.predict(x, verbose=0), loaded.predict(x, verbose=0))
    assert loaded.get_layer("pool").get_config() == model.get_layer("pool").get_config()
    assert AttentionPooling.from_config(AttentionPooling(7).get_config()).key_dim == 7


def test_pooling_needs_a_positive_size() -> None:
    with pytest.raises(ValueError, match="key_dim must be at least 1, got 0"):
        AttentionPooling(0)


def test_over_slices_applies_the_model_to_each_slice() -> None:
    single = keras.Input((4, 3))
    model_of_slice = keras.Model(single, keras.layers.Dense(2)(single))
    layer, x = OverSlices(model_of_slice), numbers(2, 5, 4, 3)
    outputs = np.asarray(layer(x))
    assert outputs.shape == (2, 5, 4, 2) == layer.compute_output_shape(x.shape)
    for slice_ in range(5):
        np.testing.assert_allclose(outputs[:, slice_], model_of_slice(x[:, slice_]), atol=1e-6)


def test_over_slices_builds_its_layer_and_trains_it() -> None:
    layer = OverSlices(keras.layers.Dense(2))
    layer.build((None, 5, 3))
    assert [w.shape for w in layer.trainable_weights] == [(3, 2), (2,)]
    frozen = OverSlices(keras.layers.Dense(2, trainable=False))
    frozen.build((None, 5, 3))
    assert frozen.trainable_weights == []


def test_all_are_present() -> None:
    mask = np.asarray(AllPresent()(numbers(2, 5, 4, 4, 3)))
    assert (mask.shape, mask.dtype.name) == ((2, 5), "bool")
    assert mask.all()
    symbolic = AllPresent()(keras.Input((5, 4, 4, 3)))
    assert (symbolic.shape, symbolic.dtype) == ((None, 5), "bool")
