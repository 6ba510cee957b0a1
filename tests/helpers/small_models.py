"""Small stored models whose maps can be computed by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from alzbench.explain.inputs import Inputs
from alzbench.models.classifier import join_prefix, join_suffix
from alzbench.models.stored import StoredModel, load_stored_model

SIDE, CHANNELS, CLASSES = 4, 3, 2  # of the feature map


def make_prefix(size: int = 32) -> Any:
    """Mean over squares of a grey image, in three channels: x, 2 x and 1 - x, with x in [0, 1]."""
    pixels = keras.Input((size, size, 1), name="pixels")
    x = keras.layers.Rescaling(1 / 255)(pixels)
    x = keras.layers.AveragePooling2D(size // SIDE)(x)
    mix = keras.layers.Conv2D(CHANNELS, 1, name="mix")
    features = mix(x)
    mix.set_weights([np.array([[[[1.0, 2.0, -1.0]]]], np.float32), np.array([0.0, 0.0, 1.0], np.float32)])
    return keras.Model(pixels, features)


def linear_head(weights: np.ndarray) -> Any:
    """A linear layer (CHANNELS, CLASSES) on the mean of the feature map."""
    features = keras.Input((SIDE, SIDE, CHANNELS), name="features")
    logits = keras.layers.Dense(CLASSES, use_bias=False, name="logits")
    outputs = logits(keras.layers.GlobalAveragePooling2D()(features))
    logits.set_weights([weights.astype(np.float32)])
    return keras.Model(features, outputs, name="head")


def doubling_suffix() -> Any:
    """Trained blocks that double the feature map."""
    features = keras.Input((SIDE, SIDE, CHANNELS))
    convolution = keras.layers.Conv2D(CHANNELS, 1, use_bias=False)
    outputs = convolution(features)
    convolution.set_weights([2 * np.eye(CHANNELS, dtype=np.float32)[None, None]])
    return keras.Model(features, outputs, name="suffix")


def stored_model(tmp_path: Any, head: Any, suffix: Any = None) -> StoredModel:
    """The model as it is after it was stored and read."""
    trained = head if suffix is None else join_suffix(suffix, head)
    join_prefix(make_prefix(), trained).save(tmp_path / "model.keras")
    return load_stored_model(tmp_path / "model.keras")


def make_inputs(model: StoredModel, pixels: np.ndarray, targets: Sequence[int], subjects: Sequence[str] = ()) -> Inputs:
    """Inputs of images, whose prefix is run by Keras."""

    def extract(images: np.ndarray) -> np.ndarray:
        return np.asarray(model.prefix(images.astype(np.float32)), np.float16)

    names = tuple(subjects) or ("",) * len(pixels)
    return Inputs(model, pixels, extract(pixels), names, np.array(targets, np.int64), extract)


def draw_pixels(n: int, size: int = 32) -> np.ndarray:
    """Random grey images."""
    return np.random.default_rng(n).integers(0, 256, (n, size, size, 1), dtype=np.uint8)
