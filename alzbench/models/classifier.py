"""Heads and whole models: a variant built on a prefix, and both joined into one loadable model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from alzbench.experiment import ModelSettings
from alzbench.models.backbone import Prefix
from alzbench.models.variants import VARIANTS

FEATURE_DTYPE = "float16"  # of stored feature maps; heads take them as they are stored


def build_head(settings: ModelSettings, shape: tuple[int, int, int], classes: int, precision: str, seed: int) -> Any:
    """Build the trainable part: feature maps (B, H, W, C) of float16 -> logits (B, K) of float32.

    Args:
        settings: The variant and its options.
        shape: Height, width and channels of the feature map.
        classes: Number of classes K.
        precision: Keras dtype policy, for example ``mixed_float16``.
        seed: Seed of the initial weights and of dropout.
    """
    variant = VARIANTS[settings.variant]
    options = variant.check_options(settings.options)
    keras.utils.set_random_seed(seed)
    with _dtype_policy(precision):
        features = keras.Input(shape, dtype=FEATURE_DTYPE, name="features")
        return keras.Model(features, variant.build(features, options, classes), name="head")


def join(prefix: Prefix, head: Any) -> Any:
    """Return one model from pixels in [0, 255] to class probabilities (B, K)."""
    logits = head(prefix.model.output)
    probabilities = keras.layers.Softmax(dtype="float32", name="probabilities")(logits)
    return keras.Model(prefix.model.input, probabilities, name="classifier")


@contextmanager
def _dtype_policy(name: str) -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
