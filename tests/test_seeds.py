"""Derived seeds: fixed, in range, and different for each axis, seed and epoch."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alzbench.seeds import Axis, derive

AXES = get_args(Axis)


@pytest.mark.parametrize(
    ("seed", "axis", "more", "expected"),
    [
        # printf '0/split' | sha256sum, the first eight digits
        pytest.param(0, "split", (), 0x68A30A9F, id="split"),
        pytest.param(7, "order", (3,), 0x19CD1680, id="order-of-an-epoch"),
    ],
)
def test_values_are_fixed(seed: int, axis: Axis, more: tuple[int, ...], expected: int) -> None:
    assert derive(seed, axis, *more) == expected


def test_axes_seeds_and_epochs_have_different_seeds() -> None:
    derived = [derive(seed, axis, *more) for seed in range(20) for axis in AXES for more in ((), (0,), (1,), (0, 1))]
    assert len(set(derived)) == 20 * len(AXES) * 4


@given(st.integers(0, 2**63), st.sampled_from(AXES), st.lists(st.integers(0, 10**6), max_size=2))
def test_seeds_fit_into_32_bits(seed: int, axis: Axis, more: list[int]) -> None:
    assert 0 <= derive(seed, axis, *more) < 2**32


def test_digits_of_neighbouring_numbers_do_not_run_together() -> None:
    assert derive(1, "order", 2, 3) != derive(1, "order", 23)
    assert derive(1, "order", 23) != derive(12, "order", 3)


def test_derived_seeds_spread_over_their_range() -> None:
    derived = [derive(seed, "split") for seed in range(400)]
    assert 0.4 < sum(value >= 2**31 for value in derived) / 400 < 0.6
