"""The head and the fluid of a slice, on shapes whose areas are known, and on drawn heads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alzbench.data.anatomy import fluid_limit, fluid_mask, head_mask
from alzbench.data.phantom import draw_head, draw_slice


def shapes() -> np.ndarray:
    """A head of 20 x 30 pixels: 6 x 6 of them fluid, a hole of 4 x 4 black ones, the rest grey and white matter."""
    pixels = np.zeros((40, 50), np.uint8)
    pixels[10:30, 10:40] = 100
    pixels[10:30, 25:40] = 140
    pixels[12:18, 12:18] = 30
    pixels[20:24, 30:34] = 0
    pixels[2, 2] = 255  # a speck
    return pixels


def test_the_head_is_the_bright_part_with_its_holes_and_without_specks() -> None:
    head = head_mask(shapes())
    assert head.sum() == 20 * 30
    assert head[10:30, 10:40].all()


def test_the_fluid_is_the_darkest_of_three_classes() -> None:
    fluid = fluid_mask(shapes())
    assert fluid.sum() == 6 * 6 + 4 * 4
    assert fluid[12:18, 12:18].all()


def test_colours_count_as_their_mean() -> None:
    grey = shapes()
    colours = np.stack([grey, grey, grey], axis=-1)
    assert np.array_equal(head_mask(colours), head_mask(grey))
    assert np.array_equal(fluid_mask(colours), fluid_mask(grey))


@pytest.mark.parametrize("value", [0, 200])
def test_a_slice_of_one_grey_value_has_no_fluid(value: int) -> None:
    pixels = np.full((20, 20), value, np.uint8)
    assert head_mask(pixels).all() == (value > 0)
    assert not fluid_mask(pixels).any()


def test_the_limit_is_halfway_between_the_two_darkest_centres() -> None:
    values = np.repeat([30.0, 100.0, 140.0], [10, 50, 40])
    assert fluid_limit(values) == pytest.approx(65)


@given(st.lists(st.integers(0, 255), min_size=1, max_size=80))
def test_the_limit_lies_within_the_values(values: list[int]) -> None:
    limit = fluid_limit(np.array(values, np.float64))
    assert 0 <= limit <= max(values)


def test_drawn_heads_have_more_fluid_at_a_later_stage() -> None:
    shares = []
    for stage in (0, 3):
        rng = np.random.default_rng(stage)
        drawn = [draw_slice(draw_head(stage, rng), 0.2, rng) for _ in range(4)]
        shares.append(np.mean([fluid_mask(one).sum() / head_mask(one).sum() for one in drawn]))
        assert all(0.4 < head_mask(one).mean() < 0.75 for one in drawn)
    assert shares[1] > shares[0] + 0.05
