"""The profile of a run's training images: which images it is made from, and what is measured in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from alzbench.data.manifest import ImageSet, open_image_set
from alzbench.experiment import AugmentSettings, DataSettings
from alzbench.inference.profile import MARGIN, Profile
from alzbench.models.prefix import Prefix
from alzbench.progress import Progress
from alzbench.runner import profiling
from alzbench.runner.profiling import profile_of
from alzbench.training.features import Features
from tests.helpers.images import CLASSES
from tests.helpers.small_models import make_prefix

SIZE = 32
GREYS = {"train": (64, 96, 128, 160), "validation": (72, 200), "test": (255, 0)}
WIDTHS = {"train": 40, "validation": 80, "test": 160}
COLOURS = {"train": 20, "validation": 10, "test": 60}  # red above green and blue


@pytest.fixture
def images(tmp_path: Path) -> ImageSet:
    """Uniform images whose names begin with their part."""
    for part, greys in GREYS.items():
        for k, grey in enumerate(greys):
            path = tmp_path / "set" / CLASSES[k % 2] / f"{part}-{k}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            red = min(255, grey + COLOURS[part])
            Image.new("RGB", (WIDTHS[part], 40), (red, grey, grey)).save(path)
    for name in CLASSES:  # the set must have all classes
        path = tmp_path / "set" / name / "test-more.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (160, 40), 250).save(path)
    return open_image_set(DataSettings(source=str(tmp_path / "set"), size=SIZE), Progress())


@pytest.fixture
def split(images: ImageSet) -> pd.DataFrame:
    manifest = images.manifest
    parts = manifest["image"].str.extract(r"(train|validation|test)-")[0]
    return manifest[["image", "label", "subject"]].assign(part=parts)


def make_profile_of(images: ImageSet, split: pd.DataFrame) -> Profile:
    """The profile, with feature maps of the first view for training and validation images only, as in a run."""
    prefix = Prefix(make_prefix(SIZE), "key")
    features = Features(prefix, AugmentSettings(), images.pixels, images.manifest["digest"].tolist())
    features.compute([(0, split.index[split["part"] != "test"].to_numpy())], Progress())
    return profile_of(images, split, features)


def seen(part: str) -> np.ndarray:
    """Grey values of a part as the network sees them."""
    return np.array([np.rint(0.299 * (grey + COLOURS[part]) + 0.701 * grey) for grey in GREYS[part]])


def test_the_profile_is_that_of_training_images_with_limits_from_held_out_ones(
    images: ImageSet, split: pd.DataFrame
) -> None:
    profile = make_profile_of(images, split)
    assert profile.colour == pytest.approx(MARGIN * 20)  # training images have the most colour
    assert profile.aspect == pytest.approx([1 / 1.05, 2 * 1.05])  # from 40 x 40 and 80 x 40 pixels
    x = seen("train").mean() / 255
    np.testing.assert_allclose(profile.mean, [x, 2 * x, 1 - x], atol=1e-3)
    bins = seen("train") // 8
    np.testing.assert_allclose(profile.histogram, [(bins <= k).mean() for k in range(32)])
    shares = np.array([[float(grey // 8 <= k) for k in range(32)] for grey in seen("validation")])
    furthest = np.abs(shares - profile.histogram).mean(axis=1).max()
    assert profile.histogram_limit == pytest.approx(MARGIN * furthest, rel=0.01)  # a quantile, not quite the largest


def test_only_as_many_images_as_needed_are_measured(
    images: ImageSet, split: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first and the last of the four training images, in batches of one."""
    monkeypatch.setattr(profiling, "MOST_IMAGES", 2)
    monkeypatch.setattr(profiling, "_BATCH", 1)
    profile = make_profile_of(images, split)
    ordered = split[split["part"] == "train"]["image"].tolist()
    chosen = [int(name.rpartition("-")[2][0]) for name in (ordered[0], ordered[-1])]
    assert profile.mean[0] == pytest.approx(seen("train")[chosen].mean() / 255, abs=1e-3)


def test_files_that_were_removed_have_no_colour(images: ImageSet, split: pd.DataFrame) -> None:
    """Their pixels are in the cache, so that a run goes on without them."""
    for path in images.manifest["path"][split["part"] == "train"]:
        Path(path).unlink()
    assert make_profile_of(images, split).colour == pytest.approx(MARGIN * 10)  # of the held-out images
