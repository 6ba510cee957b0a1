"""Exports of a model that was trained on the real images."""

from __future__ import annotations

from pathlib import Path

import pytest

from alzbench.data.manifest import open_image_set
from alzbench.inference.export import export_run
from alzbench.inference.trained import open_trained_run
from alzbench.progress import Progress
from alzbench.store import Run

pytestmark = [pytest.mark.real, pytest.mark.slow]


def test_an_onnx_file_predicts_as_the_run_did(attention_run: Run, tmp_path: Path) -> None:
    trained = open_trained_run(attention_run)
    images = open_image_set(trained.experiment.data, Progress())
    exported = export_run(trained, "onnx", tmp_path / "m.onnx", images, Progress())
    assert exported.images == 100
    assert exported.difference <= 1e-4
    assert (tmp_path / "m.onnx").is_file()
