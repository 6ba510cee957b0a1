"""DICOM and NIfTI files, written here: windows, inversion and orientation by hand, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from alzbench.data.medical import Axis, Unusable, kind_of, read_header, read_slices, to_grey
from tests.helpers.medical import RAMP, write_dicom, write_nifti

TAGS = {"InstanceNumber": b"\x20\x00\x13\x00IS", "NumberOfFrames": b"\x28\x00\x08\x00IS"}


def grey(path: Path, number: int = 1, axis: Axis = "axial") -> np.ndarray:
    return read_slices(path, [number], axis, (0, 100))[0].pixels


def test_the_kind_is_that_of_the_suffix_or_of_the_first_bytes(tmp_path: Path) -> None:
    assert kind_of(tmp_path / "a.nii.gz") == kind_of(tmp_path / "A.NII") == "nifti"
    assert kind_of(tmp_path / "a.IMA") == "dicom"
    assert kind_of(write_dicom(tmp_path / "IM0001")) == kind_of(write_dicom(tmp_path / "1.2.3")) == "dicom"
    (tmp_path / "README").write_text("text")
    assert kind_of(tmp_path / "README") is None
    assert kind_of(tmp_path / "a.png") is None


def test_grey_values_are_clipped_and_rounded() -> None:
    values = np.array([-5.0, 0.0, 1.0, 2.0, 10.0, 11.0, np.nan])
    assert to_grey(values, 0, 10).tolist() == [0, 0, 26, 51, 255, 255, 0]
    for low, high in ((1, 1), (2, 1), (np.nan, 1)):
        with pytest.raises(Unusable, match="nearly the same value"):
            to_grey(values, low, high)


def test_a_dicom_header_names_subject_slice_and_modality(tmp_path: Path) -> None:
    header = read_header(write_dicom(tmp_path / "a.dcm"))
    assert (header.slices, header.subject, header.slice, header.warnings) == (1, "P1", "7", ())
    assert read_header(write_dicom(tmp_path / "b.dcm", Modality="CT")).warnings == ("modality CT, not MR",)
    frames = read_header(write_dicom(tmp_path / "c.dcm", np.stack([RAMP, RAMP])))
    assert (frames.slices, frames.slice) == (2, "")


def test_a_dicom_window_becomes_black_and_white(tmp_path: Path) -> None:
    # DICOM PS3.3 C.11.2.1.2.1: centre 500 and width 101 run from 449.5 to 549.5
    pixels = grey(write_dicom(tmp_path / "a.dcm", WindowCenter="500", WindowWidth="101")).ravel()
    assert pixels[449] == 0
    assert pixels[550] == 255
    assert pixels[500] == round(50.5 * 2.55)
    # with a slope of 2 and an intercept of -100, the stored value 300 is 500
    scaled = write_dicom(
        tmp_path / "b.dcm", WindowCenter="500", WindowWidth="101", RescaleSlope="2", RescaleIntercept="-100"
    )
    assert grey(scaled).ravel()[300] == round(50.5 * 2.55)


def test_without_a_window_the_percentiles_are_black_and_white_and_monochrome1_is_inverted(tmp_path: Path) -> None:
    pixels = grey(write_dicom(tmp_path / "a.dcm"))
    assert (pixels[0, 0], pixels[-1, -1]) == (0, 255)
    inverted = grey(write_dicom(tmp_path / "b.dcm", PhotometricInterpretation="MONOCHROME1"))
    np.testing.assert_array_equal(inverted, 255 - pixels)


def test_frames_are_counted_from_one_and_the_spacing_gives_the_aspect(tmp_path: Path) -> None:
    frames = np.stack([RAMP, RAMP[::-1]])
    path = write_dicom(tmp_path / "a.dcm", frames, PixelSpacing=["2", "1"])
    first, second = read_slices(path, [1, 2], "axial", (0, 100))
    np.testing.assert_array_equal(second.pixels, first.pixels[::-1])
    assert first.aspect == 40 * 1 / (32 * 2)


@pytest.mark.parametrize(
    ("axis", "shape", "corner"),
    # the voxel at the right, front and top; the patient's right is at the left of a picture, as is the front
    [("axial", (48, 40), (0, 0)), ("coronal", (44, 40), (0, 0)), ("sagittal", (44, 48), (0, 0))],
)
def test_slices_of_a_volume_have_one_orientation(
    tmp_path: Path, axis: Axis, shape: tuple[int, int], corner: tuple[int, int]
) -> None:
    values = np.zeros((40, 48, 44), np.int16)
    values[-1, -1, -1] = 100
    last = {"axial": 44, "coronal": 48, "sagittal": 40}[axis]
    straight = write_nifti(tmp_path / "a.nii.gz", values)
    # the same head, stored from right to left and with its dimensions in another order
    flipped = np.diag([-1.0, 1.0, 1.0, 1.0])
    turned = write_nifti(tmp_path / "b.nii", values[::-1].transpose(2, 0, 1), flipped[:, [2, 0, 1, 3]])
    for path in (straight, turned):
        assert read_header(path, axis).slices == last
        pixels = grey(path, last, axis)
        assert pixels.shape == shape
        assert np.argwhere(pixels).tolist() == [list(corner)]


def test_the_aspect_of_a_volume_is_in_millimetres(tmp_path: Path) -> None:
    values = np.arange(40 * 48 * 44, dtype=np.int16).reshape(40, 48, 44)
    path = write_nifti(tmp_path / "a.nii", values, np.diag([1.0, 2.0, 3.0, 1.0]))
    assert read_slices(path, [3])[0].aspect == pytest.approx(40 / (48 * 2))


def test_what_is_no_grey_slice_is_refused(tmp_path: Path) -> None:
    values = np.arange(40 * 40 * 40, dtype=np.float32).reshape(40, 40, 40)
    text = tmp_path / "text.dcm"
    text.write_text("no DICOM file")
    cut = tmp_path / "cut.nii"
    cut.write_bytes(write_nifti(tmp_path / "whole.nii", values).read_bytes()[:5000])
    damaged = tmp_path / "damaged.nii.gz"
    damaged.write_bytes(b"no gzip")
    half = write_dicom(tmp_path / "half.dcm", PixelData=RAMP.tobytes()[:100])
    refused = {
        text: "not a DICOM file",
        cut: "damaged",
        damaged: "damaged",
        half: "damaged",
        write_dicom(tmp_path / "none.dcm", None): "a DICOM file without pixels",
        write_dicom(tmp_path / "colour.dcm", PhotometricInterpretation="RGB"): "a colour picture",
        write_dicom(tmp_path / "flat.dcm", np.full_like(RAMP, 3)): "nearly the same value",
        write_nifti(tmp_path / "4d.nii", np.stack([values, values], axis=-1)): "4 dimensions",
        write_nifti(tmp_path / "nan.nii", np.full_like(values, np.nan)): "nearly the same value",
    }
    for path, reason in refused.items():
        with pytest.raises(Unusable, match=reason):
            read_slices(path, [1])


@pytest.mark.parametrize(
    ("keyword", "value"), [("InstanceNumber", b"abcd"), ("InstanceNumber", b"1\\2 "), ("NumberOfFrames", b"2\\3 ")]
)
def test_a_header_with_wrong_values_is_damaged(tmp_path: Path, keyword: str, value: bytes) -> None:
    path = write_dicom(tmp_path / "a.dcm", RAMP, **{keyword: 12})
    content = path.read_bytes()
    old = TAGS[keyword] + b"\x02\x0012"
    assert content.count(old) == 1
    path.write_bytes(content.replace(old, TAGS[keyword] + len(value).to_bytes(2, "little") + value))
    with pytest.raises(Unusable, match="damaged"):
        read_header(path)


def test_a_compression_that_is_none_is_damaged(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.1\0\0\0"))
    with pytest.raises(Unusable, match="damaged"):
        read_slices(path, [1])


def test_what_is_corrected_in_a_header_is_not_printed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_nifti(tmp_path / "a.nii", np.arange(40**3, dtype=np.int16).reshape(40, 40, 40))
    content = bytearray(path.read_bytes())
    content[252] = 99  # qform_code
    path.write_bytes(content)
    assert read_header(path).slices == 40
    assert caplog.text == ""
