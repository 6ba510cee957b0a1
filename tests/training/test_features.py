"""The frozen-prefix cache: each feature map is computed once, shared, and stored completely or not at all."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from alzbench import arrays
from alzbench.data.manifest import ImageSet, open_image_set
from alzbench.errors import RunError
from alzbench.experiment import AugmentSettings, BackboneSettings, DataSettings
from alzbench.models.prefix import Prefix, build_prefix
from alzbench.progress import Progress
from alzbench.training.extractor import KerasExtractor
from alzbench.training.features import Features

ALL = np.arange(52)
VIEWS = AugmentSettings(views=3, rotation=20, shift=0.1, zoom=0.1, horizontal_flip=True)


@pytest.fixture
def images(image_folder: Path, silent: Progress) -> ImageSet:
    return open_image_set(DataSettings(source=str(image_folder), size=32), silent)


@pytest.fixture(scope="module")
def prefix() -> Prefix:
    return build_prefix(BackboneSettings(weights="none", alpha=0.35), DataSettings(size=32))


class Counting(KerasExtractor):
    """An extractor that counts its images and can be interrupted."""

    def __init__(self, prefix: Prefix, stop_after: int = 10**9) -> None:
        super().__init__(prefix)
        self.seen, self.stop_after = 0, stop_after

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        self.seen += len(pixels)
        if self.seen > self.stop_after:
            raise KeyboardInterrupt
        return super().__call__(pixels)


def features(
    prefix: Prefix, images: ImageSet, settings: AugmentSettings = VIEWS, stop_after: int = 10**9
) -> tuple[Features, Counting]:
    built = Features(prefix, settings, images.pixels, images.manifest["digest"].tolist())
    counting = Counting(prefix, stop_after)
    built.__dict__["extractor"] = counting
    return built, counting


def test_each_image_and_view_is_computed_once(prefix: Prefix, images: ImageSet, silent: Progress) -> None:
    built, counting = features(prefix, images)
    assert built.compute([(0, ALL), (1, ALL[:30])], silent) == 82 == counting.seen
    assert built.compute([(0, ALL), (1, ALL[:30])], silent) == 0
    again, other = features(prefix, images)
    assert again.compute([(0, ALL), (1, ALL[10:40]), (2, ALL[:5])], silent) == 15 == other.seen


def test_the_network_is_let_go_once_all_feature_maps_are_stored(
    prefix: Prefix, images: ImageSet, silent: Progress
) -> None:
    built, _ = features(prefix, images)
    built.compute([(0, ALL)], silent)
    assert "extractor" not in built.__dict__
    online, counting = features(prefix, images, AugmentSettings(views="online"))
    online.compute([(0, ALL)], silent)
    assert online.extractor is counting  # each epoch needs it


def test_stored_feature_maps_agree_with_fresh_ones(prefix: Prefix, images: ImageSet, silent: Progress) -> None:
    built, _ = features(prefix, images)
    built.compute([(0, ALL), (2, ALL)], silent)
    positions = np.array([7, 3, 3, 50])
    for view in (0, 2):
        stored = np.asarray(built.stored(positions, view).take(slice(None)), np.float32)
        np.testing.assert_allclose(stored, built.fresh(positions, view).astype(np.float32), rtol=2e-3, atol=2e-3)
    first, second = (np.asarray(built.stored(ALL, view).take(slice(None))) for view in (0, 2))
    assert not np.array_equal(first, second)


def test_a_feature_map_that_was_not_computed_is_an_error(prefix: Prefix, images: ImageSet) -> None:
    with pytest.raises(KeyError):
        features(prefix, images)[0].stored(ALL, 0)


def test_the_plain_view_is_shared_by_all_augmentations(prefix: Prefix, images: ImageSet, silent: Progress) -> None:
    features(prefix, images)[0].compute([(0, ALL), (1, ALL)], silent)
    other, counting = features(prefix, images, VIEWS.model_copy(update={"rotation": 5.0}))
    assert other.compute([(0, ALL), (1, ALL)], silent) == 52 == counting.seen


def test_another_prefix_shares_nothing(images: ImageSet, prefix: Prefix, silent: Progress) -> None:
    features(prefix, images)[0].compute([(0, ALL)], silent)
    scaled = DataSettings(size=32, scaling="imagenet")
    other = build_prefix(BackboneSettings(weights="none", alpha=0.35), scaled)
    assert features(other, images)[0].compute([(0, ALL)], silent) == 52


def test_a_killed_computation_resumes(
    prefix: Prefix, images: ImageSet, silent: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "CHUNK_BYTES", 1)
    monkeypatch.setattr("alzbench.training.features.BATCH", 8)
    built, _ = features(prefix, images, stop_after=30)
    with pytest.raises(KeyboardInterrupt):
        built.compute([(0, ALL)], silent)
    again, counting = features(prefix, images)
    assert again.compute([(0, ALL)], silent) == 52 - 24 == counting.seen


def test_too_little_disk_space_is_refused_before_any_work(
    prefix: Prefix, images: ImageSet, silent: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 9, 1))
    built, counting = features(prefix, images)
    with pytest.raises(RunError, match=r"52 feature maps need 0\.0 GiB of disk"):
        built.compute([(0, ALL)], silent)
    assert counting.seen == 0


def test_views_take_turns_and_an_epoch_mixes_them(prefix: Prefix, images: ImageSet, silent: Progress) -> None:
    built, _ = features(prefix, images)
    built.compute([(view, ALL) for view in range(3)], silent)
    stored = [np.asarray(built.stored(ALL, view).take(slice(None))) for view in range(3)]
    seen = np.zeros((52, 3), int)
    for epoch in range(3):
        rows = built.training(ALL, epoch).take(ALL[::-1])[::-1]
        which = np.stack([(rows == maps).all(axis=(1, 2, 3)) for maps in stored], axis=1)
        assert which.any(axis=1).all()
        assert (which.sum(axis=0) > 5).all()  # every epoch contains all views
        seen += which
    assert (seen == 1).all()  # and each image has each view once


def test_online_views_are_fresh_and_never_stored(
    prefix: Prefix, images: ImageSet, silent: Progress, own_environment: Path
) -> None:
    built, counting = features(prefix, images, VIEWS.model_copy(update={"views": "online"}))
    built.compute([(0, ALL)], silent)
    stored = sorted(own_environment.rglob("features/*/*.npy"))
    first, second = (built.training(ALL, epoch).take(ALL[:9]) for epoch in (0, 1))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, np.asarray(built.stored(ALL[:9], 0).take(slice(None))))
    np.testing.assert_array_equal(built.training(ALL, 0).take(ALL[:9]), first)
    assert sorted(own_environment.rglob("features/*/*.npy")) == stored
    assert counting.seen == 52 + 3 * 9
