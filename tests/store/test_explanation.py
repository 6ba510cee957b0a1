"""Stored explanations: what is written is read, and damaged files are named."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from alzbench.errors import DataError
from alzbench.evaluation.intervals import Interval
from alzbench.store.explanation import (
    FOLDER,
    Check,
    Contents,
    Estimate,
    Explanation,
    MethodInfo,
    fingerprint,
    read_explanation,
    relative_maps,
    writing_explanation,
)

IMAGES = pd.DataFrame(
    {
        "image": ["a/1.jpg", "a/2.jpg", "b/1.jpg"], "subject": ["s1", "007", ""], "slice": ["1", "02", ""],
        "label": ["A", "A", "B"], "predicted": ["A", "B", "B"], "confidence": [0.9, 0.8, 0.7],
        "group": ["sample", "error", "right"],
    }
)  # fmt: skip
MAPS = np.arange(12, dtype=np.float16).reshape(3, 2, 2) / 16
CHECK = Check(
    name="randomisation", method="grad_cam", label="similarity", value=Estimate(value=0.1, low=0.0, high=0.2),
    against="unrelated images", verdict="passed", sentence="The map depends on the model.", images=3, subjects=2,
)  # fmt: skip


def npy(header: bytes) -> bytes:
    """Return a .npy file with a header, and no array."""
    return b"\x93NUMPY\x01\x00" + (len(header) + 1).to_bytes(2, "little") + header + b"\n"


CSV = b"image,subject,slice,label,predicted,confidence,group\n"


def png() -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8)).save(content, "PNG")
    return content.getvalue()


PNG = png()


def write(run: Path, **contents: object) -> None:
    methods = {"grad_cam": MethodInfo(label="Grad-CAM")}
    with writing_explanation(run) as writer:
        writer.write_images(IMAGES)
        writer.write_array("grad_cam", MAPS)
        for row in range(3):
            writer.write_picture(row, np.full((4, 3), row, np.uint8))
        writer.write_picture(1, np.full((4, 3, 3), 7, np.uint8), "grad_cam")
        writer.write_contents(Contents.model_validate({"methods": methods, "checks": [CHECK], **contents}))


def stored(run: Path) -> Explanation:
    explanation = read_explanation(run)
    assert explanation is not None
    return explanation


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write(tmp_path)
    explanation = stored(tmp_path)
    pd.testing.assert_frame_equal(explanation.images, IMAGES)
    assert np.array_equal(explanation.maps("grad_cam"), MAPS)
    assert explanation.contents.checks == [CHECK]
    assert explanation.picture(2).tolist() == np.full((4, 3), 2).tolist()
    assert explanation.picture_file(1, "grad_cam").is_file()
    assert (explanation.row_of("b/1.jpg"), explanation.row_of("c")) == (2, None)
    assert (explanation.attention_weights, explanation.slice_weights) == (None, None)


def test_a_run_without_an_explanation_has_none(tmp_path: Path) -> None:
    assert read_explanation(tmp_path) is None


def test_a_new_explanation_replaces_the_old_one(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / FOLDER / "old.png").write_bytes(b"")
    write(tmp_path, subject=True)
    assert stored(tmp_path).contents.subject
    assert not (tmp_path / FOLDER / "old.png").exists()
    assert [path.name for path in tmp_path.iterdir()] == [FOLDER]


def test_a_failed_explanation_leaves_the_old_one(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(KeyError), writing_explanation(tmp_path) as writer:
        writer.write_images(IMAGES.drop(columns="label"))
    assert stored(tmp_path).contents.checks == [CHECK]
    assert [path.name for path in tmp_path.iterdir()] == [FOLDER]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("explanation.json", b"{", "explanation.json is damaged"),
        ("explanation.json", b'{"methods": 3}', "explanation.json is damaged"),
        ("images.csv", b"image,subject\nx,y\n", "it has no column slice"),
        ("images.csv", b"\xff\xfe\x00", "images.csv is damaged"),
        ("explanation.json", b'{"methods": {"../grad_cam": {"label": "x"}}}', "explanation.json is damaged"),
        ("explanation.json", b'{"methods": {}, "seconds": {"x": NaN}}', "explanation.json is damaged"),
        ("grad_cam.npy", b"PK", "grad_cam.npy is damaged"),
        ("grad_cam.npy", b"PK\x03\x04 is the start of an archive", "grad_cam.npy is damaged"),
        ("grad_cam.npy", npy(b"((((("), "grad_cam.npy is damaged"),
        ("grad_cam.npy", npy(b"{'descr': '<f2', 'fortran_order': False, 'shape': (3, 9999999, 9999999)}"), "damaged"),
        ("images.csv", CSV + b"x,s,1,A,A,inf,right\n", "confidence must hold finite numbers"),
        ("images.csv", CSV + b"x,s,1,A,A,high,right\n", "images.csv is damaged"),
        ("grad_cam.npy", b"", "grad_cam.npy is damaged"),
        ("slices/0000.png", PNG[:8] + b"\0\0\0\0\0\0\0\0", "0000.png is damaged"),
        ("slices/0000.png", PNG[: len(PNG) // 2], "0000.png is damaged"),
        ("slices/0000.png", b"P5 1 1 255 x", "0000.png is damaged"),  # a picture of another format
        ("slices/0000.png", b"no picture", "0000.png is damaged"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    write(tmp_path)
    (tmp_path / FOLDER / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_all(tmp_path)


def test_a_picture_that_would_fill_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5)  # of 12; Pillow refuses twice as many
    with pytest.raises(DataError, match=r"0000\.png is damaged"):
        stored(tmp_path).picture(0)


def test_the_fingerprint_is_that_of_checks_and_images(tmp_path: Path) -> None:
    assert fingerprint(tmp_path) == ""
    write(tmp_path)
    first = fingerprint(tmp_path)
    write(tmp_path)
    assert fingerprint(tmp_path) == first != ""
    path = tmp_path / FOLDER / "images.csv"
    path.write_text(path.read_text().replace("0.9", "0.95"))
    other_images = fingerprint(tmp_path)
    write(tmp_path, subject=True)
    assert len({first, other_images, fingerprint(tmp_path)}) == 3


@pytest.mark.parametrize(
    "maps",
    [
        np.zeros((2, 2, 2), np.float16),
        np.zeros((3, 2), np.float16),
        np.zeros((3, 2, 0), np.float16),
        np.full((3, 2, 2), np.nan, np.float16),
        np.full((3, 2, 2), 1e300, np.float64),
        np.full((3, 2, 2), -0.1, np.float16),
        np.zeros((3, 2, 2), np.int64),
        np.array([[[object()]]] * 3, dtype=object),
    ],
    ids=["rows", "dimensions", "empty", "nan", "large", "negative", "integers", "pickle"],
)
def test_an_array_that_does_not_fit_is_refused(tmp_path: Path, maps: np.ndarray) -> None:
    write(tmp_path)
    np.save(tmp_path / FOLDER / "grad_cam.npy", maps, allow_pickle=True)
    with pytest.raises(DataError, match=r"grad_cam\.npy is damaged"):
        read_all(tmp_path)


def test_an_archive_of_arrays_is_no_array(tmp_path: Path) -> None:
    write(tmp_path)
    with (tmp_path / FOLDER / "grad_cam.npy").open("wb") as file:
        np.savez(file, maps=MAPS)
    with pytest.raises(DataError, match=r"grad_cam\.npy is damaged"):
        read_all(tmp_path)


def read_all(run: Path) -> None:
    explanation = stored(run)
    explanation.maps("grad_cam")
    explanation.picture(0)


def test_relative_maps_have_the_largest_value_1() -> None:
    maps = relative_maps(np.array([[[0.0, 2.0], [4.0, 1.0]], [[0, 0], [0, 0]]]))
    assert maps.tolist() == [[[0, 0.5], [1, 0.25]], [[0, 0], [0, 0]]]
    assert maps.dtype == np.float16


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_relative_maps_refuse_other_values(value: float) -> None:
    with pytest.raises(ValueError, match="not negative"):
        relative_maps(np.array([[[value]]]))


def test_an_estimate_is_an_interval_without_its_errors() -> None:
    interval = Interval(0.5, 0.4, 0.6, 1, 9, 0.05, 0.0, 8)
    assert Estimate.of(interval) == Estimate(value=0.5, low=0.4, high=0.6)
