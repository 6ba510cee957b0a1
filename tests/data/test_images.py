"""Decoding of every kind of image, unusable files, and a cache in which each image is decoded once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from alzbench import arrays
from alzbench.data import images as module
from alzbench.data.images import content_digest, decode, decode_image, image_list, read_image
from alzbench.data.manifest import open_image_set
from alzbench.errors import DataError
from alzbench.experiment import DataSettings
from alzbench.progress import Progress
from tests.helpers.images import write_image


def listing(*paths: Path) -> pd.DataFrame:
    return pd.DataFrame({"image": [p.name for p in paths], "path": [str(p) for p in paths]})


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1", "I;16", "CMYK"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_mode_is_read(tmp_path: Path, mode: str, channels: int) -> None:
    path = tmp_path / ("a.tif" if mode in ("CMYK", "I;16") else "a.png")
    plain = Image.new("L", (40, 30), 255)
    (Image.fromarray(np.full((30, 40), 200, np.uint16)) if mode == "I;16" else plain.convert(mode)).save(path)
    result = decode_image(path, 32, channels)
    assert not isinstance(result, str)
    pixels, size = result
    assert (pixels.shape, pixels.dtype, size) == ((32, 32, channels), np.uint8, (40, 30))
    assert pixels.min() == pixels.max() > 190


@pytest.mark.parametrize(
    ("name", "image", "grey", "rgb"),
    [
        ("a.png", Image.new("L", (40, 30), 77), 77, [77, 77, 77]),
        # 0.299 R + 0.587 G + 0.114 B
        ("a.png", Image.new("RGB", (40, 30), (200, 100, 50)), 124, [200, 100, 50]),
        ("a.png", Image.new("RGB", (40, 30), (200, 100, 50)).quantize(2), 124, [200, 100, 50]),
        ("a.png", Image.new("RGBA", (40, 30), (200, 100, 50, 0)), 124, [200, 100, 50]),
        ("a.png", Image.new("1", (40, 30), 1), 255, [255, 255, 255]),
        ("a.tif", Image.new("CMYK", (40, 30), (0, 0, 0, 255)), 0, [0, 0, 0]),
        ("a.tif", Image.new("CMYK", (40, 30), (255, 0, 0, 0)), 179, [0, 255, 255]),
        ("a.png", Image.new("I;16", (40, 30), 77), 77, [77, 77, 77]),
    ],
    ids=["grey", "rgb", "palette", "rgba", "bits", "cmyk black", "cmyk cyan", "16 bit"],
)
def test_exact_values(tmp_path: Path, name: str, image: Image.Image, grey: int, rgb: list[int]) -> None:
    image.save(tmp_path / name)
    for channels, expected in ((1, [grey]), (3, rgb)):
        result = decode_image(tmp_path / name, 32, channels)
        assert not isinstance(result, str)
        assert np.unique(result[0].reshape(-1, channels), axis=0).tolist() == [expected]


@pytest.mark.parametrize("size", [(16, 16), (17, 300), (32, 32), (500, 20), (176, 208)], ids=str)
def test_every_size_is_brought_to_the_square(tmp_path: Path, size: tuple[int, int]) -> None:
    # left half dark, right half bright, whatever the shape
    halves = np.where(np.arange(size[0]) < size[0] // 2, 40, 210).astype(np.uint8)
    Image.fromarray(np.tile(halves, (size[1], 1))).save(tmp_path / "a.png")
    result = decode_image(tmp_path / "a.png", 32, 1)
    assert not isinstance(result, str)
    pixels, sides = result
    assert sides == size
    assert (pixels[:, :12] == 40).all()
    assert (pixels[:, 20:] == 210).all()


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (Image.fromarray(np.full((30, 40), 4095, np.uint16)), "values up to 4095, but at most 255 are supported"),
        (Image.fromarray(np.full((30, 40), 70_000, np.int32)), "values up to 70000, but at most 255 are supported"),
        (Image.fromarray(np.full((30, 40), 0.5, np.float32)), "floating-point pixels"),
    ],
    ids=["16 bit", "32 bit", "float"],
)
def test_values_that_would_be_clipped_are_refused(tmp_path: Path, image: Image.Image, reason: str) -> None:
    # Pillow would make them all white, or all black, without a warning
    image.save(tmp_path / "a.tif")
    result = decode_image(tmp_path / "a.tif", 32, 1)
    assert isinstance(result, str)
    assert result.startswith(reason)


def test_transparent_palettes_are_read_without_a_warning(tmp_path: Path) -> None:
    image = Image.new("P", (40, 30), 1)
    image.putpalette([0, 0, 0, 90, 90, 90])
    image.save(tmp_path / "a.png", transparency=bytes([0, 128]))
    result = decode_image(tmp_path / "a.png", 32, 1)
    assert not isinstance(result, str)
    assert (result[0] == 90).all()


def test_resizing_averages_what_it_shrinks(tmp_path: Path) -> None:
    checkered = (np.indices((64, 64)).sum(axis=0) % 2 * 200).astype(np.uint8)
    Image.fromarray(checkered).save(tmp_path / "a.png")
    result = decode_image(tmp_path / "a.png", 32, 1)
    assert not isinstance(result, str)
    assert abs(int(result[0][8:24, 8:24].mean()) - 100) <= 1
    assert result[0][8:24, 8:24].std() < 5


def damaged(folder: Path) -> dict[str, str]:
    """Write an unusable file of every kind and return the reason expected for each."""
    write_image(folder / "whole.jpg", 1, (200, 200))
    content = (folder / "whole.jpg").read_bytes()
    (folder / "truncated.jpg").write_bytes(content[: len(content) // 2])
    (folder / "text.jpg").write_text("not an image")
    (folder / "empty.jpg").write_bytes(b"")
    Image.new("L", (1, 1)).save(folder / "dot.jpg")
    Image.new("1", (20_000, 20_000)).save(folder / "huge.png")
    Image.new("1", (9_000, 9_000)).save(folder / "large.png")
    os.symlink(folder / "gone", folder / "vanished.jpg")
    return {
        "truncated.jpg": "damaged: ",
        "text.jpg": "not an image file",
        "empty.jpg": "not an image file",
        "dot.jpg": "1 x 1 pixels, but at least 16 x 16 are required",
        "huge.png": "more than 64 million pixels",
        "large.png": "9000 x 9000 pixels, but at most 64 million are supported",
        "vanished.jpg": "cannot be read: No such file",
    }


def test_all_bad_images_are_reported_at_once(tmp_path: Path, silent: Progress) -> None:
    reasons = damaged(tmp_path)
    result = decode(listing(tmp_path / "whole.jpg", *(tmp_path / name for name in reasons)), 32, 1, silent)
    assert result.files["image"].tolist() == ["whole.jpg"]
    assert len(result.pixels) == 1
    reported = dict(zip(result.bad["image"], result.bad["reason"], strict=True))
    assert reported.keys() == reasons.keys()
    for name, reason in reasons.items():
        assert reported[name].startswith(reason), name


@pytest.fixture
def with_damage(image_folder: Path) -> set[str]:
    folder = image_folder / "AugmentedAlzheimerDataset" / "MildDemented"
    names = set(damaged(folder))
    return {f"AugmentedAlzheimerDataset/MildDemented/{name}" for name in names}


def test_a_set_with_bad_images_is_refused_with_all_their_names(
    image_folder: Path, with_damage: set[str], silent: Progress
) -> None:
    with pytest.raises(DataError, match="7 of 60 are not") as caught:
        open_image_set(DataSettings(source=str(image_folder), size=32), silent)
    assert all(name in str(caught.value) for name in with_damage)
    assert "data.on_corrupt: skip" in str(caught.value)


def test_bad_images_are_skipped_and_recorded_on_request(
    image_folder: Path, with_damage: set[str], silent: Progress
) -> None:
    images = open_image_set(DataSettings(source=str(image_folder), size=32, on_corrupt="skip"), silent)
    assert set(images.skipped["image"]) == with_damage
    assert len(images.manifest) == len(images.pixels) == 53
    assert not with_damage & set(images.manifest["image"])


def test_each_content_is_decoded_once(tmp_path: Path, silent: Progress, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        write_image(tmp_path / f"{number}.png", number)
    (tmp_path / "copy.png").write_bytes((tmp_path / "0.png").read_bytes())
    decoded: list[str] = []

    def counting(path: str, *arguments: Any) -> Any:
        decoded.append(Path(path).name)
        return decode_image(path, *arguments)

    monkeypatch.setattr(module, "decode_image", counting)
    files = listing(*(tmp_path / name for name in ("0.png", "1.png", "2.png", "copy.png")))
    first = decode(files, 32, 1, silent)
    assert sorted(decoded) == ["0.png", "1.png", "2.png"]
    os.rename(tmp_path / "1.png", tmp_path / "renamed.png")
    again = decode(listing(*(tmp_path / n for n in ("renamed.png", "0.png"))), 32, 1, silent)
    assert len(decoded) == 3
    assert np.array_equal(again.pixels.take(slice(None)), first.pixels.take(np.array([1, 0])))
    assert again.files[["width", "height"]].to_numpy().tolist() == [[48, 56]] * 2
    decode(files.iloc[:1], 40, 1, silent)
    assert len(decoded) == 4  # another size


def test_the_pixels_belong_to_their_files(tmp_path: Path, silent: Progress) -> None:
    for value in (10, 90, 200):
        Image.new("L", (20, 20), value).save(tmp_path / f"{value}.png")
    (tmp_path / "bad.png").write_text("x")
    names = ["200.png", "bad.png", "10.png", "90.png"]
    result = decode(listing(*(tmp_path / name for name in names)).set_index(pd.Index([7, 5, 3, 1])), 32, 3, silent)
    values = np.asarray(result.pixels.take(slice(None)))[:, 0, 0, 0]
    assert [f"{value}.png" for value in values] == result.files["image"].tolist() == ["200.png", "10.png", "90.png"]


def test_an_image_that_vanishes_while_the_set_is_read(
    tmp_path: Path, silent: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / "0.png", tmp_path / "1.png"]
    for number, path in enumerate(paths):
        write_image(path, number)

    def vanishing(path: str, *arguments: Any) -> Any:
        paths[0].unlink(missing_ok=True)
        return decode_image(path, *arguments)

    monkeypatch.setattr(module, "decode_image", vanishing)
    result = decode(listing(*paths), 32, 1, silent)
    assert result.bad["image"].tolist() == ["0.png"]
    assert "No such file" in result.bad["reason"].iloc[0]
    assert result.files["image"].tolist() == ["1.png"]


def test_a_folder_in_the_place_of_an_image(tmp_path: Path, silent: Progress) -> None:
    (tmp_path / "folder.png").mkdir()
    assert decode(listing(tmp_path / "folder.png"), 32, 1, silent).bad["reason"].tolist() == [
        "cannot be read: Is a directory"
    ]


def test_one_bad_content_under_two_names_is_named_twice(tmp_path: Path, silent: Progress) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_text("the same")
    write_image(tmp_path / "good.png", 1)
    bad = decode(listing(*(tmp_path / name for name in ("a.png", "good.png", "b.png"))), 32, 1, silent).bad
    assert bad["image"].tolist() == ["a.png", "b.png"]


def test_a_bad_image_that_is_repaired_is_read(tmp_path: Path, silent: Progress) -> None:
    path = tmp_path / "a.png"
    path.write_text("not yet")
    assert len(decode(listing(path), 32, 1, silent).bad) == 1
    write_image(path, 1)
    assert len(decode(listing(path), 32, 1, silent).files) == 1


@pytest.mark.parametrize("part", ["pixels", "sides"])
@pytest.mark.parametrize("damage", ["truncated", "deleted"])
def test_a_damaged_cache_is_repaired(
    own_environment: Path, tmp_path: Path, silent: Progress, part: str, damage: str
) -> None:
    for number in range(3):
        write_image(tmp_path / f"{number}.png", number)
    files = listing(*(tmp_path / f"{number}.png" for number in range(3)))
    before = np.asarray(decode(files, 32, 1, silent).pixels.take(slice(None)))
    (chunk,) = own_environment.glob(f"images/*/{part}/*.npy")
    if damage == "truncated":
        chunk.write_bytes(chunk.read_bytes()[:-1])
    else:
        chunk.unlink()
    after = decode(files, 32, 1, silent)
    assert np.array_equal(after.pixels.take(slice(None)), before)
    assert after.files["width"].tolist() == [48] * 3


def test_the_cache_is_filled_in_chunks(tmp_path: Path, silent: Progress, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "CHUNK_BYTES", 2 * 32 * 32)
    for number in range(5):
        Image.new("L", (20, 20), 10 * number).save(tmp_path / f"{number}.png")
    (tmp_path / "1.png").write_text("bad")
    result = decode(listing(*(tmp_path / f"{number}.png" for number in range(5))), 32, 1, silent)
    assert np.asarray(result.pixels.take(slice(None)))[:, 0, 0, 0].tolist() == [0, 20, 30, 40]


def test_long_lists_are_cut() -> None:
    assert image_list(["a", "b"], limit=2) == "  a\n  b"
    assert image_list(["a", "b", "c"], limit=2) == "  a\n  b\n  and 1 more"


def test_a_file_that_does_not_fit_into_memory_is_not_read(tmp_path: Path, silent: Progress) -> None:
    path = tmp_path / "large.png"
    path.touch()
    os.truncate(path, 2**38)  # sparse: it needs no place
    assert decode_image(path, 8, 1) == "a file of more than 1024 MiB"
    decoded = decode(pd.DataFrame({"image": ["large.png"], "path": [str(path)]}), 8, 1, silent)
    assert decoded.bad["reason"].tolist() == ["a file of more than 1024 MiB"]


def test_a_file_of_several_pages_is_refused(tmp_path: Path) -> None:
    pages = [Image.new("L", (40, 40), grey) for grey in (10, 20, 30)]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    pages[0].save(tmp_path / "one.tif")
    assert read_image(tmp_path / "stack.tif") == "3 pages; save each page as a file of its own"
    assert not isinstance(read_image(tmp_path / "one.tif"), str)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    assert content_digest(str(tmp_path / "a.png")) == ("", "not a file, but a pipe, socket or device")
    assert decode_image(tmp_path / "a.png", 32, 1) == "not a file, but a pipe, socket or device"
