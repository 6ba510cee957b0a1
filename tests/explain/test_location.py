"""Where maps lie: by hand, and as Quantus computes it."""

from __future__ import annotations

import numpy as np
import pytest

from alzbench.data.phantom import SLICES
from alzbench.explain.location import (
    changed_regions,
    fluid_masks,
    head_masks,
    hits,
    share_of_area,
    share_of_mass,
)
from tests.helpers.quantus import quantus_values

REGION = np.zeros((2, 8, 8), bool)
REGION[0, :4] = True
REGION[1, 2:4, 2:4] = True


def draw_maps(n: int = 2, side: int = 8) -> np.ndarray:
    return np.random.default_rng(0).random((n, side, side)).astype(np.float32)


def test_mass_and_area_by_hand() -> None:
    maps = np.ones((2, 8, 8), np.float32)
    maps[0, 0, 0] = 33
    assert share_of_mass(maps, REGION) == pytest.approx([(32 + 32) / 96, 4 / 64])
    assert share_of_area(REGION) == pytest.approx([0.5, 4 / 64])
    left = np.zeros((2, 8, 8), bool)
    left[:, :, :4] = True
    assert share_of_area(REGION, left) == pytest.approx([0.5, 4 / 32])
    assert share_of_mass(maps, REGION, left) == pytest.approx([(16 + 32) / 64, 4 / 32])


def test_a_map_without_mass_has_no_share() -> None:
    assert np.isnan(share_of_mass(np.zeros((2, 8, 8), np.float32), REGION)).all()


def test_the_pointing_game_by_hand() -> None:
    maps = np.zeros((2, 8, 8), np.float32)
    maps[:, 3, 3] = 1
    assert hits(maps, REGION).tolist() == [1, 1]
    maps[:, 7, 7] = 2
    assert hits(maps, REGION).tolist() == [0, 0]
    maps[:, 0, 7] = 3  # in the first region only
    assert hits(maps, REGION).tolist() == [1, 0]


def test_a_coarse_map_points_at_the_middle_of_its_cell() -> None:
    maps = np.zeros((2, 2, 2), np.float32)
    maps[:, 0, 0] = 1
    assert hits(maps, REGION)[0] == 1


@pytest.mark.slow
def test_quantus_gives_the_same_values() -> None:
    maps = draw_maps()
    assert quantus_values("RelevanceMassAccuracy", maps, REGION) == pytest.approx(share_of_mass(maps, REGION), abs=1e-6)
    for seed in range(10):
        one = np.random.default_rng(seed).random((2, 8, 8)).astype(np.float32)
        assert quantus_values("PointingGame", one, REGION) == pytest.approx(hits(one, REGION))


def test_regions_are_known_of_phantoms_only() -> None:
    names = [f"OriginalDataset/MildDemented/MildDemented-subject01-slice{k:02d}.png" for k in range(1, SLICES + 1)]
    regions = changed_regions(names, 64)
    assert regions is not None
    assert regions.shape == (SLICES, 64, 64)
    assert all(0.05 < region.mean() < 0.3 for region in regions)
    assert changed_regions([*names, "scan.jpg"], 64) is None


def test_masks_of_several_images() -> None:
    pixels = np.zeros((2, 32, 32, 1), np.uint8)
    pixels[:, 8:24, 8:24] = 120
    pixels[0, 10:14, 10:14] = 20
    heads = head_masks(pixels)
    assert heads.sum(axis=(1, 2)).tolist() == [256, 256]
    assert fluid_masks(pixels, heads).sum(axis=(1, 2)).tolist() == [16, 0]
