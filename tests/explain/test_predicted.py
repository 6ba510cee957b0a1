"""Names of the files of drawn maps."""

from __future__ import annotations

from alzbench.explain.predicted import _file_names


def test_each_image_has_a_file_of_its_own() -> None:
    names = ["a b.png", "a_b.png", "A_B.png", "../../etc/passwd", "=", "ü/1.png", "a_b.png-2"]
    assert _file_names(names) == ["a_b.png", "a_b.png-2", "A_B.png-3", "etc_passwd", "image", "ü_1.png", "a_b.png-2-2"]


def test_long_names_fit_into_a_file_system() -> None:
    long = "folder/" * 50 + "ü" * 200 + "1.png"
    (name,) = _file_names([long])
    assert len(name.encode()) <= 200
    assert name.endswith("1.png")
