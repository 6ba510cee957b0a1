"""Folders with the known layouts, and with wrong ones."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from alzbench.data.folder import list_folder
from alzbench.errors import DataError
from tests.helpers.images import CLASSES, write_image


def test_the_kaggle_layout(image_folder: Path) -> None:
    files = list_folder(image_folder, CLASSES).files
    assert files.groupby("part").size().to_dict() == {"augmented": 40, "original": 12}
    assert files["image"].is_monotonic_increasing
    row = files.iloc[0]
    assert Path(row["path"]) == image_folder / row["image"]
    labels = files["image"].map(lambda name: CLASSES.index(name.split("/")[1]))
    assert (labels == files["label"]).all()


@pytest.mark.parametrize(
    "names",
    [
        ["Non Demented", "Very mild Dementia", "Mild Dementia", "Moderate Dementia"],
        ["non_demented", "very-mild-demented", "MILD_DEMENTED", "moderatedemented"],
        ["NonDementia", "VeryMildDementia", "MildDementia", "ModerateDementia"],
    ],
    ids=["spaces", "dashes", "dementia"],
)
def test_class_folders_in_other_spellings(image_folder: Path, names: list[str]) -> None:
    for part in image_folder.iterdir():
        for old, new in zip(CLASSES, names, strict=True):
            (part / old).rename(part / new)
    files = list_folder(image_folder, CLASSES).files
    folders = files["image"].map(lambda name: names.index(name.split("/")[1]))
    assert len(files) == 52
    assert (folders == files["label"]).all()


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_an_archive_may_add_folders(image_folder: Path, tmp_path: Path, depth: int) -> None:
    target = tmp_path.joinpath("outer", *["inner"] * depth)
    target.parent.mkdir(parents=True)
    shutil.move(image_folder, target)
    (tmp_path / "outer" / "truth.csv").write_text("not an image")
    files = list_folder(tmp_path / "outer", CLASSES).files
    assert len(files) == 52
    assert files["image"].iloc[0].startswith("AugmentedAlzheimerDataset/")


def test_train_and_test_folders(image_folder: Path) -> None:
    (image_folder / "AugmentedAlzheimerDataset").rename(image_folder / "train")
    (image_folder / "OriginalDataset").rename(image_folder / "Test")
    assert list_folder(image_folder, CLASSES).files["part"].value_counts().to_dict() == {"train": 40, "test": 12}


def test_class_folders_alone_are_originals(image_folder: Path) -> None:
    files = list_folder(image_folder / "OriginalDataset", CLASSES).files
    assert set(files["part"]) == {"original"}
    assert len(files) == 12


def test_labels_follow_the_order_of_the_classes(image_folder: Path) -> None:
    files = list_folder(image_folder, CLASSES[::-1]).files
    assert files.loc[files["image"].str.contains("/ModerateDemented/"), "label"].unique().tolist() == [0]


def test_hidden_files_and_other_files_are_not_listed(image_folder: Path) -> None:
    folder = image_folder / "OriginalDataset" / "MildDemented"
    for name in (".DS_Store", "._slice0.jpg", "Thumbs.db", "notes.txt"):
        (folder / name).write_text("x")
    (folder / "UPPER.JPG").write_text("x")
    assert len(list_folder(image_folder, CLASSES).files) == 53


def remove(folder: Path, name: str) -> None:
    shutil.rmtree(folder / name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("OriginalDataset", "must contain the folders AugmentedAlz.* and OriginalDataset.*it contains AugmentedAlz"),
        ("OriginalDataset/MildDemented", r"OriginalDataset must contain .*missing: MildDemented"),
        ("AugmentedAlzheimerDataset/NonDemented", r"AugmentedAlzheimerDataset must contain .*missing: NonDemented"),
    ],
)
def test_a_missing_folder_is_named(image_folder: Path, name: str, message: str) -> None:
    remove(image_folder, name)
    with pytest.raises(DataError, match=message):
        list_folder(image_folder, CLASSES)


def test_an_empty_class_is_named(image_folder: Path) -> None:
    for path in (image_folder / "OriginalDataset" / "MildDemented").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="empty: MildDemented"):
        list_folder(image_folder, CLASSES)


def test_an_unknown_class_is_named(image_folder: Path) -> None:
    write_image(image_folder / "OriginalDataset" / "Dubious" / "a.png", 1)
    with pytest.raises(DataError, match="not a known class: Dubious"):
        list_folder(image_folder, CLASSES)


def test_two_folders_of_one_class_are_refused(image_folder: Path) -> None:
    # the images of one of them would be left out without a message
    write_image(image_folder / "OriginalDataset" / "Mild_Demented" / "a.png", 1)
    with pytest.raises(
        DataError,
        match=r"OriginalDataset must contain only one folder .*; MildDemented and Mild_Demented differ",
    ):
        list_folder(image_folder, CLASSES)


def test_two_folders_of_one_part_are_refused(image_folder: Path) -> None:
    write_image(image_folder / "original dataset" / "MildDemented" / "a.png", 1)
    with pytest.raises(DataError, match="OriginalDataset and original dataset differ only in case, spaces"):
        list_folder(image_folder, CLASSES)


def test_an_empty_folder_is_refused_with_the_layouts(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"must contain .* train and test, each with one folder .*; it contains no folders"
    ):
        list_folder(tmp_path, CLASSES)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "archive.zip").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"archive\.zip is an archive: unpack it"):
        list_folder(tmp_path / "archive.zip", CLASSES)


def test_a_missing_folder_is_refused_with_the_alternatives(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"There is no folder .*nowhere.*--demo"):
        list_folder(tmp_path / "nowhere", CLASSES)


def test_names_that_are_no_text_are_refused(image_folder: Path) -> None:
    image = next(image_folder.rglob("*.jpg"))
    try:
        image.rename(image.with_name(os.fsdecode(b"bad\xff.jpg")))
    except OSError:
        pytest.skip("the file system takes text alone")
    with pytest.raises(DataError, match=r"paths of images must be text in UTF-8; 1 are not, such as .*bad\\xff\.jpg"):
        list_folder(image_folder, CLASSES)
