"""The manifest and the fingerprint of a set."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from alzbench.data.manifest import COLUMNS, ImageSet, open_image_set
from alzbench.errors import DataError
from alzbench.experiment import DataSettings
from alzbench.progress import Progress
from tests.conftest import write_image


def opened(folder: Path) -> ImageSet:
    return open_image_set(DataSettings(source=str(folder), size=32), Progress())


def test_columns_and_pixels(image_folder: Path) -> None:
    images = opened(image_folder)
    assert list(images.manifest.columns) == COLUMNS
    assert images.pixels.shape == (52, 32, 32, 1)
    assert images.manifest["digest"].nunique() == 52
    assert set(zip(images.manifest["width"], images.manifest["height"], strict=True)) == {(48, 56)}
    assert images.skipped.empty


def test_the_fingerprint_is_of_the_content_and_not_of_the_place(image_folder: Path, tmp_path: Path) -> None:
    before = opened(image_folder).fingerprint
    assert opened(Path(shutil.copytree(image_folder, tmp_path / "elsewhere"))).fingerprint == before


@pytest.mark.parametrize("change", ["content", "name", "label", "part"])
def test_the_fingerprint_changes_with(image_folder: Path, change: str) -> None:
    before = opened(image_folder).fingerprint
    file = image_folder / "AugmentedAlzheimerDataset" / "MildDemented" / "copy0.jpg"
    if change == "content":
        write_image(file, 999)
    elif change == "name":
        file.rename(file.with_name("renamed.jpg"))
    elif change == "label":
        file.rename(file.parent.parent / "NonDemented" / "moved.jpg")
    else:
        file.rename(image_folder / "OriginalDataset" / "MildDemented" / "moved.jpg")
    assert opened(image_folder).fingerprint != before


def test_a_class_that_is_all_damaged_is_refused(image_folder: Path) -> None:
    for path in (image_folder / "OriginalDataset" / "MildDemented").iterdir():
        path.write_text("x")
    settings = DataSettings(source=str(image_folder), size=32, on_corrupt="skip")
    with pytest.raises(DataError, match="original images must have readable ones of every class; none of MildDemented"):
        open_image_set(settings, Progress())


def test_pixels_of_rgb_sets(image_folder: Path) -> None:
    images = open_image_set(DataSettings(source=str(image_folder), size=32, channels=3), Progress())
    pixels = np.asarray(images.pixels.take(slice(None)))
    assert pixels.shape == (52, 32, 32, 3)
    assert (pixels[..., 0] == pixels[..., 2]).all()  # grey files
