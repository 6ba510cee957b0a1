"""Places of output: refused before any work if they cannot be written, or hold what a command reads."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from alzbench.cli.outputs import check_file, check_folder
from alzbench.errors import ExperimentError
from tests.helpers.command import Command, assert_sentence


def test_new_places_are_fine(tmp_path: Path) -> None:
    old = tmp_path / "old.csv"
    old.touch()
    for path in (None, old, tmp_path / "new.csv", tmp_path / "deep" / "er" / "new.csv"):
        check_file("--csv", path, [tmp_path / "other.csv"] if path is None else [])
    check_folder("--folder", tmp_path / "maps", [old])


@pytest.mark.parametrize(
    ("name", "message"),
    [("folder", "is a folder"), ("file/new.csv", "may write to"), ("image.png", "a file that is read"),
     ("link.png", "a file that is read")],
)  # fmt: skip
def test_a_file_that_would_be_lost_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder").mkdir()
    for file in ("file", "image.png"):
        (tmp_path / file).touch()
    (tmp_path / "link.png").symlink_to("image.png")
    with pytest.raises(ExperimentError, match=f"--csv must.*{message}"):
        check_file("--csv", tmp_path / name, [tmp_path / "image.png"])


def test_maps_are_not_drawn_between_the_images(tmp_path: Path) -> None:
    (tmp_path / "image.png").touch()
    with pytest.raises(ExperimentError, match="a folder of the images"):
        check_folder("--folder", tmp_path / "." / "x" / "..", [tmp_path / "image.png"])
    with pytest.raises(ExperimentError, match="is a file"):
        check_folder("--folder", tmp_path / "image.png")


@pytest.mark.parametrize("name", ["state.json", "predictions.csv", "new.csv", "explain/new.csv"])
def test_nothing_is_written_into_a_run(alzbench: Command, stored: Path, name: str) -> None:
    run = next((stored / "b").iterdir())
    shutil.copytree(run, "before")
    for command in (
        ("report", run, "--csv"), ("compare", "--runs", stored, "--html"), ("explain", run, "--html"),
        ("predict", run, run, "--csv"), ("predict", run, run, "--explain", "--folder"),
        ("audit", "--figure"),
    ):  # fmt: skip
        assert_sentence(alzbench(*command, run / name), 2, f"{command[-1]} must")
    assert sorted(path.name for path in Path("before").iterdir()) == sorted(path.name for path in run.iterdir())
    assert (run / "state.json").read_bytes() == Path("before/state.json").read_bytes()


@pytest.mark.parametrize(("kind", "name"), [("keras", "model.keras"), ("savedmodel", "saved")])
def test_an_export_does_not_replace_the_model_of_a_run(alzbench: Command, stored: Path, kind: str, name: str) -> None:
    run = next((stored / "b").iterdir())
    refused = alzbench("export", run, "--format", kind, "--out", run / name)
    assert_sentence(refused, 2, "--out must not be in the folder of a run")
