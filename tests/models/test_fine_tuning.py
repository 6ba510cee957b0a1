"""Fine-tuning on the output of a cut prefix, against fine-tuning of the whole model from pixels."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from scipy.special import softmax

from alzbench.experiment import BackboneSettings, DataSettings, ModelSettings
from alzbench.models.attention import OverSlices
from alzbench.models.classifier import build_head, join_prefix, join_suffix
from alzbench.models.prefix import build_prefix, build_suffix

pytestmark = pytest.mark.slow

BACKBONE = BackboneSettings(weights="none", alpha=0.35)
DATA = DataSettings(size=64, scaling="imagenet")
SLICES, CLASSES, STEPS = 3, 4, 3
FIRST = "block_15"
VARIANTS = ("attention", "subject_attention")
OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "sgd": lambda: keras.optimizers.SGD(2e-3),
    "adam": lambda: keras.optimizers.Adam(2e-4),
}

Weights = dict[str, np.ndarray]


class Problem:
    """Batches for one variant: pixels, and their feature maps from the cut prefix."""

    def __init__(self, variant: str) -> None:
        self.variant, self.subjects = variant, variant == "subject_attention"
        rng = np.random.default_rng(1)
        shape = (STEPS, 8, SLICES, 64, 64, 1) if self.subjects else (STEPS, 8, 64, 64, 1)
        coarse = rng.integers(0, 256, (*shape[:-3], 8, 8, 1))
        self.pixels = coarse.repeat(8, axis=-3).repeat(8, axis=-2).astype(np.float32)
        self.labels = rng.integers(0, CLASSES, (STEPS, 8))
        self.present = np.ones((STEPS, 8, SLICES), bool)
        self.present[:, ::2, 1:] = False
        self.cut = build_prefix(BACKBONE, DATA, FIRST)
        flat = np.array(self.cut.model(self.pixels.reshape(-1, 64, 64, 1)))
        self.maps = flat.reshape(*shape[:-3], *self.cut.shape)
        if self.subjects:
            self.maps[~self.present] = 0

    def head(self) -> Any:
        options = {"units": 8, "key_dim": 8, "dropout": 0.0, **({"slices": SLICES} if self.subjects else {})}
        settings = ModelSettings(variant=self.variant, options=options)
        return build_head(settings, build_prefix(BACKBONE, DATA).shape, CLASSES, "float32", seed=0)

    def cut_model(self) -> tuple[Any, Callable[[], Weights]]:
        """The model on the cut prefix's output, and its weights by layer."""
        suffix, head = build_suffix(BACKBONE, DATA, FIRST), self.head()
        return join_suffix(suffix, head), lambda: {**weights_of(suffix), **weights_of(head)}

    def model_from_pixels(self) -> tuple[Any, Callable[[], Weights]]:
        """The whole backbone with the layers below the first block frozen, and the weights above by layer."""
        frozen = build_prefix(BACKBONE, DATA).model
        whole, head = keras.models.clone_model(frozen), self.head()
        whole.set_weights(frozen.get_weights())
        whole.trainable = True
        names = [layer.name for layer in whole.layers]
        above = names[next(i for i, name in enumerate(names) if name.startswith(FIRST)) :]
        for layer in whole.layers:
            layer.trainable = layer.name in above and not isinstance(layer, keras.layers.BatchNormalization)
        if self.subjects:
            pixels = keras.Input((SLICES, 64, 64, 1), name="features")
            present = keras.Input((SLICES,), dtype="bool", name="present")
            logits = head({"features": OverSlices(whole)(pixels), "present": present})
            model = keras.Model({"features": pixels, "present": present}, logits)
        else:
            model = keras.Model(whole.input, head(whole.output))
        return model, lambda: {**weights_of(whole, above), **weights_of(head)}

    def inputs(self, features: np.ndarray, step: int) -> Any:
        return {"features": features[step], "present": self.present[step]} if self.subjects else features[step]

    def train(self, model: Any, features: np.ndarray, optimizer: str) -> None:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(OPTIMIZERS[optimizer](), loss, run_eagerly=True)  # few steps: tracing would take longer
        for step in range(STEPS):
            model.train_on_batch(self.inputs(features, step), self.labels[step])


def weights_of(model: Any, names: list[str] | None = None) -> Weights:
    layers = [layer for layer in model.layers if names is None or layer.name in names]
    return {f"{layer.name}/{i}": w.copy() for layer in layers for i, w in enumerate(layer.get_weights())}


def change(after: Weights, before: Weights) -> np.ndarray:
    """The change of all weights, as one vector."""
    return np.concatenate([(after[name] - before[name]).ravel() for name in sorted(before)])


def before(variant: str) -> Weights:
    return Problem(variant).cut_model()[1]()


def train_on_cut(variant: str, optimizer: str, dtype: str) -> Weights:
    """Train on the cut prefix's output, rounded to a type; return the weights after it."""
    problem = Problem(variant)
    model, weights = problem.cut_model()
    problem.train(model, problem.maps.astype(dtype), optimizer)
    return weights()


@functools.cache
def train_from_pixels(variant: str, optimizer: str) -> Weights:
    """Train from pixels; return the weights after it."""
    problem = Problem(variant)
    model, weights = problem.model_from_pixels()
    problem.train(model, problem.pixels, optimizer)
    return weights()


@pytest.mark.parametrize("optimizer", ["sgd", pytest.param("adam", marks=pytest.mark.slow)])
@pytest.mark.parametrize("variant", VARIANTS)
def test_training_above_the_cut_agrees_with_training_from_pixels(variant: str, optimizer: str) -> None:
    first, whole = before(variant), train_from_pixels(variant, optimizer)
    cut = train_on_cut(variant, optimizer, "float32")
    assert first.keys() == whole.keys()
    for name, expected in whole.items():
        np.testing.assert_allclose(cut[name], expected, atol=1e-5, err_msg=name)
    expected_change = change(whole, first)
    assert np.linalg.norm(change(cut, first) - expected_change) < 1e-3 * np.linalg.norm(expected_change)
    changed = {name.partition("/")[0] for name in first if np.abs(cut[name] - first[name]).max() > 1e-4}
    assert changed >= {
        "block_15_expand",
        "block_16_project",
        "Conv_1",
        "hidden",
        "logits",
    }  # training changes the weights


@pytest.mark.parametrize("variant", VARIANTS)
def test_features_stored_in_half_precision_change_little(variant: str) -> None:
    first, expected = before(variant), train_from_pixels(variant, "sgd")
    rounded = change(train_on_cut(variant, "sgd", "float16"), first) - change(expected, first)
    assert np.linalg.norm(rounded) < 5e-2 * np.linalg.norm(change(expected, first))  # 0.02: some ReLUs switch


@pytest.mark.parametrize("variant", VARIANTS)
def test_normalisations_do_not_change(variant: str) -> None:
    problem = Problem(variant)
    model, weights = problem.cut_model()
    first = weights()
    problem.train(model, problem.maps, "sgd")
    model(problem.inputs(problem.maps, 0), training=True)
    after = weights()
    same = {name for name in first if np.array_equal(first[name], after[name])}
    normalisations = {name for name in first if "bn/" in name.lower()}
    assert len(normalisations) == 4 * 7  # scale, offset, mean and variance of three a block, and of the last one
    assert {name for name in same if not name.startswith("attention")} == normalisations


def test_normalisations_use_the_stored_statistics_in_training() -> None:
    problem = Problem("attention")
    suffix = build_suffix(BACKBONE, DATA, FIRST)
    maps = problem.maps[0]
    together = np.asarray(suffix(maps, training=True))
    np.testing.assert_allclose(together, suffix(maps, training=False), atol=1e-5)
    np.testing.assert_allclose(
        together[:1], suffix(maps[:1], training=True), atol=1e-4
    )  # independent of the other images in the batch


def test_fine_tuning_leaves_the_prefix_and_the_next_suffix_alone() -> None:
    prefixes = [build_prefix(BACKBONE, DATA, until) for until in (None, FIRST)]
    weights = [weights_of(prefix.model) for prefix in prefixes]
    suffix = weights_of(build_suffix(BACKBONE, DATA, FIRST))
    problem = Problem("attention")
    problem.train(problem.cut_model()[0], problem.maps, "adam")
    for prefix, before_it, until in zip(prefixes, weights, (None, FIRST), strict=True):
        assert build_prefix(BACKBONE, DATA, until).key == prefix.key
        assert_same(weights_of(prefix.model), before_it)
    assert_same(weights_of(build_suffix(BACKBONE, DATA, FIRST)), suffix)


def assert_same(ours: Weights, theirs: Weights) -> None:
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_fine_tuned_model_is_saved_and_loaded_whole(variant: str, tmp_path: Path) -> None:
    problem = Problem(variant)
    model, _ = problem.cut_model()
    problem.train(model, problem.maps, "adam")
    problem.present[0] = True  # a joined model takes no absent slices
    pixels = problem.pixels[0]
    maps = np.asarray(problem.cut.model(pixels.reshape(-1, 64, 64, 1)), np.float16)
    problem.maps[0] = maps.reshape(problem.maps[0].shape)
    expected = softmax(np.asarray(model(problem.inputs(problem.maps, 0))), axis=1)
    joined = join_prefix(problem.cut.model, model)
    np.testing.assert_allclose(joined(pixels), expected, atol=2e-3)
    joined.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(loaded(pixels), joined(pixels), atol=1e-6)
    assert loaded.input_shape == (None, *pixels.shape[1:])
    assert np.ptp(expected, axis=0).max() > 0.01  # predictions differ
