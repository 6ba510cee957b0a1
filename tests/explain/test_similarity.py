"""Rank correlations of maps, and partners of other subjects."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from alzbench.explain.similarity import rank_correlations, resized, unrelated


def test_equal_reversed_and_constant_maps() -> None:
    maps = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    others = np.stack([maps[0] ** 2, -maps[1], np.full((2, 2), 7, np.float32)])
    assert rank_correlations(maps, others) == pytest.approx([1, -1, 0])


@given(arrays.arrays(np.float32, (2, 3, 3, 4), elements=st.floats(0, 100, width=16)))
def test_it_is_scipys_rank_correlation(maps: np.ndarray) -> None:
    found = rank_correlations(maps[0], maps[1])
    for value, first, second in zip(found, *maps, strict=True):
        if np.ptp(first) and np.ptp(second):
            assert value == pytest.approx(stats.spearmanr(first.ravel(), second.ravel())[0], abs=1e-9)
        else:
            assert value == 0


def test_maps_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="same shape"):
        rank_correlations(np.zeros((1, 2, 2)), np.zeros((1, 2, 3)))


@given(st.lists(st.integers(0, 5), min_size=2, max_size=40))
def test_each_image_is_the_partner_of_one_image_of_another_subject(subjects: list[int]) -> None:
    names = [f"s{k}" for k in subjects]
    partner = unrelated(names)
    assert sorted(partner) == list(range(len(names)))
    if max(np.bincount(subjects)) <= len(subjects) // 2:
        assert all(names[k] != names[other] for k, other in enumerate(partner))


def test_a_hot_corner_stays_in_its_corner() -> None:
    maps = np.zeros((1, 4, 4), np.float32)
    maps[0, 0, 3] = 1
    large = resized(maps, 32, 64)[0]
    assert large.shape == (32, 64)
    assert large[0, 63] == large.max() == 1
    assert large[16:].max() == large[:, :32].max() == 0
