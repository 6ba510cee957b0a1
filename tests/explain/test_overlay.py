"""Maps over slices: their geometry, their colours, and the scale."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alzbench.explain.overlay import blended, colour, colour_scale, overlay, upsampled

sides = st.integers(16, 90)


@given(sides, sides, st.integers(0, 3), st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_a_hot_cell_stays_in_its_place_whatever_the_shape_of_the_slice(
    height: int, width: int, row: int, column: int
) -> None:
    hot = np.zeros((4, 4), np.float32)
    hot[row, column] = 1
    picture = np.full((height, width), 100, np.uint8)
    brightness = blended(picture, hot).astype(int)[..., 0]
    y, x = np.unravel_index(np.abs(brightness - 100).argmax(), brightness.shape)
    assert int(4 * (y + 0.5) / height) == row
    assert int(4 * (x + 0.5) / width) == column


def test_a_map_is_upsampled_between_the_centres_of_its_cells() -> None:
    values = upsampled(np.array([[0.0, 1.0]]), 1, 8)[0]
    np.testing.assert_allclose(values, [0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1], atol=1e-6)


def test_a_map_of_zeros_leaves_the_slice_as_it_is() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)
    expected = np.repeat(picture[..., None], 3, axis=-1)
    np.testing.assert_array_equal(blended(picture, np.zeros((4, 4))), expected)


def test_colours_are_kept_below_the_map() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    np.testing.assert_array_equal(blended(picture, np.zeros((4, 4))), picture)


def test_brightness_and_opacity_grow_with_the_value() -> None:
    colours = colour(np.linspace(0, 1, 256))
    luminance = colours[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) > -1e-3).all()
    assert luminance[-1] - luminance[0] > 0.8
    assert (np.diff(colours[:, 3]) > 0).all()
    assert colours[0, 3] == 0


@pytest.mark.parametrize("shape", [(40, 30), (208, 176), (300, 100, 3), (16, 16)], ids=str)
def test_the_slice_keeps_its_size_and_the_scale_is_beside_it(shape: tuple[int, ...]) -> None:
    picture = np.full(shape, 90, np.uint8)
    relative = np.random.default_rng(0).random((4, 4)).astype(np.float16)
    drawn = overlay(picture, relative)
    scale = colour_scale(shape[0])
    assert drawn.dtype == np.uint8
    assert drawn.shape == (shape[0], shape[1] + scale.shape[1], 3)
    np.testing.assert_array_equal(drawn[:, : shape[1]], blended(picture, relative))


def test_the_scale_runs_from_0_below_to_the_largest_value_above() -> None:
    scale = colour_scale(200).astype(int)
    bar = scale[:, 6]
    inside = bar[(bar != 255).any(axis=1)]
    grey = np.full((1, 1, 1), 128, np.uint8).repeat(3, axis=-1)
    np.testing.assert_array_equal(inside[-1], grey[0, 0])
    top = blended(np.full((1, 1), 128, np.uint8), np.ones((1, 1)))
    np.testing.assert_array_equal(inside[0], top[0, 0])
    assert (scale[:, 18:] < 100).any()  # the numbers


def test_it_needs_no_tensorflow() -> None:
    code = "import sys, alzbench.explain.overlay; print('keras' in sys.modules or 'tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"
