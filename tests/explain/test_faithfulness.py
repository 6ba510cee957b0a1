"""Insertion and deletion, on a model whose only important part of the image is known."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from alzbench.explain import faithfulness
from alzbench.explain.faithfulness import SHARES, Perturbation, area, centre_maps, random_maps
from alzbench.explain.inputs import Inputs
from tests.helpers.quantus import quantus_values
from tests.helpers.small_models import CHANNELS, SIDE, draw_pixels, make_inputs, stored_model

pytestmark = pytest.mark.slow


def corner_head() -> keras.Model:
    """A head that sees the upper left position of the feature map alone."""
    features = keras.Input((SIDE, SIDE, CHANNELS), name="features")
    logits = keras.layers.Dense(2, name="logits")
    outputs = logits(keras.layers.Flatten()(features))
    weights = np.zeros((SIDE * SIDE * CHANNELS, 2), np.float32)
    weights[0] = [0, 24]
    logits.set_weights([weights, np.array([0, -16], np.float32)])  # unsure at two thirds of the brightness
    return keras.Model(features, outputs, name="head")


def bright_corner(tmp_path: Path, n: int = 6) -> Inputs:
    """Images with a bright upper left corner, which decides the prediction."""
    pixels = draw_pixels(n) // 8
    pixels[:, :8, :8] = 200
    return make_inputs(stored_model(tmp_path, corner_head()), pixels, [1] * n)


def corner_maps(n: int, row: int, column: int) -> np.ndarray:
    maps = np.zeros((n, SIDE, SIDE), np.float32)
    maps[:, row, column] = 1
    return maps


def test_a_map_of_the_right_corner_beats_the_baselines_and_the_wrong_corner(tmp_path: Path) -> None:
    inputs = bright_corner(tmp_path)
    perturbation = Perturbation(inputs)
    right = perturbation.score(corner_maps(6, 0, 0))
    assert (right > perturbation.score(corner_maps(6, 3, 3)) + 0.3).all()
    assert (right > perturbation.score(random_maps(6))).all()
    assert (right > perturbation.score(centre_maps(6, 32))).all()


def test_the_curves_begin_and_end_at_the_image_and_the_blurred_image(tmp_path: Path) -> None:
    inputs = bright_corner(tmp_path)
    deletion, insertion = Perturbation(inputs).curves(random_maps(6))
    assert deletion.shape == insertion.shape == (6, len(SHARES) + 2)
    assert deletion[:, 0] == pytest.approx(inputs.target_probabilities(inputs.pixels))
    assert np.array_equal(deletion[:, 0], insertion[:, -1])
    assert np.array_equal(deletion[:, -1], insertion[:, 0])


def test_pixels_of_equal_importance_are_replaced_in_a_random_order(tmp_path: Path) -> None:
    """Not from the top down: half of the pixels of a map without a highest one are from the whole image."""
    ranks = Perturbation(bright_corner(tmp_path, n=1))._order(np.ones((1, SIDE, SIDE), np.float32))[0]
    assert sorted(ranks) == list(range(32 * 32))
    first = (ranks < 512).reshape(32, 32)
    assert first[:16].mean() == pytest.approx(0.5, abs=0.1)
    assert first[:, :16].mean() == pytest.approx(0.5, abs=0.1)


def test_the_area_is_the_trapezoids() -> None:
    ends = np.array([[1.0, *np.zeros(len(SHARES)), 0.0], [1.0] * (len(SHARES) + 2)])
    assert area(ends) == pytest.approx([SHARES[0] / 2, 1])


def test_quantus_flips_the_same_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faithfulness, "SHARES", (0.125, 0.25, 0.5, 0.75))  # whole steps of an eighth
    inputs = bright_corner(tmp_path, n=3)
    perturbation = Perturbation(inputs)
    maps = np.random.default_rng(1).random((3, 32, 32)).astype(np.float32)
    deletion, _ = perturbation.curves(maps)
    blurred = perturbation._blurred.reshape(3, -1)

    def replace(arr: np.ndarray, indices: np.ndarray, **_: object) -> np.ndarray:
        out = arr.copy()
        np.put_along_axis(out, indices, np.take_along_axis(blurred, indices, 1), 1)
        return out

    curves = quantus_values(
        "PixelFlipping", maps, model=inputs.model.joined(), images=inputs.pixels.astype(np.float32),
        targets=inputs.targets, features_in_step=128, perturb_func=replace,
    )  # fmt: skip
    assert curves[:, [0, 1, 3, 5]] == pytest.approx(deletion[:, 1:-1], abs=1e-6)
    assert curves[:, -1] == pytest.approx(deletion[:, -1], abs=1e-6)


def test_the_centre_map_is_highest_in_the_middle_and_symmetric() -> None:
    one = centre_maps(1, 9)[0]
    assert one.argmax() == 4 * 9 + 4
    assert np.array_equal(one, one[::-1, ::-1])
