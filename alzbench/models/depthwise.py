"""Depthwise convolutions that were built as grouped ones, as in ConvNeXt.

On a CPU, TensorFlow runs grouped convolutions only through its compiler, which is several times slower, and they cannot
be exported to ONNX.
"""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="alzbench")
class ChannelwiseConv2D(keras.layers.Conv2D):
    """A convolution with as many groups as channels in and out, and the weights of `keras.layers.Conv2D`."""

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Return the convolution of (B, H, W, C) with a kernel (h, w, 1, C)."""
        by_channel = keras.ops.transpose(kernel, (0, 1, 3, 2))
        return keras.ops.depthwise_conv(
            inputs, by_channel, self.strides, self.padding, dilation_rate=self.dilation_rate
        )


def with_channelwise_convolutions(network: Any) -> Any:
    """Return a network with `ChannelwiseConv2D` for its depthwise convolutions, and new weights if it has any."""
    if not any(map(_is_depthwise, network.layers)):
        return network

    def copied(layer: Any) -> Any:
        kind = ChannelwiseConv2D if _is_depthwise(layer) else type(layer)
        return kind.from_config(layer.get_config())

    return keras.models.clone_model(network, clone_function=copied)


def _is_depthwise(layer: Any) -> bool:
    return isinstance(layer, keras.layers.Conv2D) and 1 < layer.groups == layer.filters == layer.input.shape[-1]
