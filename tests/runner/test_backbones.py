"""Whole runs on a backbone from a user's file, on a cut backbone, and fine-tuned above a cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from alzbench.inference.trained import open_trained_run
from alzbench.models import user_file
from alzbench.models.backbones import BACKBONES
from alzbench.models.prefix import build_prefix
from alzbench.runner import check
from tests.helpers.command import Command, assert_sentence
from tests.helpers.running import Tiny, run_one
from tests.helpers.user_backbone import TWO_CONVOLUTIONS

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the backbones and files of a test after it."""
    monkeypatch.setattr(BACKBONES, "_items", dict(BACKBONES._items))
    monkeypatch.setattr(user_file, "_loaded", {})


def backbone(**changes: Any) -> dict[str, Any]:
    return {"model": {"backbone": {"weights": "none", "alpha": 0.35, **changes}}}


def test_an_experiment_of_two_lines_runs_a_backbone_from_a_file(alzbench: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(TWO_CONVOLUTIONS)
    lines = ["model: {backbone: {name: two_convolutions, file: mine.py}}", "train: {epochs: 1}"]
    (tmp_path / "mine.yaml").write_text("\n".join(lines))
    result = alzbench("run", tmp_path / "mine.yaml", "--demo", "--no-sanity", "--runs", tmp_path / "runs", "--quiet")
    assert result.code == 0, result.err
    (folder,) = (tmp_path / "runs" / "mine").iterdir()
    assert (folder / "backbone.py").read_text() == TWO_CONVOLUTIONS
    assert yaml.safe_load((folder / "experiment.yaml").read_text())["model"]["backbone"]["name"] == "two_convolutions"


def test_the_stored_model_needs_the_file_no_more(tiny: Tiny, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(TWO_CONVOLUTIONS)
    experiment = tiny(**backbone(name="two_convolutions", file=str(file), alpha=1.0))
    run = run_one(tmp_path / "runs", experiment)
    key = build_prefix(experiment.model.backbone, experiment.data).key
    file.write_text("raise SystemExit('executed')")
    trained = open_trained_run(run)
    assert trained.prefix.key == key  # its feature maps are found in the cache
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 1), dtype=np.uint8)
    assert trained.probabilities(pixels, [""] * 3).sum(axis=1) == pytest.approx(np.ones(3), abs=1e-5)


def test_the_head_is_on_the_layer_where_the_backbone_is_cut(tiny: Tiny, tmp_path: Path) -> None:
    experiment = tiny(**backbone(until="block_6_project_BN"))
    check(experiment)
    trained = open_trained_run(run_one(tmp_path / "runs", experiment))
    assert trained.model.prefix.output_shape == (None, 2, 2, 24)
    assert trained.model.suffix is None
    assert trained.prefix.key == build_prefix(experiment.model.backbone, experiment.data).key


def test_fine_tuning_trains_the_layers_above_the_cut(tiny: Tiny, tmp_path: Path) -> None:
    tuning = {"fine_tune": {"epochs": 1, "lr": 1e-3}, "augment": {"views": 1}}
    cut = tiny(**backbone(until="block_15_add"), **tuning)
    check(cut)
    trained = open_trained_run(run_one(tmp_path / "runs", cut))
    assert trained.model.prefix.output_shape == (None, 1, 1, 56)
    assert trained.model.suffix.output_shape == (None, 1, 1, 1280)
    names = [layer.name for layer in trained.model.suffix.layers if layer.weights]
    assert (names[0], names[-1]) == ("block_16_expand", "Conv_1_bn")
    assert trained.prefix.key == build_prefix(cut.model.backbone, cut.data).key


@pytest.mark.parametrize(
    ("setting", "part"),
    [
        ("model.backbone.until=block_5_expand", "'block_5_expand' is not one"),
        ("model.backbone={name: inception_v3}", "data.size must be at least 75 pixels for inception_v3, got 32."),
        ("model.backbone=resnet", "Did you mean 'resnet50_v2'?"),
        ("model.backbone.file=nowhere.py", "model.backbone.file must name a readable Python file"),
    ],
)
def test_what_does_not_fit_ends_with_one_sentence_before_anything_is_written(
    alzbench: Command, tmp_path: Path, image_folder: Path, setting: str, part: str
) -> None:
    (tmp_path / "x.yaml").write_text("data: {size: 32}\nmodel: {backbone: {weights: none}}")
    command = ["run", tmp_path / "x.yaml", "--data", image_folder, "--runs", tmp_path / "runs", "--set", setting]
    assert_sentence(alzbench(*command), 2, part)
    assert not (tmp_path / "runs").exists()


def test_weights_of_another_backbone_end_with_one_sentence(
    alzbench: Command, tmp_path: Path, image_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    file = tmp_path / "vgg16.weights.h5"
    keras.applications.VGG16(include_top=False, weights=None, input_shape=(32, 32, 3)).save_weights(file)
    monkeypatch.setenv("ALZBENCH_WEIGHTS", str(file))
    (tmp_path / "x.yaml").write_text("data: {size: 32}\nmodel: {backbone: {alpha: 0.35}}")
    command = ["run", tmp_path / "x.yaml", "--data", image_folder, "--runs", tmp_path / "runs", "--no-sanity"]
    result = alzbench(*command, "--quiet")
    assert result.code == 3
    assert (
        f"{file} must contain weights of mobilenet_v2 (alpha 0.35, without top), and cannot be loaded: " in result.err
    )
    assert "Traceback" not in result.err
