"""The manifest and the fingerprint of a set."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from alzbench.arrays import Rows
from alzbench.data.folder import list_folder
from alzbench.data.manifest import COLUMNS, ImageSet, locate, open_image_set
from alzbench.data.names import read_names
from alzbench.errors import DataError
from alzbench.experiment import DataSettings
from alzbench.progress import Progress
from tests.helpers.images import write_image
from tests.helpers.kaggle_names import kaggle_files


def opened(folder: Path) -> ImageSet:
    return open_image_set(DataSettings(source=str(folder), size=32), Progress())


def test_columns_and_pixels(image_folder: Path) -> None:
    images = opened(image_folder)
    assert list(images.manifest.columns) == COLUMNS
    assert images.pixels.shape == (52, 32, 32, 1)
    assert images.manifest["digest"].nunique() == 52
    assert set(zip(images.manifest["width"], images.manifest["height"], strict=True)) == {(48, 56)}
    assert images.skipped.empty


def test_the_fingerprint_depends_on_the_content_and_not_on_the_folder(image_folder: Path, tmp_path: Path) -> None:
    before = opened(image_folder).fingerprint
    assert opened(Path(shutil.copytree(image_folder, tmp_path / "elsewhere"))).fingerprint == before


def test_the_fingerprint_of_class_folders_alone_does_not_depend_on_their_folder(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = image_folder / "OriginalDataset"
    before = opened(folder).fingerprint
    (tmp_path / "link").symlink_to(folder)
    for other in (shutil.copytree(folder, tmp_path / "oasis"), tmp_path / "link", folder / ".." / "OriginalDataset"):
        assert opened(Path(other)).fingerprint == before
    shutil.copytree(folder, tmp_path / "deep" / "zip" / "zip")
    assert opened(tmp_path / "deep").fingerprint == before
    monkeypatch.chdir(folder)
    assert opened(Path()).fingerprint == before
    assert opened(image_folder).fingerprint != before


def test_merged_classes_are_numbered_by_folder(tmp_path: Path) -> None:
    files = pd.concat([kaggle_files(2, 27).assign(folder=name) for name in ("MildDemented", "NonDemented")])
    for seed, row in enumerate(files.itertuples()):
        write_image(tmp_path / str(row.folder) / Path(str(row.image)).name, seed % 64)
    classes = {"all": ["MildDemented", "NonDemented"], "none": "x"}
    write_image(tmp_path / "x" / "1.png", 1)
    settings = DataSettings.model_validate({"source": str(tmp_path), "size": 32, "classes": classes})
    images = open_image_set(settings, Progress())
    assert images.classes == ["all", "none"]
    # both folders number their subjects from 1; together they would be read as other subjects, or as none
    listing = list_folder(tmp_path, classes)
    named = read_names(listing.files.assign(**{"class": listing.files["folder"]}))
    assert named["subject"].nunique() == 5  # four, and the unknown one
    assert named["subject"].str.startswith("milddemented").sum() == 64


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
    with pytest.raises(
        DataError, match="original images must include readable images of every class; there are none of Mild"
    ):
        open_image_set(settings, Progress())


def test_pixels_of_rgb_sets(image_folder: Path) -> None:
    images = open_image_set(DataSettings(source=str(image_folder), size=32, channels=3), Progress())
    pixels = np.asarray(images.pixels.take(slice(None)))
    assert pixels.shape == (52, 32, 32, 3)
    assert (pixels[..., 0] == pixels[..., 2]).all()  # grey files


def test_rows_and_pixels_are_sorted_by_name(image_folder: Path) -> None:
    # three images of one grey value each, not in the order of their names
    for name, value in (("b.png", 10), ("a.png", 200), ("c.png", 90)):
        Image.new("L", (20, 20), value).save(image_folder / "OriginalDataset" / "NonDemented" / name)
    images = opened(image_folder)
    assert images.manifest["image"].is_monotonic_increasing
    rows = images.manifest.index[images.manifest["image"].str.endswith(".png")].to_numpy()
    assert np.asarray(images.pixels.take(rows))[:, 0, 0, 0].tolist() == [200, 10, 90]


def test_the_fingerprint_ignores_skipped_images(image_folder: Path) -> None:
    before = opened(image_folder).fingerprint
    bad = image_folder / "OriginalDataset" / "NonDemented" / "bad.jpg"
    bad.write_text("x")
    settings = DataSettings(source=str(image_folder), size=32, on_corrupt="skip")
    images = open_image_set(settings, Progress())
    assert images.skipped.to_dict("records") == [
        {"image": "OriginalDataset/NonDemented/bad.jpg", "reason": "not an image file"}
    ]
    assert images.fingerprint == before


def test_the_fingerprint_is_the_hash_of_the_table() -> None:
    # another way of computing it would invalidate all stored runs: the value is computed by hand
    manifest = pd.DataFrame({"image": ["A/x.png"], "label": [1], "part": ["original"], "digest": ["00"]})
    manifest = manifest.assign(path="p", subject_by="name", split="")
    text = "image,label,part,digest\nA/x.png,1,original,00\n"
    images = ImageSet(manifest, cast(Rows, None), ["a", "b"], pd.DataFrame())
    assert images.fingerprint == hashlib.sha256(text.encode()).hexdigest()[:16]


def test_a_source_may_start_with_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert locate(DataSettings(source="~/set"), Progress()).folder == tmp_path / "set"
