"""Attention weights of a head, against softmax by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from scipy.special import softmax

from alzbench.experiment import ModelSettings
from alzbench.explain.attention_maps import attention_map, attention_weights, slice_weights
from alzbench.explain.inputs import Inputs
from alzbench.models.attention import AttentionPooling
from alzbench.models.classifier import build_head
from tests.helpers.small_models import (
    CHANNELS,
    CLASSES,
    SIDE,
    doubling_suffix,
    draw_pixels,
    linear_head,
    make_inputs,
    stored_model,
)

N = SIDE * SIDE


def variant_inputs(tmp_path: Path, variant: str, suffix: Any = None, **options: Any) -> Inputs:
    settings = ModelSettings(variant=variant, options={"units": 8, **options})
    head = build_head(settings, (SIDE, SIDE, CHANNELS), CLASSES, "float32", seed=1)
    rng = np.random.default_rng(0)
    head.set_weights([rng.normal(size=w.shape).astype(np.float32) for w in head.get_weights()])
    return make_inputs(stored_model(tmp_path, head, suffix), draw_pixels(5), [0] * 5, ["a", "b", "a", "a", ""])


def ignore(_n: int = 1, note: str | None = None) -> None:
    del note


@pytest.mark.parametrize("tuned", [False, True], ids=["frozen", "fine-tuned"])
def test_weights_are_the_softmax_of_queries_and_keys(tmp_path: Path, tuned: bool) -> None:
    inputs = variant_inputs(tmp_path, "attention", doubling_suffix() if tuned else None, key_dim=4)
    layer = inputs.model.head.get_layer("attention")
    (query, query_bias), (key, key_bias) = layer.query_projection.get_weights(), layer.key_projection.get_weights()
    x = inputs.features.astype(np.float64).reshape(5, N, CHANNELS) * (2 if tuned else 1)
    scores = (x @ query + query_bias) @ (x @ key + key_bias).transpose(0, 2, 1) / 4**0.5
    expected = softmax(scores, axis=-1)
    weights = attention_weights(inputs, ignore)
    assert weights is not None
    assert weights.shape == (5, 1, N, N)
    np.testing.assert_allclose(weights[:, 0], expected, rtol=1e-3, atol=1e-6)
    maps = attention_map(inputs, ignore)
    assert maps is not None
    np.testing.assert_allclose(maps, expected.mean(axis=1).reshape(5, SIDE, SIDE), rtol=1e-3, atol=1e-6)


def test_each_head_of_multi_head_attention_has_its_weights(tmp_path: Path) -> None:
    inputs = variant_inputs(tmp_path, "multi_head_attention", heads=2, key_dim=3)
    weights, layer = attention_weights(inputs, ignore), inputs.model.head.get_layer("attention")
    assert weights is not None
    assert weights.shape == (5, 2, N, N)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)
    (query, query_bias), (key, key_bias) = layer.query_dense.get_weights(), layer.key_dense.get_weights()
    x = inputs.features.astype(np.float64).reshape(5, N, CHANNELS)
    for head in range(2):
        queries, keys = (x @ w[:, head] + b[head] for w, b in ((query, query_bias), (key, key_bias)))
        expected = softmax(queries @ keys.transpose(0, 2, 1) / 3**0.5, axis=-1)
        np.testing.assert_allclose(weights[:, head], expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("kind", ["Attention", "AdditiveAttention", "pooling"])
def test_layers_of_other_kinds_and_names_are_found(tmp_path: Path, kind: str) -> None:
    features = keras.Input((SIDE, SIDE, CHANNELS), name="features")
    positions = keras.layers.Reshape((N, CHANNELS))(features)
    if kind == "pooling":
        present = keras.ops.ones_like(positions[..., 0], dtype="bool")
        pooled = AttentionPooling(4, name="anything")(positions, present)
    else:
        attended = getattr(keras.layers, kind)(name="anything")([positions, positions])
        pooled = keras.layers.GlobalAveragePooling1D()(attended)
    head = keras.Model(features, keras.layers.Dense(CLASSES)(pooled), name="head")
    inputs = make_inputs(stored_model(tmp_path, head), draw_pixels(3), [0] * 3)
    weights = attention_weights(inputs, ignore)
    assert weights is not None
    assert weights.shape == (3, 1, 1 if kind == "pooling" else N, N)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)


def test_a_model_without_attention_has_none(tmp_path: Path) -> None:
    inputs = make_inputs(stored_model(tmp_path, linear_head(np.ones((CHANNELS, CLASSES)))), draw_pixels(1), [0])
    assert attention_map(inputs, ignore) is None
    assert attention_weights(inputs, ignore) is None
    assert slice_weights(inputs) is None


def test_attention_over_other_things_than_positions_is_no_map(tmp_path: Path) -> None:
    features = keras.Input((SIDE, SIDE, CHANNELS), name="features")
    rows = keras.layers.Reshape((SIDE, SIDE * CHANNELS))(features)
    attended = keras.layers.Attention()([rows, rows])
    logits = keras.layers.Dense(CLASSES)(keras.layers.GlobalAveragePooling1D()(attended))
    model = stored_model(tmp_path, keras.Model(features, logits, name="head"))
    assert attention_map(make_inputs(model, draw_pixels(1), [0]), ignore) is None


def test_the_slices_of_a_set_share_a_weight_of_one(tmp_path: Path) -> None:
    inputs = variant_inputs(tmp_path, "subject_attention", key_dim=4, slices=4)
    assert attention_map(inputs, ignore) is None
    weights = slice_weights(inputs)
    assert weights is not None
    layer = inputs.model.head.get_layer("attention")
    kernel, bias = layer.key_projection.get_weights()
    vectors = inputs.features.astype(np.float64).mean(axis=(1, 2))
    scores = (vectors @ kernel + bias) @ np.asarray(layer.query) / 4**0.5
    np.testing.assert_allclose(weights[[0, 2, 3]], softmax(scores[[0, 2, 3]]), rtol=2e-3)
    np.testing.assert_allclose(weights[[1, 4]], 1)  # alone in their sets
