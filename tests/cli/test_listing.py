"""Lists of variants and of experiment files."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from alzbench.cli import listing
from alzbench.errors import DataError
from alzbench.experiment import load_experiment
from alzbench.models.variants import VARIANTS
from tests.helpers.paths import EXPERIMENTS


def text_of(table: Table, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_every_variant_is_listed_with_its_options() -> None:
    text = text_of(listing.variants(), 200)
    for name in VARIANTS:
        heading = [line.strip() for line in text.splitlines()].index(name)  # of its paragraph, which follows the table
        description, options = text.splitlines()[heading + 1 : heading + 3]
        assert VARIANTS[name].description in description
        assert all(f"{option}=" in options for option in VARIANTS[name].settings.model_fields)


def test_every_experiment_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXPERIMENTS.parent)
    lines = text_of(listing.experiments(Path("experiments"))).splitlines()
    for file in Path("experiments").glob("*.yaml"):
        (line,) = (line for line in lines if line.split()[:1] == [file.name])  # whole, in 80 columns
        assert load_experiment(file).protocol.name in line
    (sweep,) = (line for line in lines if line.split()[:1] == ["sweeps/attention.yaml"])
    assert "subject" in sweep
    assert "(tpe: 48 trials)" in " ".join(" ".join(lines).split())


def test_a_file_that_cannot_be_loaded_says_why_and_does_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("trian: {}")
    (tmp_path / "good.yaml").write_text("description: '[red]fine[/red]'")
    text = text_of(listing.experiments(tmp_path), 400)
    assert "unknown key trian. Did you mean 'train'?" in text
    assert "[red]fine[/red]" in text


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=f"There are no experiment files in {tmp_path}; give another folder with --folder"
    ):
        listing.experiments(tmp_path)
