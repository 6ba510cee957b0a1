"""Files and folders that are predicted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from alzbench.inference.inputs import SliceChoice, find_inputs
from alzbench.progress import Progress
from tests.helpers.images import write_image


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
