"""Random views: known transforms agree with NumPy, and a view depends only on its number, content and settings."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pytest

from alzbench.data import augment as module
from alzbench.data.augment import augment, view_key
from alzbench.experiment import AugmentSettings

SIZE = 8
FULL = AugmentSettings(rotation=20, shift=0.1, zoom=0.2, horizontal_flip=True)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4, SIZE, SIZE, 1), dtype=np.uint8)


def fixed(monkeypatch: pytest.MonkeyPatch, draw: Sequence[float]) -> None:
    """Replace the random draw by these values: rotation (radians), shifts (shares), zooms and flip."""
    monkeypatch.setattr(module, "_draw", lambda *_: np.array(draw, float))


def moved(images: np.ndarray) -> np.ndarray:
    return augment(images, ["a", "b", "c", "d"], FULL, 1)


def test_view_0_is_the_image(images: np.ndarray) -> None:
    assert augment(images, ["a", "b", "c", "d"], FULL, 0) is images


def test_settings_of_zero_change_nothing(images: np.ndarray) -> None:
    assert np.allclose(augment(images, ["a", "b", "c", "d"], AugmentSettings(), 1), images, atol=1e-3)


def test_flip(images: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    fixed(monkeypatch, [0, 0, 0, 1, 1, 1])
    assert np.allclose(moved(images), images[:, :, ::-1], atol=1e-2)


def test_quarter_turn(images: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    fixed(monkeypatch, [np.pi / 2, 0, 0, 1, 1, 0])
    turned = moved(images)
    assert any(np.allclose(turned, np.rot90(images, k, axes=(1, 2)), atol=1e-1) for k in (1, 3))


def test_turns_go_one_way_and_back(images: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    fixed(monkeypatch, [np.pi / 2, 0, 0, 1, 1, 0])
    turned = moved(images)
    fixed(monkeypatch, [-np.pi / 2, 0, 0, 1, 1, 0])
    back = moved(np.round(turned).astype(np.uint8))
    assert np.allclose(back, images, atol=1)
    assert not np.allclose(moved(images), turned, atol=1)


def test_shift_down_is_not_across(images: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    fixed(monkeypatch, [0, 0, -3 / SIZE, 1, 1, 0])
    assert np.allclose(moved(images)[:, 3:], images[:, : SIZE - 3], atol=1e-2)
    assert np.allclose(moved(images)[:, :3], images[:, :1], atol=1e-2)


def test_shift_by_two_pixels(images: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    fixed(monkeypatch, [0, 2 / SIZE, 0, 1, 1, 0])
    assert np.allclose(moved(images)[:, :, : SIZE - 2], images[:, :, 2:], atol=1e-2)
    # pixels outside the image repeat its edge
    assert np.allclose(moved(images)[:, :, SIZE - 2 :], images[:, :, -1:], atol=1e-2)


def test_zoom_about_the_centre(monkeypatch: pytest.MonkeyPatch) -> None:
    square = np.zeros((1, 16, 16, 1), np.uint8)
    square[0, 6:10, 6:10] = 200
    fixed(monkeypatch, [0, 0, 0, 2, 2, 0])
    zoomed = augment(square, ["a"], FULL, 1)[0, ..., 0]
    assert zoomed[5:11, 5:11].min() > 150
    assert zoomed[:3].max() == zoomed[:, :3].max() == 0
    assert zoomed.sum() == pytest.approx(4 * 200 * 16, rel=0.1)


@pytest.mark.parametrize("axis", [2, 1], ids=["across", "down"])
def test_zoom_along_one_axis(monkeypatch: pytest.MonkeyPatch, axis: int) -> None:
    # zoomed by 2, a ramp is half as steep about its centre; zoomed along the other axis, it does not change
    ramp = np.swapaxes(np.tile(np.arange(16, dtype=np.uint8)[:, None] * 10, (1, 16, 1, 1)), 2, axis)
    fixed(monkeypatch, [0, 0, 0, 2 if axis == 2 else 1, 2 if axis == 1 else 1, 0])
    assert np.allclose(augment(ramp, ["a"], FULL, 1), 75 + (ramp - 75.0) / 2, atol=0.1)
    fixed(monkeypatch, [0, 0, 0, 2 if axis == 1 else 1, 2 if axis == 2 else 1, 0])
    assert np.allclose(augment(ramp, ["a"], FULL, 1), ramp, atol=0.1)


@pytest.mark.parametrize("draw", [[0, 0.3, 0, 1, 1, 0], [0.3, 0, 0, 1.2, 0.8, 1]], ids=["shift", "turn and zoom"])
def test_channels_move_together(draw: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    grey = np.random.default_rng(1).integers(0, 256, (2, SIZE, SIZE, 1), dtype=np.uint8)
    fixed(monkeypatch, draw)
    rgb = augment(np.repeat(grey, 3, axis=3), ["a", "b"], FULL, 1)
    assert np.allclose(rgb, np.repeat(augment(grey, ["a", "b"], FULL, 1), 3, axis=3), atol=1e-2)


def test_pixels_stay_in_range(images: np.ndarray) -> None:
    for view in range(1, 6):
        moved_images = augment(images, ["a", "b", "c", "d"], FULL, view)
        assert moved_images.min() >= images.min() - 1e-3
        assert moved_images.max() <= images.max() + 1e-3


def test_a_view_does_not_depend_on_the_batch(images: np.ndarray) -> None:
    together = augment(images, ["a", "b", "c", "d"], FULL, 3)
    assert np.allclose(augment(images[2:3], ["c"], FULL, 3), together[2:3], atol=1e-3)
    assert np.allclose(augment(images[::-1], ["d", "c", "b", "a"], FULL, 3), together[::-1], atol=1e-3)


def test_views_images_and_seeds_differ(images: np.ndarray) -> None:
    same = np.repeat(images[:1], 4, axis=0)
    views = augment(same, ["a", "b", "c", "d"], FULL, 1)
    assert not np.allclose(views[0], views[1], atol=1)
    assert not np.allclose(views, augment(same, ["a", "b", "c", "d"], FULL, 2), atol=1)
    other_seed = FULL.model_copy(update={"seed": 1})
    assert not np.allclose(views, augment(same, ["a", "b", "c", "d"], other_seed, 1), atol=1)


def test_a_view_is_the_same_in_every_process() -> None:
    # a cache may have been filled by another process: settings and content alone must give the same numbers
    first = module._draw("ab", FULL, 1)
    seed = int.from_bytes(hashlib.sha256(b"0/1/ab").digest()[:8], "big")
    rng = np.random.default_rng(seed)
    a, dx, dy, zx, zy = rng.uniform(-1, 1, 5)
    flip = rng.random() < 0.5
    assert np.allclose(first, [np.radians(20) * a, 0.1 * dx, 0.1 * dy, 1 + 0.2 * zx, 1 + 0.2 * zy, flip])


def test_draws_stay_within_the_settings() -> None:
    drawn = np.stack([module._draw(f"{k}", FULL, 1) for k in range(500)])
    limits = [np.radians(20), 0.1, 0.1]
    assert (np.abs(drawn[:, :3]) <= limits).all()
    assert (np.abs(drawn[:, :3]).max(axis=0) > 0.9 * np.array(limits)).all()
    assert (np.abs(drawn[:, 3:5] - 1) <= 0.2).all()
    assert 0.4 < drawn[:, 5].mean() < 0.6


def test_different_views_have_different_keys() -> None:
    assert view_key(FULL, 0) == view_key(AugmentSettings(), 0)
    assert view_key(FULL, 1) == view_key(FULL.model_copy(update={"views": 8}), 1)
    assert view_key(FULL, 1) != view_key(FULL, 2)


@pytest.mark.parametrize("field", sorted(AugmentSettings.model_fields.keys() - {"views"}))
def test_every_setting_changes_the_key(field: str) -> None:
    changed = {"rotation": 5.0, "shift": 0.5, "zoom": 0.5, "horizontal_flip": False, "seed": 1}
    assert view_key(FULL.model_copy(update={field: changed[field]}), 1) != view_key(FULL, 1)
