"""Each registered backbone with random weights, against the network that keras.applications builds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from alzbench.experiment import BackboneSettings, DataSettings, Experiment, ModelSettings
from alzbench.models.backbones import BACKBONES
from alzbench.models.classifier import build_head, join_prefix
from alzbench.models.graph import build_network, cut_layers, output_of
from alzbench.models.prefix import Prefix, build_prefix, build_suffix, prefix_of_run
from alzbench.models.stored import load_stored_model
from alzbench.training.extractor import KerasExtractor, OnnxExtractor

pytestmark = pytest.mark.slow

# module and function of keras.applications, and side and channels of the last feature map of a small image
OURS = {
    "mobilenet_v2": ("mobilenet_v2", "MobileNetV2", 1, 1280),
    "mobilenet_v3_large": ("mobilenet_v3", "MobileNetV3Large", 1, 960),
    "mobilenet_v3_small": ("mobilenet_v3", "MobileNetV3Small", 1, 576),
    "efficientnet_v2_b0": ("efficientnet_v2", "EfficientNetV2B0", 1, 1280),
    "efficientnet_v2_s": ("efficientnet_v2", "EfficientNetV2S", 1, 1280),
    "resnet50_v2": ("resnet_v2", "ResNet50V2", 1, 2048),
    "densenet121": ("densenet", "DenseNet121", 1, 1024),
    "vgg16": ("vgg16", "VGG16", 1, 512),
    "xception": ("xception", "Xception", 3, 2048),
    "inception_v3": ("inception_v3", "InceptionV3", 1, 2048),
    "convnext_tiny": ("convnext", "ConvNeXtTiny", 1, 768),
}


def settings_of(name: str, until: str | None = None) -> BackboneSettings:
    return BackboneSettings(name=name, weights="none", until=until)


def data_of(name: str, scaling: str = "native", channels: int = 1) -> DataSettings:
    values = {"size": BACKBONES[name].min_size, "scaling": scaling, "channels": channels}
    return DataSettings.model_validate(values)


def pixels_of(name: str, channels: int = 1) -> np.ndarray:
    size = BACKBONES[name].min_size
    return np.random.default_rng(0).integers(0, 256, (2, size, size, channels)).astype(np.float32)


def of_keras(name: str, size: int, **arguments: Any) -> Any:
    """The network as keras.applications builds it."""
    build = getattr(keras.applications, OURS[name][1])
    return build(include_top=False, weights=None, input_shape=(size, size, 3), **arguments)


# a module-wide fixture, so that all tests of a backbone follow each other and share its network
@pytest.fixture(scope="module", params=list(BACKBONES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def prefix(name: str) -> Prefix:
    return build_prefix(settings_of(name), data_of(name))


def test_all_are_tested() -> None:
    assert set(BACKBONES) == set(OURS)


def test_the_feature_map_is_that_of_keras_after_its_own_preprocessing(name: str, prefix: Prefix) -> None:
    module, _, side, channels = OURS[name]
    assert prefix.shape == (side, side, channels)
    assert not prefix.model.trainable_weights
    reference = of_keras(name, data_of(name).size)
    reference.set_weights(prefix.model.get_weights())
    pixels = pixels_of(name)
    preprocessed = getattr(keras.applications, module).preprocess_input(np.repeat(pixels, 3, axis=-1))
    expected = np.asarray(reference(preprocessed))
    assert np.ptp(expected, axis=0).max() > 1e-3  # the images differ, so equality says something
    np.testing.assert_allclose(prefix.model(pixels), expected, rtol=1e-4, atol=1e-5)


def test_its_parts_together_are_the_whole(name: str, prefix: Prefix) -> None:
    layers = cut_layers(prefix.model)
    for layer in (layers[len(layers) // 3], layers[2 * len(layers) // 3]):
        below = build_prefix(settings_of(name, layer), data_of(name))
        above = build_suffix(settings_of(name, layer), data_of(name), "block_14")
        pixels = pixels_of(name)
        assert below.key != prefix.key
        np.testing.assert_allclose(
            below.model(pixels), keras.Model(prefix.model.input, output_of(prefix.model, layer))(pixels)
        )
        np.testing.assert_allclose(above(below.model(pixels)), prefix.model(pixels), rtol=1e-5, atol=1e-5)


def test_it_can_be_cut_where_all_paths_meet(prefix: Prefix) -> None:
    """Without such a layer, and without no other, the feature map is cut off from the image."""
    above: dict[str, list[str]] = {}
    for layer in prefix.model.operations:
        for node in layer._inbound_nodes:
            for tensor in node.input_tensors:
                above.setdefault(tensor._keras_history.operation.name, []).append(layer.name)
    top = prefix.model.operations[-1].name

    def needed(without: str) -> bool:
        seen, todo = {without}, ["pixels"]
        while todo:
            if (layer := todo.pop()) not in seen:
                seen.add(layer)
                todo += above.get(layer, [])
        return top not in seen or without == top

    found = [layer.name for layer in prefix.model.operations if layer.name != "pixels" and needed(layer.name)]
    first = found.index(cut_layers(prefix.model)[0])
    assert found[first:] == cut_layers(prefix.model)
    assert not any(layer.weights for layer in prefix.model.layers if layer.name in found[:first])


def test_its_classifier_is_stored_and_read(name: str, prefix: Prefix, tmp_path: Path) -> None:
    head = build_head(ModelSettings(backbone=settings_of(name)), prefix.shape, 4, "float32", seed=0)
    model = join_prefix(prefix.model, head)
    model.save(tmp_path / "model.keras")
    stored = load_stored_model(tmp_path / "model.keras")
    pixels = pixels_of(name)
    np.testing.assert_allclose(stored.joined()(pixels), model(pixels), atol=1e-6)
    experiment = Experiment(name="x", data=data_of(name), model=ModelSettings(backbone=settings_of(name)))
    assert prefix_of_run(stored.prefix, experiment).key == prefix.key


@pytest.mark.parametrize("included", ["mobilenet_v3_small", "convnext_tiny"])
def test_a_network_with_its_own_preprocessing_gets_none_but_ours_unless_native(included: str) -> None:
    model = build_prefix(settings_of(included), data_of(included, "unit")).model
    reference = of_keras(included, data_of(included).size, include_preprocessing=False)
    reference.set_weights(model.get_weights())
    pixels = pixels_of(included)
    np.testing.assert_allclose(model(pixels), reference(np.repeat(pixels, 3, axis=-1) / 255), rtol=1e-4, atol=1e-5)


def test_colours_are_turned_to_the_order_of_the_weights() -> None:
    """VGG16's weights are Caffe's: blue, green, red, less ImageNet's means (Simonyan and Zisserman 2014)."""
    model = build_prefix(settings_of("vgg16"), data_of("vgg16", channels=3)).model
    given = keras.Model(model.input, model.get_layer("block1_conv1").input)
    pixels = pixels_of("vgg16", channels=3)
    np.testing.assert_allclose(given(pixels), pixels[..., ::-1] - np.float32([103.939, 116.779, 123.68]), rtol=1e-5)


def test_layers_have_the_same_names_whatever_was_built_before() -> None:
    arguments = {"weights": None, "input_shape": (71, 71, 3)}
    networks = [build_network(settings_of("xception"), "unit", **arguments) for _ in range(2)]
    names = [[layer.name for layer in network.layers[1:]] for network in networks]
    assert names[0] == names[1]
    assert {"add", "add_11", "conv2d_3", "batch_normalization_3"} <= set(names[0])
    assert "add_12" not in names[0]


@pytest.mark.parametrize("exported", ["vgg16", "efficientnet_v2_b0", "convnext_tiny"])
def test_onnx_runtime_agrees_with_keras(exported: str) -> None:
    """Three that need something special: colours in another order, normalised inside, and grouped convolutions."""
    pytest.importorskip("onnxruntime", reason="needs the onnx extra")
    layer = {
        "vgg16": "block2_pool",
        "efficientnet_v2_b0": "block2b_add",
        "convnext_tiny": "convnext_tiny_downsampling_block_0",
    }
    built = build_prefix(settings_of(exported, layer[exported]), data_of(exported))
    pixels = pixels_of(exported).astype(np.uint8)
    ours, theirs = OnnxExtractor(built)(pixels), KerasExtractor(built)(pixels)
    np.testing.assert_allclose(ours.astype(np.float32), theirs.astype(np.float32), rtol=5e-3, atol=5e-3)
