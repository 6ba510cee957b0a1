"""The frozen prefix: its feature maps, its key, its weights, and weights that are missing or wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from alzbench.errors import DataError
from alzbench.experiment import BackboneSettings, DataSettings, TrainSettings
from alzbench.experiment.schema import ModelSettings
from alzbench.models import prefix as prefix_module
from alzbench.models.classifier import build_head, join_prefix
from alzbench.models.prefix import Prefix, build_prefix
from alzbench.models.weights import weights_fingerprint
from alzbench.training.extractor import KerasExtractor, OnnxExtractor, make_extractor
from alzbench.training.losses import make_loss

pytestmark = pytest.mark.slow


def prefix(weights: str = "none", alpha: float = 0.35, **data: Any) -> Prefix:
    return build_prefix(BackboneSettings(weights=weights, alpha=alpha), DataSettings(**{"size": 32, **data}))


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 32, 32, 1), dtype=np.uint8)


def test_the_feature_map(images: np.ndarray) -> None:
    built = prefix()
    assert built.shape == (1, 1, 1280)
    assert prefix(size=96).shape == (3, 3, 1280)
    assert not built.model.trainable_weights
    features = built.model.predict(images, verbose=0)
    assert features.std(axis=0).max() > 0.1  # feature maps of a random network differ between images


@pytest.mark.parametrize(("scaling", "low", "high"), [("unit", 0, 1), ("imagenet", -1, 1)])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_backbone_gets_pixels_of_the_given_range(scaling: str, low: float, high: float, channels: int) -> None:
    model = prefix(scaling=scaling, channels=channels).model
    scaled = keras.Model(model.input, model.get_layer("Conv1").input)
    pixels = np.zeros((2, 32, 32, channels), np.float32)
    pixels[1] = 255
    out = scaled.predict(pixels, verbose=0)
    assert out.shape == (2, 32, 32, 3)
    assert np.allclose(out[0], low)
    assert np.allclose(out[1], high)


@pytest.mark.slow
def test_different_prefixes_have_different_keys() -> None:
    changes: list[dict[str, Any]] = [
        {}, {"alpha": 0.5}, {"size": 64}, {"channels": 3}, {"scaling": "imagenet"},
    ]  # fmt: skip
    keys = [prefix(**change).key for change in changes]
    assert len(set(keys)) == len(keys)


def test_random_weights_are_reproducible() -> None:
    first = prefix()
    prefix_module._whole.cache_clear()
    prefix_module._prefix.cache_clear()
    again = prefix()
    assert again is not first
    assert again.key == first.key


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "w.weights.h5"
    model = keras.applications.MobileNetV2(input_shape=(32, 32, 3), alpha=0.35, include_top=False, weights=None)
    model.save_weights(path)
    return path


def test_a_weights_file_is_named_by_the_environment_or_the_experiment(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = prefix(weights=str(weights))
    monkeypatch.setenv("ALZBENCH_WEIGHTS", str(weights))
    assert prefix(weights="imagenet").key == named.key != prefix(weights="none").key


def test_the_fingerprint_depends_on_the_content(weights: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere.weights.h5"
    copy.write_bytes(weights.read_bytes())
    same = weights_fingerprint(BackboneSettings(weights=str(copy)))
    assert same == weights_fingerprint(BackboneSettings(weights=str(weights)))
    copy.write_bytes(b"other")
    assert weights_fingerprint(BackboneSettings(weights=str(copy))) != same
    assert weights_fingerprint(BackboneSettings(weights="none")) == "none"


def test_wrong_weights_files_are_refused(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"There is no weights file .*nowhere.*ALZBENCH_WEIGHTS"):
        prefix(weights=str(tmp_path / "nowhere"))
    text = tmp_path / "text.weights.h5"
    text.write_text("no weights")
    with pytest.raises(DataError, match=r"must contain weights of mobilenet_v2 .* and cannot be loaded"):
        prefix(weights=str(text))
    with pytest.raises(DataError, match=r"alpha 0\.5"):
        prefix(weights=str(weights), alpha=0.5)


@pytest.mark.slow
def test_onnx_runtime_agrees_with_keras(images: np.ndarray) -> None:
    pytest.importorskip("onnxruntime", reason="needs the onnx extra")
    built = prefix(scaling="imagenet")
    ours, theirs = OnnxExtractor(built)(images), KerasExtractor(built)(images)
    assert ours.dtype == theirs.dtype == np.float16
    np.testing.assert_allclose(ours.astype(np.float32), theirs.astype(np.float32), rtol=2e-3, atol=2e-3)


def test_keras_is_the_extractor_without_onnx_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert make_extractor(prefix()).name == "Keras"


LOSS_SETTINGS: list[dict[str, Any]] = [{}, {"loss": "focal"}, {"label_smoothing": 0.1}]


@pytest.mark.parametrize("settings", LOSS_SETTINGS, ids=str)
def test_the_stored_model_gives_the_heads_predictions_whatever_the_loss(
    images: np.ndarray, tmp_path: Path, settings: dict[str, Any]
) -> None:
    built = prefix(scaling="imagenet", size=64)
    images = images.repeat(2, axis=1).repeat(2, axis=2)
    head = build_head(ModelSettings(variant="attention", options={"key_dim": 8}), built.shape, 4, "float32", seed=0)
    head.compile("sgd", loss=make_loss(TrainSettings(**settings)))
    logits = head.predict(KerasExtractor(built)(images), verbose=0)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    join_prefix(built.model, head).save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    predictions = loaded.predict(images.astype(np.float32), verbose=0)
    np.testing.assert_allclose(predictions, expected, atol=2e-3)
    np.testing.assert_allclose(predictions.sum(axis=1), 1, atol=1e-5)
