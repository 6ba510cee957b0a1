"""Exports of a model that was trained on the real images."""

from __future__ import annotations

from pathlib import Path

import pytest

from alzbench.data.manifest import open_image_set
from alzbench.experiment import load_experiment
from alzbench.inference.export import export_run
from alzbench.inference.trained import open_trained_run
from alzbench.progress import Progress
from tests.helpers.paths import EXPERIMENTS
from tests.helpers.running import run_one

pytestmark = [pytest.mark.real, pytest.mark.slow]


def test_an_onnx_file_predicts_as_the_run_did(real_set: Path, tmp_path: Path) -> None:
    overrides = {"data": {"source": str(real_set)}, "protocol": {"name": "subject"}, "train": {"epochs": 8}}
    experiment = load_experiment(EXPERIMENTS / "attention.yaml", overrides={**overrides, "augment": {"views": 1}})
    trained = open_trained_run(run_one(tmp_path / "runs", experiment))
    images = open_image_set(trained.experiment.data, Progress())
    exported = export_run(trained, "onnx", tmp_path / "m.onnx", images, Progress())
    assert exported.images == 100
    assert exported.difference <= 1e-4
    assert (tmp_path / "m.onnx").is_file()
