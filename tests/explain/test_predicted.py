"""The files of drawn maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from alzbench.explain.predicted import _file_names, _write_pictures
from alzbench.inference.inputs import DecodedImage, InputFile, InputImage


def test_each_image_has_a_file_of_its_own() -> None:
    names = ["a b.png", "a_b.png", "A_B.png", "../../etc/passwd", "=", "ü/1.png", "a_b.png-2"]
    assert _file_names(names) == ["a_b.png", "a_b.png-2", "A_B.png-3", "etc_passwd", "image", "ü_1.png", "a_b.png-2-2"]


def test_long_names_fit_into_a_file_system() -> None:
    long = "folder/" * 50 + "ü" * 200 + "1.png"
    (name,) = _file_names([long])
    assert len(name.encode()) <= 200
    assert name.endswith("1.png")


def test_each_map_is_over_its_own_picture_and_a_vanished_one_is_left_out(tmp_path: Path) -> None:
    drawn = []
    for name, size in (("a.png", (20, 30)), ("gone.png", (20, 20)), ("b.png", (40, 16))):
        Image.new("L", size).save(tmp_path / name)
        image = InputImage(name)
        drawn.append(
            (InputFile(name, tmp_path / name, (image,)), image, DecodedImage(np.zeros((8, 8, 1), np.uint8), 1, 0))
        )
    (tmp_path / "gone.png").unlink()
    maps = np.zeros((3, 2, 2), np.float16)
    maps[2] = 1
    written = _write_pictures(drawn, {"grad_cam": maps}, tmp_path / "maps")
    assert [path.name for path in written] == ["a.png-grad_cam.png", "b.png-grad_cam.png"]
    first, second = (np.asarray(Image.open(path)) for path in written)
    assert first[:, :20].shape[:2] == (30, 20)
    assert (first[:, :20].max(), second.shape[0]) == (0, 16)
    assert second[:, :40].min(axis=(0, 1)).max() > 0
