"""`alzbench explain`: what it prints and writes, and its errors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from alzbench.experiment import load_experiment
from alzbench.experiment.loading import DEMO
from alzbench.store import RunStore
from tests.helpers.command import Command, Result, assert_sentence
from tests.helpers.paths import EXPERIMENTS
from tests.helpers.running import run_one
from tests.helpers.runs import write_run


@pytest.mark.slow
def test_a_demo_run_is_explained(alzbench: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the synthetic images, even if ALZBENCH_DATA names others."""
    stored = run_one(tmp_path / "runs", load_experiment(EXPERIMENTS / "attention.yaml", overrides=DEMO))
    monkeypatch.setenv("ALZBENCH_DATA", str(tmp_path))
    result = alzbench("explain", "attention", "--runs", tmp_path / "runs", "--images", 12, "--json")
    assert result.code == 0, result.err
    (explained,) = json.loads(result.out)["runs"]
    assert explained["run"] == stored.name
    assert list(explained["methods"]) == ["attention", "grad_cam", "grad_cam_plus_plus"]
    assert explained["groups"]["sample"] >= 6
    assert sum(explained["groups"].values()) == explained["images"] <= 12
    folder = Path(explained["folder"])
    assert folder == stored.path / "explain"
    assert len(list((folder / "attention").iterdir())) == explained["images"]
    chosen = ("--methods", "occlusion, grad_cam", "--no-checks")
    result = alzbench("explain", stored.path, "--images", 4, *chosen, "--quiet")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"{stored.name}: 4 images\n  Grad-CAM   maps of ")
    assert "\n  occlusion  maps of 8 x 8, " in result.out
    assert "No check was made, so nothing shows what these maps are worth." in result.out
    assert not (folder / "attention").exists()
    written = alzbench("explain", stored.path, "--stored", "--html", tmp_path / "stored.html", "--json")
    assert (written.code, written.err) == (0, ""), written
    assert json.loads(written.out)["runs"][0]["images"] == 4
    assert "occlusion" in (tmp_path / "stored.html").read_text(encoding="utf-8")
    assert_sentence(alzbench("explain", stored.path, "--data", tmp_path / "x", "--quiet"), 3, "There is no folder")


def test_wrong_arguments_are_refused_before_anything_is_opened(alzbench: Command, stored: Path) -> None:
    def explain(*arguments: object) -> Result:
        return alzbench("explain", *arguments, "--runs", stored)

    assert_sentence(explain("b", "--images", 0), 2, "--images must be at least 1, got 0.")
    assert_sentence(explain("b", "--methods", "gradcam"), 2, "Unknown map method 'gradcam'", "'grad_cam'")
    assert_sentence(explain("b", "--methods", ""), 2, "Unknown map method ''")
    assert_sentence(explain("b", "--stored", "--images", 3), 2, "--stored computes nothing: leave out --images")
    assert_sentence(explain("b", "--stored"), 3, "b/seed-0-h0 has no stored maps")
    assert_sentence(explain("c"), 3, f"There is no run c under {stored}")
    assert_sentence(explain("a"), 2, "RUN must name one run; a has 2: a/seed-0-h0, a/seed-1-h1.")


def test_runs_without_a_model_are_refused(alzbench: Command, tmp_path: Path) -> None:
    root = tmp_path / "stored"
    write_run(root, experiment="sanity", variant="largest_class", sanity=True)
    write_run(root, experiment="imported")
    write_run(root, experiment="failed", state="failed")
    write_run(root, experiment="sweep", trial=3)

    def explain(name: str) -> Result:
        return alzbench("explain", name, "--runs", root)

    assert_sentence(explain("sanity"), 2, "is the sanity baseline largest_class, which has no network")
    assert_sentence(explain("imported"), 2, "stores predictions without a model")
    assert_sentence(explain("failed/seed-0-h0"), 3, "must be complete; it is failed")
    assert_sentence(explain("sweep/seed-0-h0"), 2, "is a trial of a sweep")


@pytest.mark.slow
def test_a_broken_model_is_refused_and_nothing_is_written(alzbench: Command, tmp_path: Path, tiny_file: Path) -> None:
    shutil.copy(tiny_file, tmp_path / "work" / "tiny.yaml")
    assert alzbench("run", "tiny.yaml", "--demo", "--no-sanity", "--quiet").code == 0
    (stored,) = RunStore(Path("runs")).runs()
    (stored.path / "model.keras").write_text("no model")
    assert_sentence(alzbench("explain", "tiny"), 3, "model.keras must be a model that Keras can load")
    assert not (stored.path / "explain").exists()
