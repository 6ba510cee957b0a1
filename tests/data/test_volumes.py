"""Sets of NIfTI volumes: which slices are taken, whose they are, and what is refused."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError
from rich.console import Console

from alzbench.data.manifest import ImageSet, open_image_set
from alzbench.data.volumes import name_subjects, slice_numbers
from alzbench.errors import DataError
from alzbench.experiment import DataSettings
from alzbench.experiment.volumes import VolumeSettings
from alzbench.progress import Progress
from tests.helpers.images import write_image
from tests.helpers.medical import write_nifti
from tests.helpers.volumes import DEPTH, write_volume, write_volume_set


def open_with(source: Path, progress: Progress | None = None, **settings: Any) -> ImageSet:
    values = {"source": str(source), "size": 32, "volumes": {"slices": 3}, **settings}
    return open_image_set(DataSettings.model_validate(values), progress or Progress())


@pytest.fixture
def volumes(tmp_path: Path) -> Path:
    write_volume_set(tmp_path / "set", subjects=2)
    return tmp_path / "set"


def test_slices_of_volumes_are_images_and_a_volume_is_a_subject(volumes: Path) -> None:
    images = open_with(volumes)
    assert images.classes == ["control", "patient"]
    assert images.healthy == "control"
    rows = images.manifest[["image", "label", "subject", "slice", "subject_by"]].to_numpy().tolist()
    # (20 - 1) * 0.35 = 6.65 and (20 - 1) * 0.75 = 14.25, counted from 0; half way is 10.45
    assert rows[:3] == [
        [f"control/scan00.nii.gz/sub-scan00_slice-{number:03d}.png", 0, "sub-scan00", str(number), "name"]
        for number in (8, 11, 15)
    ]
    assert images.manifest["subject"].nunique() == 4
    assert len(rows) == 12


def test_pixels_are_those_of_the_slice_in_its_true_shape(tmp_path: Path) -> None:
    values = np.zeros((20, 24, 30), np.float32)
    values[:10, :, 14] = 50  # the right half, as the first dimension runs to the right in this file
    values[10:, :, 14] = 100
    for name in ("a", "b"):
        (tmp_path / "set" / name).mkdir(parents=True)
        write_nifti(tmp_path / "set" / name / "x.nii", values, np.diag([-2.0, 1.0, 1.0, 1.0]))
    settings = {"slices": 1, "between": [0.4, 0.6], "window": [0, 100]}
    manifest = open_with(tmp_path / "set", volumes=settings).manifest
    with Image.open(manifest["path"][0]) as image:
        pixels = np.asarray(image)
    # place 0.5 * 29 = 14.5 rounds up to 15, the 16th slice, which is black
    assert manifest["slice"][0] == "16"
    assert pixels.max() == 0
    settings["between"] = [0.4, 0.55]
    manifest = open_with(tmp_path / "set", volumes=settings).manifest
    with Image.open(manifest["path"][0]) as image:
        assert image.size == (40, 24)  # voxels are twice as wide as high
        pixels = np.asarray(image)
    assert manifest["slice"][0] == "15"
    assert pixels[12, 2] == 128  # 50 of 100; the patient's right is on the left side
    assert pixels[12, 37] == 255


@given(st.integers(1, 300), st.integers(1, 64), st.floats(0, 0.9), st.floats(0.01, 0.1))
def test_slice_numbers_are_in_the_volume_and_differ(depth: int, slices: int, low: float, width: float) -> None:
    numbers = slice_numbers(depth, VolumeSettings(slices=slices, between=(low, low + width)))
    assert numbers == sorted(set(numbers))
    assert 1 <= len(numbers) <= slices
    assert numbers[0] >= 1
    assert numbers[-1] <= depth


def test_subjects_are_read_from_the_path() -> None:
    assert name_subjects(
        ["AD/sub-01/ses-1/sub-01_T1w.nii.gz", "CN/OAS1_0002_MR1.nii", "CN/ADNI_002_S_0295_MR.nii", "x/scan 7.nii.gz"]
    ) == ["sub-01", "OAS1_0002", "sub-002S0295", "sub-scan7"]
    same = name_subjects(["p1/T1.nii.gz", "p2/T1.nii.gz", "p2/扫描.nii"])
    assert len(set(same)) == 3
    assert same[0].startswith("sub-p1T1")
    twice = name_subjects(["p1/T1.nii.gz", "p1/T1.nii", "p2/x.nii", "p2/x.NII.GZ"])
    assert twice == [twice[0], twice[0], "sub-x", "sub-x"]


def test_volumes_of_one_person_are_one_subject(tmp_path: Path) -> None:
    for label, name in enumerate(("CN", "AD")):
        for session in (1, 2):
            write_volume(tmp_path / name / f"sub-{name}1_ses-{session}_T1w.nii.gz", 3 * label, session)
    assert open_with(tmp_path).manifest.groupby("subject").size().to_dict() == {"sub-AD1": 6, "sub-CN1": 6}


def test_a_table_has_a_row_for_each_volume(tmp_path: Path) -> None:
    for number in range(4):
        write_volume(tmp_path / "flat" / f"{number}.nii.gz", 3 * (number // 2), number)
    table = pd.DataFrame(
        {"image": [f"{n}.nii.gz" for n in (3, 0, 1, 2)], "subject": list("dabc"), "diagnosis": ["AD", "CN", "CN", "AD"]}
    )
    table.assign(age=["80", "70", "71", "79"]).to_csv(tmp_path / "people.csv", index=False)
    images = open_with(tmp_path / "flat", subjects=str(tmp_path / "people.csv"))
    assert images.classes == ["CN", "AD"]
    assert images.manifest["subject"].tolist() == [name for name in "dabc" for _ in range(3)]
    assert images.manifest["slice"].tolist() == ["8", "11", "15"] * 4
    assert images.covariates["age"].tolist()[::3] == ["80", "70", "71", "79"]
    with pytest.raises(DataError, match="volumes must be in one folder per class"):
        open_with(tmp_path / "flat")


def test_bids_folders_of_volumes(tmp_path: Path) -> None:
    for number in range(4):
        write_volume(tmp_path / f"sub-0{number}" / "anat" / f"sub-0{number}_T1w.nii.gz", 3 * (number // 2), number)
    rows = [f"sub-0{number}\t{('AD', 'CN')[number < 2]}" for number in range(4)]
    (tmp_path / "participants.tsv").write_text("participant_id\tdiagnosis\n" + "\n".join(rows))
    images = open_with(tmp_path, subjects="bids")
    assert images.manifest.groupby(["subject", "label"]).size().to_dict() == {
        ("sub-00", 0): 3, ("sub-01", 0): 3, ("sub-02", 1): 3, ("sub-03", 1): 3,
    }  # fmt: skip


def test_the_same_volumes_elsewhere_are_the_same_set_written_once(volumes: Path, tmp_path: Path) -> None:
    first = open_with(volumes)
    volumes.rename(tmp_path / "other name")
    again = open_with(tmp_path / "other name")
    assert again.fingerprint == first.fingerprint
    assert again.manifest["path"].tolist() == first.manifest["path"].tolist()
    other = open_with(tmp_path / "other name", volumes={"slices": 2})
    assert other.fingerprint != first.fingerprint


def test_unusable_volumes_are_named(volumes: Path) -> None:
    write_nifti(volumes / "control" / "time.nii", np.zeros((20, 20, 20, 4), np.int16))
    (volumes / "patient" / "broken.nii.gz").write_bytes(b"no gzip")
    with pytest.raises(DataError, match=r"(?s)2 of 14 are not.*control/time.nii: 4 dimensions \(20 x 20 x 20 x 4\)"):
        open_with(volumes)
    images = open_with(volumes, on_corrupt="skip")
    assert images.skipped["image"].tolist() == ["control/time.nii", "patient/broken.nii.gz"]
    assert len(images.manifest) == 12


def test_a_set_without_usable_volumes_is_refused(tmp_path: Path) -> None:
    write_image(tmp_path / "a" / "x.png", 1)
    with pytest.raises(DataError, match="must contain NIfTI volumes"):
        open_with(tmp_path)
    write_nifti(tmp_path / "a" / "x.nii", np.zeros((20, 20, 20, 4), np.int16))
    with pytest.raises(DataError, match=r"No volume below .* can be used; a/x.nii: 4 dimensions"):
        open_with(tmp_path)


def test_other_images_are_left_out_and_reported(volumes: Path) -> None:
    write_image(volumes / "control" / "preview.png", 1)
    write_volume(volumes / ".old" / "x.nii.gz", 0, 0)
    console = io.StringIO()
    images = open_with(volumes, Progress(Console(file=console, width=200)))
    assert dict(images.left_out[["image", "reason"]].to_numpy()) == {
        "control/preview.png": "no NIfTI volume, and data.volumes is set",
        ".old/x.nii.gz": "in a hidden folder or file",
    }
    assert "2 image files are left out" in console.getvalue()


def test_volumes_without_the_setting_are_refused_or_left_out(volumes: Path) -> None:
    with pytest.raises(DataError, match=r"Set data\.volumes to read slices of them"):
        open_with(volumes, volumes=None)
    for number in range(4):
        write_image(volumes / ("control", "patient")[number % 2] / f"{number}.png", number)
    left_out = open_with(volumes, volumes=None).left_out
    assert set(left_out["reason"]) == {".nii.gz is not a supported format"}
    assert len(left_out) == 4


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"between": [0.7, 0.3]}, "between must be two numbers in ascending order, from 0 to 1"),
        ({"window": [0, 101]}, "window must be two numbers in ascending order, from 0 to 100"),
        ("oblique", "Input should be 'axial'"),
        ({"slices": 0}, "greater than or equal to 1"),
    ],
)
def test_wrong_settings_are_refused(value: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DataSettings.model_validate({"volumes": value})


def test_the_axis_may_stand_alone(volumes: Path) -> None:
    settings = DataSettings.model_validate({"volumes": "coronal"}).volumes
    assert settings == VolumeSettings(axis="coronal")
    images = open_with(volumes, volumes={"axis": "sagittal", "slices": 1})
    with Image.open(images.manifest["path"][0]) as image:
        assert image.size == (104, 2 * DEPTH)  # 104 rows of 2 mm, and 20 slices of 4 mm
