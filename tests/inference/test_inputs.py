"""Files of a prediction: found, named, given to subjects, and decoded."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alzbench.data.names import KAGGLE_SLICES
from alzbench.errors import DataError, ExperimentError
from alzbench.inference.inputs import Inputs, SliceChoice, decode_file, find_inputs, read_pictures
from alzbench.progress import Progress
from tests.helpers.images import write_image
from tests.helpers.medical import RAMP, write_dicom, write_nifti


def find(*paths: Path, numbers: tuple[int, ...] | None = None) -> Inputs:
    return find_inputs(paths, SliceChoice(numbers), Progress())


def draw(path: Path, seed: int = 0) -> Path:
    write_image(path, seed)
    return path


def names(inputs: Inputs) -> list[str]:
    return [image.name for image in inputs.images]


def about(inputs: Inputs) -> list[tuple[str, str, str]]:
    return [(image.name, image.subject, image.slice) for image in inputs.images]


def test_arguments_keep_their_order_and_a_folder_is_sorted(tmp_path: Path) -> None:
    folder, single = tmp_path / "folder", draw(tmp_path / "z.png")
    for name in ("b.jpg", "a/c.PNG", ".hidden/d.png", ".e.png", "__MACOSX/f.png"):
        draw(folder / name)
    (folder / "notes.txt").write_text("no image")
    (folder / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    found = find(single, folder)
    assert names(found) == ["z.png", "a/c.PNG", "b.jpg"]
    assert [file.path for file in found.files] == [single, folder / "a" / "c.PNG", folder / "b.jpg"]
    assert found.bad.empty


def test_a_file_that_is_named_twice_is_one(tmp_path: Path) -> None:
    first, second = draw(tmp_path / "a.png"), draw(tmp_path / "b.png")
    assert names(find(second, tmp_path, tmp_path / ".." / tmp_path.name / "a.png")) == ["b.png", "a.png"]
    assert names(find(first, first)) == ["a.png"]
    assert names(find(second)) == ["b.png"]


def test_files_with_the_same_name_are_named_by_their_paths(tmp_path: Path) -> None:
    first, second = draw(tmp_path / "one" / "a.png"), draw(tmp_path / "two" / "a.png")
    assert names(find(first, second)) == [first.as_posix(), second.as_posix()]


def test_what_holds_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(DataError, match=r"must contain images \(.*\.dcm.*\.png.*\); it contains none"):
        find(tmp_path)
    with pytest.raises(DataError, match=r"There is no file or folder .*nobody"):
        find(tmp_path / "nobody")


def test_subjects_are_read_from_names_that_hold_them(tmp_path: Path) -> None:
    for name in ("named/sub-02_slice-05.png", "named/sub-01_slice-12.png", "other/17.png"):
        draw(tmp_path / name)
    assert about(find(tmp_path)) == [
        ("named/sub-01_slice-12.png", "sub-01", "12"), ("named/sub-02_slice-05.png", "sub-02", "5"),
        ("other/17.png", "", ""),
    ]  # fmt: skip
    draw(tmp_path / "named" / "somebody.png")  # each name is read by itself
    assert [image.subject for image in find(tmp_path).images] == ["", "sub-01", "sub-02", ""]


@pytest.mark.parametrize("agree", [True, False], ids=["confirmed", "not confirmed"])
def test_numbered_names_are_confirmed_by_the_pixels(tmp_path: Path, agree: bool) -> None:
    """`S (K).jpg` is slice S of subject K, if neighbouring slices of a subject are alike."""
    for number in range(1, KAGGLE_SLICES + 1):
        for subject in (1, 2):
            name = f"{number}.jpg" if subject == 1 else f"{number} ({subject}).jpg"
            seen = subject if agree or number != 17 else 3 - subject
            draw(tmp_path / "set" / "MildDemented" / name, seed=seen)
    found = {image.name: (image.subject, image.slice) for image in find(tmp_path / "set").images}
    assert len(found) == 2 * KAGGLE_SLICES
    if agree:
        assert found["MildDemented/1.jpg"] == ("milddemented-001", "1")
        assert found["MildDemented/17 (2).jpg"] == ("milddemented-002", "17")
    else:
        assert set(found.values()) == {("", "")}


def test_medical_files_are_named_by_their_headers(tmp_path: Path) -> None:
    files = [
        write_dicom(tmp_path / "one.dcm"),
        write_dicom(tmp_path / "ct.dcm", PatientID=" P2 ", Modality="CT", InstanceNumber=None),
        write_dicom(tmp_path / "frames.dcm", np.stack([RAMP, RAMP[::-1], RAMP]), PatientID=""),
        write_nifti(tmp_path / "head.nii.gz", np.zeros((40, 41, 42), np.int16)),
    ]
    found = find(*files, numbers=(3, 1))
    assert about(found) == [
        ("one.dcm", "P1", "7"), ("ct.dcm", "P2", ""),
        ("frames.dcm[3]", "frames.dcm", "3"), ("frames.dcm[1]", "frames.dcm", "1"),
        ("head.nii.gz[3]", "head", "3"), ("head.nii.gz[1]", "head", "1"),
    ]  # fmt: skip
    assert [image.warnings for image in found.images[:2]] == [(), ("modality CT, not MR",)]
    assert [file.choice.numbers if file.choice else None for file in found.files] == [(1,), (1,), (3, 1), (3, 1)]


def test_a_volume_needs_numbers_that_it_has(tmp_path: Path) -> None:
    volume = write_nifti(tmp_path / "v.nii", np.zeros((40, 41, 42), np.int16))
    with pytest.raises(ExperimentError, match=r"a volume of 42 axial slices.*--slices 21, or --slices 12-21"):
        find(volume)
    for wrong in (0, 43):
        with pytest.raises(ExperimentError, match=rf"must be from 1 to 42, .*got {wrong}\."):
            find(volume, numbers=(1, wrong))
    frames = write_dicom(tmp_path / "f.dcm", np.stack([RAMP, RAMP]))
    with pytest.raises(ExperimentError, match=r"a volume of 2 frames.*--slices 1, or --slices 1-1"):
        find(frames)


def test_unusable_headers_are_listed_and_the_others_kept(tmp_path: Path) -> None:
    good, broken = draw(tmp_path / "a.png"), tmp_path / "b.nii"
    broken.write_bytes(b"no volume")
    found = find(broken, good, numbers=(1,))
    assert names(found) == ["a.png"]
    assert found.bad["image"].tolist() == ["b.nii"]
    assert found.bad["reason"].str.startswith("damaged").all()


def test_pictures_are_measured_before_they_are_resized(tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    Image.new("RGB", (40, 20), (200, 110, 100)).save(path)
    (file,) = find(path).files
    images = decode_file(file, 16, 1)
    assert not isinstance(images, str)
    (decoded,) = images
    assert (decoded.aspect, decoded.colour) == (2, 100)  # 200 minus 100
    assert decoded.pixels.shape == (16, 16, 1)
    assert np.unique(decoded.pixels).tolist() == [136]  # 0.299 * 200 + 0.587 * 110 + 0.114 * 100
    pictures = read_pictures(file)
    assert not isinstance(pictures, str)
    assert [(picture.size, aspect) for picture, aspect in pictures] == [((40, 20), 2)]


def test_the_chosen_slices_are_decoded_in_their_order(tmp_path: Path) -> None:
    """The frames are a ramp, one upside down: their brightest pixels are at opposite ends."""
    path = write_dicom(tmp_path / "f.dcm", np.stack([RAMP, RAMP[::-1, ::-1]]))
    for numbers, brightest in (((1, 2), [-1, 0]), ((2, 1), [0, -1])):
        (file,) = find(path, numbers=numbers).files
        decoded = decode_file(file, 32, 3)
        assert not isinstance(decoded, str)
        assert [image.pixels.shape for image in decoded] == [(32, 32, 3)] * 2
        assert all(image.pixels[k, k].mean() > 250 for image, k in zip(decoded, brightest, strict=True))
        assert [(image.aspect, image.colour) for image in decoded] == [(40 / 32, 0)] * 2


def test_unusable_pixels_are_told_by_a_text(tmp_path: Path) -> None:
    broken, flat = tmp_path / "a.png", write_dicom(tmp_path / "b.dcm", np.full((32, 40), 7, np.uint16))
    broken.write_bytes(b"no picture")
    first, second = find(broken, flat).files
    assert isinstance(decode_file(first, 32, 1), str)
    assert decode_file(second, 32, 1) == "all pixels have nearly the same value"


def test_names_that_are_no_text_can_be_written(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", 1)
    try:
        (tmp_path / "a.png").rename(tmp_path / os.fsdecode(b"bad\xff.png"))
    except OSError:
        pytest.skip("the file system takes text alone")
    write_image(tmp_path / "good.png", 1)
    (bad, good) = find_inputs([tmp_path], SliceChoice(), Progress()).files
    assert (bad.name, good.name) == ("bad\\xff.png", "good.png")
    assert bad.path.is_file()
