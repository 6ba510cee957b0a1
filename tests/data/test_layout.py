"""Layouts of image sets: parts and classes in any order and depth, and no image file left out without a word."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alzbench.data.files import OTHER_FORMATS, SUFFIXES, left_out_table
from alzbench.data.folder import list_folder
from alzbench.errors import DataError

TUMOURS = ("glioma", "meningioma", "notumor", "pituitary")


def touch(root: Path, *files: str) -> Path:
    """Create empty files: a listing opens none of them."""
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def in_each(template: str, classes: tuple[str, ...] = ("AD", "CN"), number: int = 2) -> list[str]:
    """Return files in the folder of each class: `*` in the template is the class."""
    return [f"{template.replace('*', name)}/{k}.png" for name in classes for k in range(number)]


def parts(root: Path) -> dict[str, int]:
    return {str(part): int(n) for part, n in list_folder(root).files["part"].value_counts().items()}


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("train", "val", "test"),
        ("Training", "VALID", "Testing"),
        ("train_set", "dev", "test data"),
        ("TrainingDataset", "Validation-Set", "test_images"),
    ],
)
@pytest.mark.parametrize("template", ["{}/*", "Set/Set/{}/*", "{}/images/*", "*/{}", "data/*/images/{}", "{0}/{0}/*"])
def test_parts_above_and_below_the_classes(
    tmp_path: Path, template: str, train: str, validation: str, test: str
) -> None:
    for name, number in ((train, 3), (validation, 2), (test, 1)):
        touch(tmp_path, *in_each(template.format(name), number=number))
    listing = list_folder(tmp_path)
    assert listing.files["part"].value_counts().to_dict() == {"train": 6, "validation": 4, "test": 2}
    assert (listing.classes, listing.healthy) == (["CN", "AD"], "CN")
    of_class = listing.files["image"].map(lambda name: listing.classes.index("AD" if "AD" in name else "CN"))
    assert (of_class == listing.files["label"]).all()
    assert listing.left_out.empty


def test_training_and_testing_are_both_read(tmp_path: Path) -> None:
    touch(tmp_path, *in_each("Training/*", TUMOURS, 5), *in_each("Testing/*", TUMOURS, 2))
    listing = list_folder(tmp_path)
    assert listing.classes == ["notumor", "glioma", "meningioma", "pituitary"]
    assert parts(tmp_path) == {"train": 20, "test": 8}


def test_a_set_without_a_test_folder_is_read(tmp_path: Path) -> None:
    touch(tmp_path, *in_each("train/*"), *in_each("val/*"))
    assert parts(tmp_path) == {"train": 4, "validation": 4}


def test_folds_may_lack_a_class(tmp_path: Path) -> None:
    touch(tmp_path, *in_each("Fold 01/*"), *in_each("fold_2/*"), "fold-3/AD/x.png")
    assert parts(tmp_path) == {"fold_1": 4, "fold_2": 4, "fold_3": 1}


def test_folds_with_parts_overlap(tmp_path: Path) -> None:
    touch(tmp_path, *in_each("fold_1/train/*"), *in_each("fold_1/test/*"))
    with pytest.raises(DataError, match=r"fold_1/\w+/AD is both fold_1 and \w+, so that images are in several folds"):
        list_folder(tmp_path)


def test_images_beside_augmented_ones_are_originals(tmp_path: Path) -> None:
    touch(tmp_path, *in_each("*"), *in_each("*/augmented", number=3))
    assert parts(tmp_path) == {"original": 4, "augmented": 6}


def test_folders_inside_a_class_folder_belong_to_it(tmp_path: Path) -> None:
    touch(tmp_path, *in_each("*"), "AD/sub-01/a.png", "AD/sub-01/more/b.png", "CN/CN/c.png")
    listing = list_folder(tmp_path)
    assert len(listing.files) == 7
    assert listing.files.set_index("image")["label"].filter(like="AD/").eq(listing.classes.index("AD")).all()


def test_the_same_images_have_the_same_names_wherever_they_are(tmp_path: Path) -> None:
    listed = []
    for above in ("", "Data", "zip/zip/set", "OriginalDataset"):
        root = touch(tmp_path / f"x{len(listed)}", *in_each(f"{above}/*".lstrip("/")))
        listed.append(list_folder(root).files.drop(columns="path"))
    for other in listed[1:]:
        pd.testing.assert_frame_equal(other, listed[0])
    assert listed[0]["image"].tolist() == ["AD/0.png", "AD/1.png", "CN/0.png", "CN/1.png"]


def test_links_are_followed_and_a_loop_is_not(tmp_path: Path) -> None:
    touch(tmp_path / "set", *in_each("*"))
    (tmp_path / "set" / "AD" / "again").symlink_to(tmp_path / "set")
    (tmp_path / "link").symlink_to(tmp_path / "set")
    assert len(list_folder(tmp_path / "link").files) == 4


# What is not in the set


def test_what_is_not_used_is_named_with_its_folder(tmp_path: Path) -> None:
    touch(
        tmp_path, *in_each("train/*"), *in_each("test/*"), "preview.png", "train/montage.jpg", "AD/1.png",
        "docs/figures/plot.png", "train/AD/scan.DCM", "test/CN/volume.nii.gz", ".thumbnails/x.png",
        "__MACOSX/train/AD/._0.png", "train/AD/._0.png", "readme.txt",
    )  # fmt: skip
    assert set(list_folder(tmp_path).left_out.itertuples(index=False, name=None)) == {
        ("preview.png", ".", "not in a folder of a part, such as train or test"),
        ("AD/1.png", "AD", "not in a folder of a part, such as train or test"),
        ("docs/figures/plot.png", "docs/figures", "not in a folder of a part, such as train or test"),
        ("train/montage.jpg", "train", "not in a class folder"),
        ("train/AD/scan.DCM", "train/AD", ".dcm is not a supported format"),
        ("test/CN/volume.nii.gz", "test/CN", ".nii.gz is not a supported format"),
        (".thumbnails/x.png", ".thumbnails", "in a hidden folder or file"),
    }


FOLDERS = ("train", "Testing", "val", "fold_1", "augmented", "original", "AD", "CN", "MCI", "NonDemented", "x", ".h")
NAMES = ("a.png", "b.JPG", "c.tiff", "d.dcm", "e.nii.gz", ".f.png", "g.txt")


@settings(deadline=None, max_examples=300)
@given(
    st.sets(
        st.tuples(st.lists(st.sampled_from(FOLDERS), max_size=4), st.sampled_from(NAMES)).map(
            lambda p: "/".join([*p[0], p[1]])
        ),
        min_size=1,
        max_size=12,
    )
)
def test_every_image_file_is_used_or_reported_or_the_set_is_refused(files: set[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = touch(Path(folder), *files)
        try:
            listing = list_folder(root)
        except DataError:
            return
        used = [str(Path(path).relative_to(root)) for path in listing.files["path"]]
    images = [file for file in files if file.lower().endswith((*SUFFIXES, *OTHER_FORMATS))]
    assert sorted([*used, *listing.left_out["image"]]) == sorted(images)
    assert len(listing.classes) >= 2
    assert set(listing.files["label"]) == set(range(len(listing.classes)))
    assert listing.files["image"].is_unique


def test_the_table_of_nothing_is_empty() -> None:
    assert left_out_table([]).columns.tolist() == ["image", "folder", "reason"]


# Several sets in one folder


@pytest.mark.parametrize(
    ("files", "message"),
    [
        pytest.param(
            [*in_each("*", ("yes", "no")), *in_each("brain_tumor_dataset/*", ("yes", "no"))],
            r"brain_tumor_dataset contains no: it may be a second copy .*exclude: \[brain_tumor_dataset\]",
            id="beside-its-classes",
        ),
        pytest.param(
            [*in_each("first/*", TUMOURS), *in_each("second/*", TUMOURS)],
            "in several places: first, second. Set --data to one of them",
            id="side-by-side",
        ),
        pytest.param(
            [*in_each("first/train/*"), *in_each("second/train/*")], "in several places: first, second", id="parts"
        ),
        pytest.param(
            [*in_each("a/*", ("p", "q")), *in_each("b/*", ("p", "q"))],
            r"several copies of one set: a, b contain the same names in the same folders \(p, q\)",
            id="names-that-are-not-known",
        ),
        pytest.param(
            [*in_each("train/*"), *in_each("Training/*"), *in_each("test/*")],
            "only one folder for each part and class; Training and train differ",
            id="a-part-twice",
        ),
    ],
)  # fmt: skip
def test_a_second_copy_is_refused_with_what_to_do(tmp_path: Path, files: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        list_folder(touch(tmp_path, *files))


def test_a_second_copy_can_be_left_out(tmp_path: Path) -> None:
    touch(tmp_path, *in_each("*", ("yes", "no")), *in_each("copy/*", ("yes", "no")))
    listing = list_folder(tmp_path, exclude=["copy"])
    assert (len(listing.files), listing.classes, listing.healthy) == (4, ["no", "yes"], "no")
    assert set(listing.left_out["reason"]) == {"left out by data.exclude"}
    assert len(list_folder(tmp_path / "copy").files) == 4


def test_planes_inside_classes_are_no_copies(tmp_path: Path) -> None:
    touch(tmp_path, *in_each("a/*", ("p", "q")), *in_each("b/*", ("p", "q")))
    listing = list_folder(tmp_path, classes=["a", "b"])
    assert listing.files.groupby("label").size().to_dict() == {0: 4, 1: 4}


# Classes


@pytest.mark.parametrize(
    "folders",
    [
        ("Non Demented", "Very mild Dementia", "Mild Dementia", "Moderate Dementia"),
        ("No Impairment", "Very Mild Impairment", "Mild Impairment", "Moderate Impairment"),
        ("NO_DEMENTIA", "VERY_MILD_DEMENTED", "mild-demented", "moderatedemented"),
    ],
)
def test_the_four_stages_are_known_in_any_spelling(tmp_path: Path, folders: tuple[str, ...]) -> None:
    listing = list_folder(touch(tmp_path, *in_each("*", folders, 1)))
    assert listing.classes == ["NonDemented", "VeryMildDemented", "MildDemented", "ModerateDemented"]
    assert listing.healthy == "NonDemented"
    named = listing.files.set_index("image")["label"]
    assert [named[f"{folder}/0.png"] for folder in folders] == [0, 1, 2, 3]


def test_some_of_the_stages_are_enough(tmp_path: Path) -> None:
    touch(tmp_path, *in_each("*", ("moderate_demented", "nondemented")))
    assert list_folder(tmp_path).classes == ["NonDemented", "ModerateDemented"]


def test_a_folder_beside_the_four_stages_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, *in_each("*", ("NonDemented", "VeryMildDemented", "MildDemented", "ModerateDemented", "docs")))
    with pytest.raises(DataError, match=r"others beside them: docs.*data\.exclude: \[docs\]"):
        list_folder(tmp_path)
    assert len(list_folder(tmp_path, exclude=["Docs"]).files) == 8


def test_classes_are_merged(tmp_path: Path) -> None:
    touch(tmp_path, *in_each("train/*", ("CN", "MCI", "AD")), *in_each("test/*", ("CN", "MCI", "AD")))
    listing = list_folder(tmp_path, {"healthy": "cn", "impaired": ["MCI", "AD"]})
    assert listing.classes == ["healthy", "impaired"]
    assert listing.files.groupby(["label", "folder"]).size().to_dict() == {(0, "cn"): 4, (1, "ad"): 4, (1, "mci"): 4}


def test_classes_that_are_not_named_are_refused_or_excluded(tmp_path: Path) -> None:
    touch(tmp_path, *in_each("*", ("CN", "MCI", "AD")))
    with pytest.raises(DataError, match=r"not a known class: MCI\. .*leave them out with data\.exclude"):
        list_folder(tmp_path, ["AD", "CN"])
    listing = list_folder(tmp_path, ["AD", "CN"], exclude=["mci"])
    assert (listing.classes, listing.healthy, len(listing.left_out)) == (["AD", "CN"], "CN", 2)


def test_an_excluded_name_must_exist(tmp_path: Path) -> None:
    touch(tmp_path, *in_each("*"))
    with pytest.raises(DataError, match=r"exclude must name folders with images .*there is none named MIC"):
        list_folder(tmp_path, exclude=["MIC"])


@pytest.mark.parametrize(
    ("folders", "healthy", "expected"),
    [
        (("glioma", "pituitary"), "auto", None),
        (("glioma", "no"), "auto", "no"),
        (("control", "normal"), "auto", None),  # two of them
        (("a", "b"), "b", "b"),
        (("AD", "CN"), None, None),
    ],
)
def test_the_healthy_class(tmp_path: Path, folders: tuple[str, ...], healthy: str | None, expected: str | None) -> None:
    assert list_folder(touch(tmp_path, *in_each("*", folders)), healthy=healthy).healthy == expected


def test_the_healthy_class_must_be_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data\.healthy must be one of CN, AD, or null; it is MCI"):
        list_folder(touch(tmp_path, *in_each("*")), healthy="MCI")


def test_a_class_in_one_part_only_is_named(tmp_path: Path) -> None:
    touch(tmp_path, *in_each("train/*"), *in_each("test/*"), "train/MCI/x.png")
    with pytest.raises(DataError, match=r"test must contain one folder for each of .*; missing: MCI\..*data\.exclude"):
        list_folder(tmp_path)


@pytest.mark.parametrize("files", [["a.png"], ["AD/a.png"], ["train/AD/a.png", "test/AD/a.png"]])
def test_one_class_is_none(tmp_path: Path, files: list[str]) -> None:
    with pytest.raises(DataError, match="must contain images in at least two class folders"):
        list_folder(touch(tmp_path, *files))


@pytest.mark.parametrize(
    "names", [("正常", "阿尔茨海默"), ("норма", "деменция"), ("سليم", "مريض"), ("υγιής", "ασθενής"), ("+", "-")]
)
def test_class_names_in_any_alphabet(tmp_path: Path, names: tuple[str, str]) -> None:
    touch(tmp_path, *in_each("*", names))
    assert len(list_folder(tmp_path, list(names)).files) == 4
    shutil.move(tmp_path / names[0], tmp_path / "废弃")
    with pytest.raises(DataError, match="not a known class: 废弃"):
        list_folder(tmp_path, list(names))


# What the user names by mistake


@pytest.mark.parametrize(
    "handle", ["owner/a-set", "owner/a-set/versions/2", "https://www.kaggle.com/datasets/owner/a-set"]
)
def test_a_kaggle_handle_is_recognised(handle: str) -> None:
    with pytest.raises(DataError, match=r"give --data kaggle --set data\.kaggle=owner/a-set(/versions/2)?\.$"):
        list_folder(Path(handle))


def test_a_file_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "table.csv").touch()
    with pytest.raises(DataError, match=r"table\.csv is a file: name the folder of the images"):
        list_folder(tmp_path / "table.csv")
