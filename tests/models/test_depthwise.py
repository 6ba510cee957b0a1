"""Grouped convolutions run as depthwise ones."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from alzbench.models.depthwise import ChannelwiseConv2D, with_channelwise_convolutions

IMAGES = np.random.default_rng(0).normal(size=(2, 9, 8, 6)).astype(np.float32)


def network(**arguments: object) -> keras.Model:
    image = keras.Input((9, 8, 6))
    x = keras.layers.Conv2D(6, 3, groups=6, name="depthwise", bias_initializer="random_normal", **arguments)(image)
    return keras.Model(image, keras.layers.Conv2D(4, 1, name="pointwise")(x))


@pytest.mark.parametrize("arguments", [{"padding": "same"}, {"strides": 2}, {"dilation_rate": 2, "use_bias": False}])
def test_the_result_and_the_weights_are_those_of_grouped_convolutions(arguments: dict[str, object]) -> None:
    grouped = network(**arguments)
    ours = with_channelwise_convolutions(grouped)
    ours.set_weights(grouped.get_weights())
    assert isinstance(ours.get_layer("depthwise"), ChannelwiseConv2D)
    assert type(ours.get_layer("pointwise")) is keras.layers.Conv2D
    np.testing.assert_allclose(ours(IMAGES), grouped(IMAGES), rtol=1e-4, atol=1e-5)


def test_other_networks_stay_as_they_are() -> None:
    image = keras.Input((9, 8, 6))
    two_groups = keras.Model(image, keras.layers.Conv2D(6, 3, groups=2)(image))
    assert with_channelwise_convolutions(two_groups) is two_groups
