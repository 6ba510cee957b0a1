"""Grad-CAM, Grad-CAM++, SmoothGrad and Score-CAM, against maps computed by hand."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from alzbench.experiment import ModelSettings
from alzbench.explain.above import Above
from alzbench.explain.gradient_maps import grad_cam, grad_cam_plus_plus, smooth_grad
from alzbench.explain.inputs import Inputs
from alzbench.explain.score_cam import score_cam
from alzbench.explain.visualisations import library
from alzbench.inference.trained import predict_sets
from alzbench.models.classifier import build_head
from tests.helpers.small_models import (
    CHANNELS,
    CLASSES,
    SIDE,
    doubling_suffix,
    draw_pixels,
    linear_head,
    make_inputs,
    stored_model,
)

WEIGHTS = np.array([[1.0, -2.0], [-3.0, 0.5], [4.0, 1.0]])
SUBJECTS = ["a", "b", "a", "b", "a", "c"]


class Counter:
    """A display of progress that counts."""

    def __init__(self) -> None:
        self.n = 0

    def __call__(self, n: int = 1, note: str | None = None) -> None:
        del note
        self.n += n


def linear_inputs(tmp_path: Path, suffix: Any = None) -> Inputs:
    return make_inputs(stored_model(tmp_path, linear_head(WEIGHTS), suffix), draw_pixels(5), [0, 1, 0, 1, 1])


def subject_inputs(tmp_path: Path, slices: int = 3) -> Inputs:
    settings = ModelSettings(variant="subject_attention", options={"units": 8, "key_dim": 4, "slices": slices})
    head = build_head(settings, (SIDE, SIDE, CHANNELS), CLASSES, "float32", seed=3)
    model = stored_model(tmp_path, head)
    inputs = make_inputs(model, draw_pixels(6), [0, 1, 0, 1, 1, 0], SUBJECTS)
    assert model.slices == slices
    return inputs


def expected_grad_cam(features: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Closed form for a linear head on the mean: the gradient of a channel is its weight by the positions."""
    weights = WEIGHTS[:, targets].T / SIDE**2
    return np.clip((features * weights[:, None, None]).sum(axis=-1), 0, None)


@pytest.mark.parametrize("tuned", [False, True], ids=["frozen", "fine-tuned"])
def test_grad_cam_of_a_linear_head_is_known_in_closed_form(tmp_path: Path, tuned: bool) -> None:
    inputs = linear_inputs(tmp_path, doubling_suffix() if tuned else None)
    advance = Counter()
    maps = grad_cam(inputs, advance)
    last = inputs.features.astype(np.float64) * (2 if tuned else 1)
    expected = expected_grad_cam(last, inputs.targets)
    assert (expected > 0).any()
    assert (expected == 0).any()
    np.testing.assert_allclose(maps, expected, rtol=1e-4, atol=1e-6)
    assert (maps.dtype, advance.n) == (np.float32, 5)


def test_grad_cam_plus_plus_of_a_linear_head_uses_positive_gradients_only(tmp_path: Path) -> None:
    """With equal gradients g at all positions each weight is max(g, 0) by the sum of weights, 1."""
    inputs = linear_inputs(tmp_path)
    maps = grad_cam_plus_plus(inputs, Counter())
    positive = np.clip(WEIGHTS[:, inputs.targets].T, 0, None)
    expected = (inputs.features.astype(np.float64) * positive[:, None, None]).sum(axis=-1)
    relative = maps / maps.max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(relative, expected / expected.max(axis=(1, 2), keepdims=True), rtol=1e-4)


def test_grad_cam_plus_plus_does_not_overflow_for_a_large_logit(tmp_path: Path) -> None:
    model = stored_model(tmp_path, linear_head(1000 * WEIGHTS))
    maps = grad_cam_plus_plus(make_inputs(model, draw_pixels(2), [0, 0]), Counter())
    assert np.isfinite(maps).all()
    assert (maps.max(axis=(1, 2)) > 0).all()


def test_a_map_of_an_image_does_not_depend_on_the_other_images(tmp_path: Path) -> None:
    inputs = linear_inputs(tmp_path)
    for method in (grad_cam, grad_cam_plus_plus, score_cam):
        together = method(inputs, Counter())
        alone = method(inputs.take(np.array([3])), Counter())
        np.testing.assert_allclose(alone[0], together[3], rtol=1e-4, atol=1e-7)


def test_smooth_grad_of_a_linear_model_is_its_gradient(tmp_path: Path) -> None:
    """It is the same for each noisy copy: the head's weights by those of the prefix, each pixel in one square."""
    inputs = linear_inputs(tmp_path)
    maps = smooth_grad(inputs, Counter())
    gradient = np.abs(np.array([1.0, 2.0, -1.0]) @ WEIGHTS) / 255 / 32**2
    expected = np.broadcast_to(gradient[inputs.targets][:, None, None], (5, 32, 32))
    np.testing.assert_allclose(maps, expected, rtol=1e-3)


def test_smooth_grad_is_repeatable_and_leaves_the_global_generator_alone(tmp_path: Path) -> None:
    features = keras.Input((SIDE, SIDE, CHANNELS), name="features")
    head = keras.Model(features, keras.layers.Dense(CLASSES)(keras.layers.Flatten()(features) ** 2), name="head")
    inputs = make_inputs(stored_model(tmp_path, head), draw_pixels(2), [0, 1])
    np.random.seed(1)  # noqa: NPY002 - the generator that must not change
    expected = np.random.rand()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    first = smooth_grad(inputs, Counter())
    assert np.random.rand() == expected  # noqa: NPY002
    np.testing.assert_array_equal(smooth_grad(inputs, Counter()), first)
    assert len(np.unique(first[0])) > 1


def test_score_cam_weights_channels_by_the_probability_of_the_masked_image(tmp_path: Path) -> None:
    inputs = linear_inputs(tmp_path)
    maps = score_cam(inputs, Counter())
    above = Above(inputs)
    zoom = library("scorecam").zoom
    for row in range(2):
        expected = np.zeros((SIDE, SIDE))
        for channel in range(CHANNELS):
            mask = zoom(above.maps[row, ..., channel], 8, order=1, mode="nearest")
            mask = (mask - mask.min()) / (np.ptp(mask) + 1e-7)
            masked = inputs.pixels[row] * mask[..., None]
            weight = above.probabilities(row, inputs.extract(masked[None]))[0]
            expected += weight * above.maps[row, ..., channel]
        np.testing.assert_allclose(maps[row], np.clip(expected, 0, None), rtol=2e-3)


def test_score_cam_prints_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    score_cam(linear_inputs(tmp_path), Counter())
    assert capsys.readouterr() == ("", "")


def test_a_slice_is_explained_in_its_set(tmp_path: Path) -> None:
    """The logits of a changed slice are those of its set with this slice changed, and the others as they are."""
    inputs = subject_inputs(tmp_path)
    above, changed = Above(inputs), draw_pixels(7)[6:]
    for row in range(len(inputs)):
        features = inputs.features.copy()
        features[row] = inputs.extract(changed)[0]
        expected = predict_sets(inputs.model.trained, features, inputs.subjects, inputs.model.slices)[row]
        np.testing.assert_allclose(above.logits(row, features[row : row + 1])[0], expected, rtol=1e-4, atol=1e-5)
    covered = np.concatenate(list(above.batches()))
    np.testing.assert_array_equal(np.sort(covered), np.arange(len(inputs)))


def test_grad_cam_of_a_slice_is_the_gradient_of_its_subjects_logit(tmp_path: Path) -> None:
    """By differences: the mean gradient of a channel is the change of the logit if the channel grows everywhere."""
    inputs = subject_inputs(tmp_path)
    above, maps = Above(inputs), grad_cam(inputs, Counter())
    step = 2.0**-6
    for row in range(len(inputs)):
        slopes = np.zeros(CHANNELS)
        for channel in range(CHANNELS):
            ends = np.repeat(above.maps[row : row + 1], 2, axis=0)
            ends[0, ..., channel] -= step
            ends[1, ..., channel] += step
            low, high = above.logits(row, ends)[:, inputs.targets[row]]
            slopes[channel] = (high - low) / (2 * step) / SIDE**2
        expected = np.clip((above.maps[row] * slopes).sum(axis=-1), 0, None)
        np.testing.assert_allclose(maps[row], expected, rtol=0.02, atol=2e-4)
    assert maps.max() > 0


def test_each_method_gives_a_map_to_each_slice_of_a_subject(tmp_path: Path) -> None:
    inputs = subject_inputs(tmp_path, slices=2)  # subject a has two sets
    for method in (grad_cam, grad_cam_plus_plus, score_cam, smooth_grad):
        maps = method(inputs, Counter())
        assert len(maps) == len(inputs)
        assert np.isfinite(maps).all()
        assert (maps >= 0).all()


def test_the_library_is_imported_without_its_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert library("gradcam").Gradcam
