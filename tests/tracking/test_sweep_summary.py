"""The stored summaries of finished sweeps, those of older versions included."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from alzbench.errors import DataError
from alzbench.experiment import Experiment
from alzbench.tracking.sweep_summary import SweepSummary, stored_summaries, write_summary

VALUES = {"trials/complete": 3}


@pytest.fixture
def written(tmp_path: Path) -> SweepSummary:
    (tmp_path / "s").mkdir()
    return write_summary(tmp_path / "s", Experiment(name="base"), VALUES, [(Figure(), "a"), (Figure(), "b")])


def read(root: Path) -> list[SweepSummary]:
    def refuse(error: DataError) -> None:
        raise error

    return stored_summaries(root, refuse)


def test_a_written_summary_is_read(tmp_path: Path, written: SweepSummary) -> None:
    assert read(tmp_path) == [written]
    assert written.title == "s sweep"
    assert written.base["name"] == "base"
    assert written.captions == {"01.png": "a", "02.png": "b"}
    assert all((tmp_path / "s" / "summary" / name).is_file() for name in written.captions)


def test_a_summary_of_an_older_version_is_read(tmp_path: Path, written: SweepSummary) -> None:
    folder = (tmp_path / "s" / "summary").rename(tmp_path / "s" / "study")
    (folder / "summary.json").rename(folder / "study.json")
    (summary,) = read(tmp_path)
    assert (summary.sweep, summary.values, summary.finished) == (written.sweep, VALUES, written.finished)
    assert summary.file.with_name("01.png").is_file()


def test_the_newer_of_two_summaries_counts(tmp_path: Path, written: SweepSummary) -> None:
    folder = Path(shutil.copytree(tmp_path / "s" / "summary", tmp_path / "s" / "study"))
    (folder / "summary.json").rename(folder / "study.json")
    assert read(tmp_path) == [written]
