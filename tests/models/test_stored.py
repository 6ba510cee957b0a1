"""Stored models: their parts, and the files that are refused."""

from __future__ import annotations

import io
import warnings
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from scipy.special import softmax

from alzbench.errors import DataError
from alzbench.experiment import BackboneSettings, DataSettings, ModelSettings
from alzbench.models.attention import OverSlices
from alzbench.models.classifier import PREFIX_OF_SLICES, ROUNDING, build_head, join_prefix, join_suffix
from alzbench.models.prefix import build_prefix, build_suffix
from alzbench.models.stored import StoredModel, load_stored_model

pytestmark = pytest.mark.slow

BACKBONE, DATA = BackboneSettings(weights="none", alpha=0.35), DataSettings(size=64, scaling="imagenet")
FIRST, SLICES, CLASSES = "block_15", 3, ("a", "b", "c", "d")
KINDS = {
    "image": ("attention", None),
    "fine-tuned": ("attention", FIRST),
    "subject": ("subject_attention", None),
    "fine-tuned-subject": ("subject_attention", FIRST),
}


def parts(kind: str) -> tuple[Any, Any, Any]:
    """Return the prefix, the suffix or None, and the head of a kind of model."""
    variant, first = KINDS[kind]
    options = {"units": 8, "key_dim": 8, "dropout": 0.0, **({"slices": SLICES} if "subject" in variant else {})}
    shape = build_prefix(BACKBONE, DATA).shape
    head = build_head(ModelSettings(variant=variant, options=options), shape, len(CLASSES), "float32", seed=0)
    suffix = build_suffix(BACKBONE, DATA, first) if first else None
    return build_prefix(BACKBONE, DATA, first).model, suffix, head


def images(kind: str) -> np.ndarray:
    shape = (2, SLICES, 64, 64, 1) if "subject" in kind else (2, 64, 64, 1)
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)


def stored(kind: str, path: Path) -> tuple[StoredModel, Any]:
    """Return a model read from a file, and the model that was written to it."""
    prefix, suffix, head = parts(kind)
    model = join_prefix(prefix, join_suffix(suffix, head) if suffix else head)
    model.save(path)
    return load_stored_model(path, CLASSES), model


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_comes_back_in_its_parts(kind: str, tmp_path: Path) -> None:
    prefix, suffix, head = parts(kind)
    model, whole = stored(kind, tmp_path / "model.keras")
    assert (model.size, model.channels, model.classes) == (64, 1, 4)
    assert model.slices == (SLICES if "subject" in kind else None)
    pixels = images(kind)
    flat = pixels.reshape(-1, 64, 64, 1)
    maps = np.array(prefix(flat))
    np.testing.assert_array_equal(np.array(model.prefix(flat)), maps)
    assert (model.suffix is None) == (suffix is None)
    if suffix is not None:
        np.testing.assert_array_equal(np.array(model.suffix(maps)), np.array(suffix(maps)))
    for own, other in zip(model.head.get_weights(), head.get_weights(), strict=True):
        np.testing.assert_array_equal(own, other)
    np.testing.assert_array_equal(np.array(model.joined()(pixels)), np.array(whole(pixels)))


@pytest.mark.parametrize("kind", KINDS)
def test_the_joined_model_is_prefix_then_rounding_then_trained_layers(kind: str, tmp_path: Path) -> None:
    model, _ = stored(kind, tmp_path / "model.keras")
    pixels = images(kind)
    maps = np.array(model.prefix(pixels.reshape(-1, 64, 64, 1)))
    rounded = maps.astype(np.float16).astype(np.float32)
    assert (maps != rounded).any()

    def predict(features: np.ndarray) -> np.ndarray:
        if model.slices is None:
            return np.array(model.trained(features))
        sets = features.reshape(2, SLICES, *features.shape[1:])
        return np.array(model.trained({"features": sets, "present": np.ones((2, SLICES), bool)}))

    joined = np.array(model.joined()(pixels))
    np.testing.assert_allclose(joined, softmax(predict(rounded), axis=1), atol=1e-6)
    assert np.abs(joined - softmax(predict(maps), axis=1)).max() > 1e-6


@pytest.mark.parametrize("kind", ["image", "subject"])
def test_files_of_older_versions_without_rounding_open(kind: str, tmp_path: Path) -> None:
    prefix, _, head = parts(kind)
    if kind == "image":
        pixels, logits = prefix.input, head(prefix.output)
    else:
        from alzbench.models.attention import AllPresent

        pixels = keras.Input((SLICES, 64, 64, 1), name="pixels")
        features = OverSlices(prefix, name=PREFIX_OF_SLICES)(pixels)
        logits = head({"features": features, "present": AllPresent(name="present")(pixels)})
    keras.Model(pixels, keras.layers.Softmax()(logits)).save(tmp_path / "old.keras")
    model = load_stored_model(tmp_path / "old.keras", CLASSES)
    assert ROUNDING in [layer.name for layer in model.joined().layers]
    flat = images(kind).reshape(-1, 64, 64, 1)
    np.testing.assert_array_equal(np.array(model.prefix(flat)), np.array(prefix(flat)))
    np.testing.assert_array_equal(
        np.array(model.joined()(images(kind))), np.array(join_prefix(prefix, head)(images(kind)))
    )


def foreign() -> Any:
    return keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])


def foreign_with_our_names() -> Any:
    pixels = keras.Input((8,), name="pixels")
    return keras.Model(pixels, keras.layers.Dense(4, name="head")(pixels))


def a_layer_alone() -> Any:
    pixels = keras.Input((8,), name="pixels")
    inner = keras.Input((8,))
    head = keras.Model(inner, keras.layers.Dense(4)(inner), name="head")
    return keras.Model(pixels, head(pixels))


@pytest.mark.parametrize("make", [foreign, foreign_with_our_names, a_layer_alone])
def test_a_model_of_another_program_is_refused(make: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    make().save(path)
    with pytest.raises(DataError, match=r"model\.keras is not a model that alzbench wrote"):
        load_stored_model(path)


@pytest.mark.parametrize("content", ["truncated", "empty", "text", "zip"])
def test_a_damaged_file_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    stored("image", path)
    if content == "truncated":
        path.write_bytes(path.read_bytes()[:-2000])
    elif content == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("other.txt", "x")
    else:
        path.write_text("" if content == "empty" else "no model")
    with pytest.raises(DataError, match=r"damaged or from another program .*--force") as caught:
        load_stored_model(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_other_classes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is no model"):
        load_stored_model(tmp_path / "model.keras")
    stored("image", tmp_path / "model.keras")
    with pytest.raises(DataError, match="must have the 3 classes of its run; it has 4"):
        load_stored_model(tmp_path / "model.keras", CLASSES[:3])


def test_code_in_a_file_is_refused_and_not_executed(tmp_path: Path) -> None:
    prefix, _, head = parts("image")
    written = str(tmp_path / "executed")
    harmful = keras.layers.Lambda(lambda x: (open(written, "w").close(), x)[1], name="rounding")
    logits = head(harmful(prefix.output))
    path = tmp_path / "model.keras"
    keras.Model(prefix.input, logits).save(path)
    Path(written).unlink()  # building the model executes it
    with pytest.raises(DataError, match="contains code"):
        load_stored_model(path)
    assert not Path(written).exists()


def test_a_folder_named_lambda_is_no_code(tmp_path: Path) -> None:
    path = tmp_path / "lambda" / "model.keras"
    path.parent.mkdir()
    path.write_text("no model")
    with pytest.raises(DataError, match="damaged or from another program"):
        load_stored_model(path)


@pytest.mark.parametrize("kept", [0, 3], ids=["none", "some"])
def test_a_file_without_some_weights_is_refused_with_one_error(tmp_path: Path, kept: int) -> None:
    """Keras warns of each layer besides."""
    path = tmp_path / "model.keras"
    stored("image", path)
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    weights = io.BytesIO(files["model.weights.h5"])
    with h5py.File(weights, "r+") as file:
        for layer in list(file["layers"])[kept:]:
            del file["layers"][layer]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**files, "model.weights.h5": weights.getvalue()}.items():
            archive.writestr(name, content)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(DataError, match=r"it is damaged .*\(layers are missing in it\)"):
            load_stored_model(path)
    assert caught == []
