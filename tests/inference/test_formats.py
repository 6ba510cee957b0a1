"""Formats of exported models: packages and paths that they need."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from alzbench.errors import ExperimentError
from alzbench.inference.formats import FORMATS


@pytest.mark.parametrize(
    ("name", "lacking", "said"),
    [
        ("onnx", {"onnxruntime"}, r"ONNX needs the package onnxruntime; install with pip install 'alzbench\[onnx\]'"),
        ("onnx", {"tf2onnx", "onnx"}, r"needs the packages onnx, tf2onnx; "),
        ("litert", {"ai_edge_litert"}, r"LiteRT needs the package ai_edge_litert; .*'alzbench\[litert\]'"),
    ],
)
def test_a_missing_package_is_named_with_the_way_to_install_it(
    name: str, lacking: set[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    FORMATS[name].require_packages()
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda package: None if package in lacking else find(package))
    with pytest.raises(ExperimentError, match=said):
        FORMATS[name].require_packages()
    FORMATS["keras"].require_packages()


def test_an_unknown_format_is_named_with_the_nearest_one() -> None:
    with pytest.raises(ExperimentError, match=r"Unknown export format 'onx'; must be one of keras, .*'onnx'"):
        FORMATS["onx"]


@pytest.mark.parametrize("name", list(FORMATS))
def test_a_new_path_and_an_earlier_export_can_be_used(name: str, tmp_path: Path) -> None:
    kind = FORMATS[name]
    path = tmp_path / "new" / "folders" / f"model{kind.ending}"
    kind.require_path(path)
    if kind.folder:
        path.mkdir(parents=True)
        (path / "saved_model.pb").touch()
    else:
        path.parent.mkdir(parents=True)
        path.touch()
    kind.require_path(path)


def test_what_is_in_the_way_is_kept(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    cases = {
        ("onnx", "m.onnx"): "must be a file, and a folder has its name",
        ("onnx", "m.tflite"): r"must end in \.onnx",
        ("keras", "m"): r"must end in \.keras",
        ("savedmodel", "file"): "exists and is no TensorFlow SavedModel",
        ("savedmodel", "folder"): "exists and is no TensorFlow SavedModel",
        ("litert", "file/m.tflite"): "must be in a folder that you may write to",
    }
    for (name, path), said in cases.items():
        with pytest.raises(ExperimentError, match=rf"{said}.*choose another name with --out"):
            FORMATS[name].require_path(tmp_path / path)
