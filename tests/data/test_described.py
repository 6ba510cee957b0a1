"""Sets that a table, a pattern or BIDS describes: what is read, what is left out, and what is refused."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from alzbench.data.described import has_covariate
from alzbench.data.manifest import ImageSet, open_image_set
from alzbench.errors import DataError
from alzbench.experiment import DataSettings
from alzbench.progress import Progress
from tests.helpers.described import write_flat_set
from tests.helpers.images import CLASSES, write_image


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    return tmp_path / "flat"


@pytest.fixture
def table(flat: Path) -> pd.DataFrame:
    return write_flat_set(flat, subjects=2, slices=2)


def open_with(source: Path, subjects: Any, progress: Progress | None = None, **settings: Any) -> ImageSet:
    """Open a set with a table, which is written beside it, or with other settings of subjects."""
    if isinstance(subjects, pd.DataFrame):
        subjects.to_csv(source.parent / "table.csv", index=False)
        subjects = str(source.parent / "table.csv")
    values = {"source": str(source), "size": 32, "subjects": subjects, **settings}
    return open_image_set(DataSettings.model_validate(values), progress or Progress())


def said(console: io.StringIO) -> str:
    return " ".join(console.getvalue().split())


@pytest.fixture
def console() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def loud(console: io.StringIO) -> Progress:
    return Progress(Console(file=console, width=200))


def test_labels_subjects_and_order_come_from_the_table(flat: Path, table: pd.DataFrame) -> None:
    manifest = open_with(flat, table).manifest
    assert manifest["image"].tolist() == table["image"].tolist()
    assert [CLASSES[label] for label in manifest["label"]] == table["label"].tolist()
    assert manifest[["subject", "slice"]].equals(table[["subject", "slice"]])
    assert set(manifest["subject_by"]) == {"table"}
    assert set(manifest["part"]) == {"original"}


def test_images_without_a_row_are_left_out_and_reported(
    flat: Path, table: pd.DataFrame, loud: Progress, console: io.StringIO
) -> None:
    images = open_with(flat, table[1:], loud)
    missing = table["image"][0]
    assert images.left_out.to_dict("records") == [{"image": missing, "folder": ".", "reason": "no label in table.csv"}]
    assert len(images.manifest) == len(table) - 1
    assert "1 image files are left out of the set: 1 in .: no label in table.csv" in said(console)


def test_rows_without_an_image_are_reported(
    flat: Path, table: pd.DataFrame, loud: Progress, console: io.StringIO
) -> None:
    (flat / table["image"][0]).unlink()
    open_with(flat, table, loud)
    assert f"1 rows have no image: '{table['image'][0]}'" in said(console)


def test_without_labels_the_folders_give_the_classes(image_folder: Path, loud: Progress, console: io.StringIO) -> None:
    """The order is that of the names, as without a table; the subject of an image without a row stays unknown."""
    plain = open_image_set(DataSettings(source=str(image_folder), size=32), Progress())
    rows = plain.manifest[plain.manifest["part"] == "original"]
    about = pd.DataFrame({"file": rows["image"], "subject": [f"p{k}" for k in range(len(rows))]})
    described = open_with(image_folder, about.sample(frac=1, random_state=0), loud)
    same = ["image", "label", "part", "digest"]
    assert described.manifest[same].equals(plain.manifest[same])
    assert described.manifest.loc[rows.index, "subject"].tolist() == about["subject"].tolist()
    assert set(described.manifest.drop(rows.index)["subject"]) == {""}
    assert "40 images are not described" in said(console)
    assert "their subjects stay unknown" in said(console)


def test_the_fingerprint_changes_with_what_the_table_says_only(flat: Path, table: pd.DataFrame) -> None:
    def fingerprint(changed: pd.DataFrame) -> str:
        return open_with(flat, changed).fingerprint

    first = fingerprint(table)
    extra = {"image": "none.png", "subject": "x", "slice": "1", "label": CLASSES[0]}
    assert fingerprint(pd.concat([table, pd.DataFrame([extra])])) == first  # a row without an image
    assert fingerprint(table.rename(columns={"image": "filename"})) == first
    (flat.parent / "elsewhere").mkdir()
    table.to_csv(flat.parent / "elsewhere" / "other.tsv", index=False, sep="\t")
    assert open_with(flat, str(flat.parent / "elsewhere" / "other.tsv")).fingerprint == first
    changes: list[dict[str, Any]] = [
        {"subject": table["subject"] + "x"}, {"slice": "9"}, {"age": "70"}, {"split": "train"},
        {"label": table["label"].replace({CLASSES[0]: CLASSES[1], CLASSES[1]: CLASSES[0]})},
    ]  # fmt: skip
    assert len({first, *(fingerprint(table.assign(**change)) for change in changes)}) == 1 + len(changes)


def test_a_table_of_labels_alone_leaves_subjects_to_the_names(flat: Path, table: pd.DataFrame) -> None:
    for k, image in enumerate(table["image"]):
        (flat / image).rename(flat / f"sub-{k // 2}_slice-{k % 2 + 1}.png")
    names = [f"sub-{k // 2}_slice-{k % 2 + 1}" for k in range(len(table))]
    manifest = open_with(flat, table[["label"]].assign(image=names)).manifest
    assert manifest["subject"].tolist() == [name.split("_")[0] for name in names]
    assert set(manifest["subject_by"]) == {"name"}


def test_covariates_follow_the_readable_images(flat: Path, table: pd.DataFrame) -> None:
    (flat / table["image"][0]).write_text("no image")
    given = table.assign(site="A", Age=range(60, 60 + len(table)))
    images = open_with(flat, given, on_corrupt="skip")
    assert images.covariates.to_dict("list") == {
        "age": [str(60 + k) for k in range(1, len(table))], "site": ["A"] * (len(table) - 1),
    }  # fmt: skip
    assert images.skipped["image"].tolist() == [table["image"][0]]


def test_a_pattern_reads_the_path(tmp_path: Path, loud: Progress, console: io.StringIO) -> None:
    for label, name in enumerate(CLASSES):
        for subject in range(2):
            write_image(tmp_path / "set" / f"p{label}{subject}" / f"{name}_60_s03.png", 10 * label + subject)
    write_image(tmp_path / "set" / "preview.png", 99)
    pattern = r"(?P<subject>p\d+)/(?P<label>[A-Za-z]+)_(?P<age>\d+)_s(?P<slice>\d+)"
    images = open_with(tmp_path / "set", {"pattern": pattern}, loud)
    assert images.manifest["subject"].tolist() == [f"p{label}{subject}" for label in range(4) for subject in range(2)]
    assert images.manifest["label"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert set(images.manifest["slice"]) == {"3"}
    assert set(images.manifest["subject_by"]) == {"pattern"}
    assert set(images.covariates["age"]) == {"60"}
    assert images.left_out["image"].tolist() == ["preview.png"]
    assert "1 in .: no label in the pattern" in said(console)


def test_a_pattern_that_fits_half_of_the_files_says_so(
    image_folder: Path, loud: Progress, console: io.StringIO
) -> None:
    images = open_with(image_folder, {"pattern": r"OriginalDataset/.*/(?P<subject>slice\d)"}, loud)
    assert (images.manifest["subject"] == "").sum() == 40
    assert "40 images are not described" in said(console)


def test_bids(tmp_path: Path) -> None:
    root = tmp_path / "bids"
    rows = []
    for label, name in enumerate(CLASSES):
        for subject in range(2):
            person = f"{label}{subject}"
            write_image(root / f"sub-{person}" / "anat" / f"sub-{person}_T1w_slice-07.png", 10 * label + subject)
            rows.append({"participant_id": f"sub-{person}" if subject else person, "diagnosis": name, "age": "70"})
    pd.DataFrame(rows).to_csv(root / "participants.tsv", sep="\t", index=False)
    images = open_with(root, "bids")
    assert images.manifest["subject"].tolist() == [
        f"sub-{label}{subject}" for label in range(4) for subject in range(2)
    ]
    assert images.manifest["label"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert set(images.manifest["slice"]) == {"7"}
    assert set(images.manifest["subject_by"]) == {"bids"}
    assert set(images.covariates["age"]) == {"70"}
    twice = [*rows, {**rows[1], "participant_id": "01"}]  # beside sub-01
    pd.DataFrame(twice).to_csv(root / "participants.tsv", sep="\t", index=False)
    with pytest.raises(DataError, match="each subject must have one row only; repeated: 'sub-01'"):
        open_with(root, "bids")
    pd.DataFrame(rows).rename(columns={"diagnosis": "group"}).to_csv(root / "participants.tsv", sep="\t", index=False)
    with pytest.raises(DataError, match=r"must have a column label .* subject, group, age\. Rename the one that holds"):
        open_with(root, "bids")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": "Mild"}, "a label must be one of NonDemented, .*found 'Mild'. Did you mean 'MildDemented'"),
        ({"subject": "one"}, "all images of a subject must have one label; several: 'one'"),
        ({"image": [f"none{k}" for k in range(16)]}, r"must describe images of .*; it fits none of 16, for example"),
        ({"label": CLASSES[0]}, "must include readable images of every class; there are none of VeryMildDemented"),
    ],
)
def test_wrong_descriptions_are_refused(flat: Path, table: pd.DataFrame, change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_with(flat, table.assign(**change), classes=list(CLASSES))


def test_ambiguous_and_missing_files_are_refused(flat: Path, table: pd.DataFrame) -> None:
    (flat.parent / "set").mkdir()
    for folder in ("one", "two"):
        shutil.copytree(flat, flat.parent / "set" / folder)
    with pytest.raises(DataError, match=f"a name must fit one image; '{table['image'][0]}' fits 2: 'one/"):
        open_with(flat.parent / "set", table)
    with pytest.raises(DataError, match=r"nothing.csv must be a readable CSV file: No such file"):
        open_with(flat, str(flat / "nothing.csv"))


def test_labelled_images_may_be_in_any_folders(tmp_path: Path, loud: Progress) -> None:
    names = ["deep/b/x.png", "deep/a.JPG", "deep/b/c/d/y.png"]
    for number, name in enumerate(names):
        write_image(tmp_path / "set" / name, number)
    for name in ("deep/.hidden/z.png", "deep/__MACOSX/w.png"):
        write_image(tmp_path / "set" / name, 9)
    (tmp_path / "set" / "deep" / "b" / "loop").symlink_to(tmp_path / "set")
    table = pd.DataFrame({"image": names, "subject": ["1", "2", "3"], "label": ["sick", "control", "other"]})
    images = open_with(tmp_path / "set", table, loud, exclude=["Other"])
    assert images.manifest[["image", "label"]].to_numpy().tolist() == [["b/x.png", 1], ["a.JPG", 0]]
    assert (images.classes, images.healthy) == (["control", "sick"], "control")
    assert dict(images.left_out[["image", "reason"]].to_numpy()) == {
        "deep/.hidden/z.png": "in a hidden folder or file",
        "deep/b/c/d/y.png": "left out by data.exclude",
    }
    merged = open_with(tmp_path / "set", table, classes={"healthy": "control", "ill": ["sick", "other"]})
    assert (merged.classes, merged.manifest["label"].tolist()) == (["healthy", "ill"], [1, 0, 1])


def test_a_labelled_set_needs_a_folder_with_images(tmp_path: Path) -> None:
    table = pd.DataFrame({"image": ["a"], "label": ["sick"]})
    with pytest.raises(DataError, match="There is no folder"):
        open_with(tmp_path / "nowhere", table)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="must contain images"):
        open_with(tmp_path / "empty", table)
    write_image(tmp_path / "empty" / "a.png", 1)
    with pytest.raises(DataError, match="labels of at least two classes; it gives 'sick'"):
        open_with(tmp_path / "empty", table)
    with pytest.raises(DataError, match=r"data\.exclude must name labels of .*there is none named docs"):
        open_with(tmp_path / "empty", table, exclude=["docs"])


def test_covariates_are_known_before_images_are_read(flat: Path, table: pd.DataFrame) -> None:
    table.assign(age=60).to_csv(flat.parent / "t.csv", index=False)

    def has_age(subjects: Any) -> bool:
        return has_covariate(DataSettings.model_validate({"source": str(flat), "subjects": subjects}), "age")

    assert has_age(str(flat.parent / "t.csv"))
    assert has_age({"pattern": "(?P<subject>.)(?P<age>.)"})
    assert not has_age({"pattern": "(?P<subject>.)"})
    assert not has_age(None)
    assert not has_age(str(flat / "nothing.csv"))
    (flat / "participants.tsv").write_text("participant_id\tlabel\tage\nsub-1\tx\t60\n")
    assert has_age("bids")
