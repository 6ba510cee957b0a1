"""Lists of variants, backbones and experiment files."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from alzbench.cli import listing
from alzbench.errors import DataError
from alzbench.experiment import load_experiment
from alzbench.models.backbones import BACKBONES
from alzbench.models.variants import VARIANTS
from tests.helpers.command import Command
from tests.helpers.paths import EXPERIMENTS


def text_of(table: RenderableType, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def experiment_text(folder: Path, width: int) -> str:
    ((heading, listed),) = listing.experiments(folder).items()
    return text_of(listing.experiment_table(listed, heading), width)


def test_every_variant_is_listed_with_its_options() -> None:
    text = text_of(listing.variant_table(listing.variants()), 200)
    for name in VARIANTS:
        heading = [line.strip() for line in text.splitlines()].index(name)  # of its paragraph, which follows the table
        description, options = text.splitlines()[heading + 1 : heading + 3]
        assert VARIANTS[name].description in description
        assert all(f"{option}=" in options for option in VARIANTS[name].settings.model_fields)


def test_every_backbone_is_listed_with_its_cost(alzbench: Command) -> None:
    listed = json.loads(alzbench("list", "backbones", "--json").out)
    assert list(listed) == list(BACKBONES)
    vgg = listed["vgg16"]
    assert vgg["parameters"] == 14_714_688  # as Keras publishes it
    widths = [3, 64, 64, 128, 128, 256, 256, 256, *[512] * 6]
    sides = [128, 128, 64, 64, 32, 32, 32, 16, 16, 16, 8, 8, 8]
    pairs = zip(sides, widths[:-1], widths[1:], strict=True)
    assert vgg["multiply_adds"] == sum(side**2 * 9 * below * above for side, below, above in pairs)
    assert (vgg["feature_map"], vgg["cache_bytes"]) == ([4, 4, 512], 4 * 4 * 512 * 2)
    assert (vgg["layers"][0], vgg["layers"][-1]) == ("block1_conv1", "block5_pool")
    assert listed["inception_v3"]["smallest_size"] == 75
    rows = text_of(listing.backbone_table(listed)).splitlines()
    (row,) = (line for line in rows if line.split()[:1] == ["vgg16"])
    assert row.split() == ["vgg16", "14,714,688", "5,011", "M", "4", "x", "4", "x", "512", "16", "kB", "32"]


def test_every_experiment_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXPERIMENTS.parent)
    lines = experiment_text(Path("experiments"), 80).splitlines()
    for file in Path("experiments").glob("*.yaml"):
        (line,) = (line for line in lines if line.split()[:1] == [file.name])  # whole, in 80 columns
        assert load_experiment(file).protocol.name in line
    (sweep,) = (line for line in lines if line.split()[:1] == ["sweeps/attention.yaml"])
    assert "subject" in sweep
    assert "(tpe: 48 trials)" in " ".join(" ".join(lines).split())


def test_a_file_that_cannot_be_loaded_says_why_and_does_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("trian: {}")
    (tmp_path / "good.yaml").write_text("description: '[red]fine[/red]'")
    text = experiment_text(tmp_path, 400)
    assert "unknown key trian. Did you mean 'train'?" in text
    assert "[red]fine[/red]" in text


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=f"There are no experiment files in {tmp_path}; give another folder with --folder"
    ):
        listing.experiments(tmp_path)
