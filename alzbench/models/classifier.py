"""Heads, and models joined from prefix, suffix and head.

Notation: `B` batch, `H, W` height and width of the feature map, `C` channels, `S` slices of a subject, `K` classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras

from alzbench.experiment import ModelSettings
from alzbench.models.attention import AllPresent, OverSlices
from alzbench.models.slabs import SlabMeans
from alzbench.models.user_file import find_variant

# names of layers of joined models, by which `stored` finds the parts
HEAD, SUFFIX, SUFFIX_OF_SLICES = "head", "suffix", "suffix_of_slices"
PREFIX_OF_SLICES, ROUNDING = "prefix_of_slices", "rounding"


def build_head(settings: ModelSettings, shape: tuple[int, int, int], classes: int, precision: str, seed: int) -> Any:
    """Build a head: features -> logits (B, K) of float32.

    Its input is a feature map (B, H, W, C), or for a variant that classifies subjects a dict of `features`
    (B, S, H, W, C) and `present`, bool (B, S). The input is float32, to which float16 is cast: after a suffix, neither
    the features nor their gradients may be rounded.

    Args:
        settings: The variant and its options.
        shape: Height, width and channels of the feature map.
        classes: Number of classes K.
        precision: Keras dtype policy, for example ``mixed_float16``.
        seed: Seed of the initial weights and of dropout.

    Raises:
        ExperimentError: The variant does not exist, or its options are wrong.
    """
    variant = find_variant(settings)
    options = variant.check_options(settings.options)
    keras.utils.set_random_seed(seed)
    with _dtype_policy(precision):
        if variant.classifies == "slice":
            features = keras.Input(shape, dtype="float32", name="features")
            return keras.Model(features, variant.function(features, options, classes), name=HEAD)
        features, present = subject_inputs(options.model_dump()["slices"], shape)
        logits = variant.function((features, present), options, classes)
        return keras.Model({"features": features, "present": present}, logits, name=HEAD)


def subject_inputs(slices: int, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Return the inputs of a head that classifies subjects: features (B, S, H, W, C) and present (B, S)."""
    features = keras.Input((slices, *shape), dtype="float32", name="features")
    return features, keras.Input((slices,), dtype="bool", name="present")


@dataclass(frozen=True)
class SetShape:
    """The shape of one example of a head that classifies subjects.

    Attributes:
        size: Number of places for slices, S.
        first: Number of the slice in the first place, for a head to which the place of a slice matters; else None.
    """

    size: int
    first: int | None = None


def set_shape(head: Any) -> SetShape | None:
    """Return the shape of one example of a head that classifies subjects; None if it classifies images."""
    if not isinstance(head.input, dict):
        return None
    return SetShape(int(head.input["features"].shape[1]), _first_slice(head))


def _first_slice(head: Any) -> int | None:
    """Return the first slice number of the head's slabs; None if it has none."""
    for layer in head.layers:
        found = (
            layer.first if isinstance(layer, SlabMeans) else _first_slice(layer) if hasattr(layer, "layers") else None
        )
        if found is not None:
            return found
    return None


def join_suffix(suffix: Any, head: Any) -> Any:
    """Return one trainable model of a backbone's suffix and a head, sharing their layers: features -> logits (B, K)."""
    shape = suffix.input_shape[1:]
    if not isinstance(head.input, dict):
        features = keras.Input(shape, dtype="float32", name="features")
        return keras.Model(features, head(suffix(features)), name=HEAD)
    features, present = subject_inputs(head.input["features"].shape[1], shape)
    logits = head({"features": OverSlices(suffix, name=SUFFIX_OF_SLICES)(features), "present": present})
    return keras.Model({"features": features, "present": present}, logits, name=HEAD)


def join_prefix(prefix: Any, head: Any) -> Any:
    """Return one model of prefix and head: pixels in [0, 255] -> class probabilities (B, K).

    Feature maps are rounded to float16 between them, as those that the head was trained on. The input is an image (B,
    size, size, channels), or for a head that classifies subjects all S slices of a subject, (B, S, size, size,
    channels), none of them absent.
    """
    # without its training configuration: Keras stores a loss of ours in it, and then refuses to load the model
    head = keras.Model(head.input, head.output, name=head.name)
    if isinstance(head.input, dict):
        slices = head.input["features"].shape[1]
        pixels = keras.Input((slices, *prefix.input_shape[1:]), name="pixels")
        features = _rounded(OverSlices(prefix, name=PREFIX_OF_SLICES)(pixels))
        logits = head({"features": features, "present": AllPresent(name="present")(pixels)})
    else:
        pixels = prefix.input
        logits = head(_rounded(prefix.output))
    probabilities = keras.layers.Softmax(dtype="float32", name="probabilities")(logits)
    return keras.Model(pixels, probabilities, name="classifier")


def _rounded(features: Any) -> Any:
    """Return features rounded to float16; the head's input casts them back to float32."""
    return keras.layers.Activation("linear", dtype="float16", name=ROUNDING)(features)


@contextmanager
def _dtype_policy(name: str) -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
