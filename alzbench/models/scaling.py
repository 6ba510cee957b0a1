"""Scaling of the pixels in [0, 255] that a backbone gets."""

from __future__ import annotations

from typing import Any

import keras

from alzbench.models.backbones import Native

# pixel * scale + offset
_RANGES = {"unit": (1 / 255, 0.0), "imagenet": (1 / 127.5, -1.0)}


@keras.saving.register_keras_serializable(package="alzbench")
class NativeScaling(keras.layers.Layer):
    """Preprocessing of keras.applications: RGB pixels (B, S, S, 3) in [0, 255] -> pixels for the backbone.

    Args:
        mode: Mode of `keras.applications.imagenet_utils.preprocess_input`: `tf`, `torch` or `caffe`.
    """

    def __init__(self, mode: Native | None, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.mode = mode

    def call(self, pixels: Any) -> Any:
        """Return the preprocessed pixels."""
        return keras.applications.imagenet_utils.preprocess_input(pixels, "channels_last", self.mode)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, which is that of the input."""
        return shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer."""
        return {**super().get_config(), "mode": self.mode}


def scaled(pixels: Any, scaling: str, native: Native | None) -> Any:
    """Return pixels (B, S, S, C) in [0, 255] as RGB pixels (B, S, S, 3) for a backbone.

    Args:
        pixels: Keras tensor of C = 1 or 3 channels.
        scaling: See `DataSettings.scaling`.
        native: See `Backbone.native`; a network that contains its preprocessing gets the pixels unscaled.
    """
    x = pixels
    if scaling in _RANGES:
        scale, offset = _RANGES[scaling]
        x = keras.layers.Rescaling(scale, offset, name="scaling")(x)
    if pixels.shape[-1] == 1:
        x = keras.layers.Concatenate(name="grey_to_rgb")([x, x, x])
    if scaling == "native" and native != "included":
        x = NativeScaling(native, name="scaling")(x)
    return x
