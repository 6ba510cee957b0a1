"""Decoding: every kind of image, every kind of damage, and each image once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from alzbench.data import images as module
from alzbench.data.images import decode, decode_image
from alzbench.data.manifest import open_image_set
from alzbench.errors import DataError
from alzbench.experiment import DataSettings
from alzbench.progress import Progress
from tests.conftest import write_image


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
        "dot.jpg": "1 x 1 pixels, at least 16 x 16 are needed",
        "huge.png": "more than 64 million pixels",
        "large.png": "9000 x 9000 pixels, at most 64 million are read",
        "vanished.jpg": "cannot be read: No such file",
    }


def test_all_bad_images_are_found_at_once(tmp_path: Path, silent: Progress) -> None:
    reasons = damaged(tmp_path)
    result = decode(listing(tmp_path / "whole.jpg", *(tmp_path / name for name in reasons)), 32, 1, silent)
    assert result.files["image"].tolist() == ["whole.jpg"]
    assert len(result.pixels) == 1
    found = dict(zip(result.bad["image"], result.bad["reason"], strict=True))
    assert found.keys() == reasons.keys()
    for name, reason in reasons.items():
        assert found[name].startswith(reason), name


@pytest.fixture
def with_damage(image_folder: Path) -> set[str]:
    folder = image_folder / "AugmentedAlzheimerDataset" / "MildDemented"
    names = set(damaged(folder)) - {"vanished.jpg"}  # a link to nothing is not listed
    return {f"AugmentedAlzheimerDataset/MildDemented/{name}" for name in names}


def test_a_set_with_bad_images_is_refused_with_all_their_names(
    image_folder: Path, with_damage: set[str], silent: Progress
) -> None:
    with pytest.raises(DataError, match="6 of 59 are not") as caught:
        open_image_set(DataSettings(source=str(image_folder), size=32), silent)
    assert all(name in str(caught.value) for name in with_damage)
    assert "data.on_corrupt: skip" in str(caught.value)


def test_or_they_are_left_out_and_recorded(image_folder: Path, with_damage: set[str], silent: Progress) -> None:
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
