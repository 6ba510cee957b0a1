"""`alzbench export`: what it writes and prints, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from alzbench.store import Run
from tests.helpers.command import Command, assert_sentence, in_a_process
from tests.helpers.images import write_image
from tests.helpers.trained import train_tiny

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a trained run, its image set and its cache."""
    return tmp_path_factory.mktemp("trained")


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    return train_tiny(folder, "tiny")


@pytest.fixture(autouse=True)
def cache(own_environment: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    del own_environment  # only its order matters: this comes after it
    monkeypatch.setenv("ALZBENCH_CACHE", str(folder / "cache"))


def test_a_file_and_its_card_are_written(alzbench: Command, run: Run) -> None:
    result = alzbench("export", run.path, "--format", "onnx")
    assert result.code == 0, result
    path, card = (Path("exports") / f"tiny-{run.path.name}.onnx{ending}" for ending in ("", ".md"))
    assert result.out.startswith(f"{path} (")
    assert "largest difference from the run's predictions:" in result.out
    assert "on 24 test images" in result.out
    assert "not a medical device" in result.out
    assert sorted(Path("exports").iterdir()) == [path, card]
    assert card.read_text().startswith("# tiny seed 0: ONNX\n")


def test_json_is_one_document_and_quiet_is_quiet(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "new" / "m.tflite"
    result = in_a_process("export", run.path, "--format", "litert", "--out", out, "--json", "--quiet")
    assert (result.code, result.err) == (0, "")
    values = json.loads(result.out)
    assert (values["run"], values["format"], values["images"]) == (run.name, "litert", 24)
    assert values["path"] == str(out)
    assert Path(values["card"]).is_file()
    assert 0 <= values["difference"] <= values["limit"] == 1e-4
    assert values["bytes"] == out.stat().st_size


def test_what_has_no_model_is_refused(alzbench: Command, run: Run, stored: Path, tmp_path: Path) -> None:
    assert_sentence(alzbench("export", "nobody", "--format", "onnx"), 3, "There is no run nobody")
    sanity = changed(run, tmp_path / "sanity", variant="largest_class")
    assert_sentence(alzbench("export", sanity, "--format", "onnx"), 2, "is the sanity baseline largest_class")
    unfinished = changed(run, tmp_path / "failed", state="failed")
    assert_sentence(alzbench("export", unfinished, "--format", "onnx"), 3, "must be complete; it is failed")
    imported = next((stored / "a").iterdir())
    assert_sentence(alzbench("export", imported, "--format", "onnx"), 2, "stores predictions without a model")
    assert not Path("exports").exists()


def test_wrong_options_are_refused(alzbench: Command, run: Run, tmp_path: Path) -> None:
    export = ("export", run.path, "--format")
    assert_sentence(alzbench(*export, "onx"), 2, "Unknown export format 'onx'", "Did you mean 'onnx'?")
    assert_sentence(alzbench(*export, "onnx", "--out", "m.tflite"), 2, "must end in .onnx")
    for number in ("0", "-1", "0.5", "nan"):
        refused = alzbench(*export, "onnx", "--max-difference", number)
        assert_sentence(refused, 2, "--max-difference must be above 0 and at most 0.01")
    Path("m.onnx").mkdir()
    assert_sentence(alzbench(*export, "onnx", "--out", "m.onnx"), 2, "m.onnx must be a file")
    assert_sentence(alzbench(*export, "savedmodel", "--out", "."), 2, ". exists and is no TensorFlow SavedModel")
    Path("n.onnx.md").mkdir()
    assert_sentence(alzbench(*export, "onnx", "--out", "n.onnx"), 2, "The model card n.onnx.md must be a file")
    Path("file").touch()
    assert_sentence(alzbench(*export, "onnx", "--out", "file/m.onnx"), 2, "a folder that you may write to")
    other = tmp_path / "other"
    shutil.copytree(run_set(run), other)
    write_image(other / "OriginalDataset" / "NonDemented" / "slice0.jpg", 1)
    refused = alzbench(*export, "onnx", "--data", other, "--quiet")
    assert_sentence(refused, 3, "The images must be those of tiny/", "with --data")
    assert not Path("exports").exists()


def test_damaged_runs_are_refused(alzbench: Command, run: Run, tmp_path: Path) -> None:
    broken = changed(run, tmp_path / "broken")
    (broken / "model.keras").write_bytes((run.path / "model.keras").read_bytes()[:-1000])
    assert_sentence(
        alzbench("export", broken, "--format", "onnx"), 3, "model.keras must be a model that Keras can load"
    )
    (broken / "model.keras").unlink()
    assert_sentence(alzbench("export", broken, "--format", "onnx"), 3, "There is no model", "--force")
    lacking = changed(run, tmp_path / "lacking")
    (lacking / "predictions.csv").unlink()
    assert_sentence(alzbench("export", lacking, "--format", "onnx"), 3, "has no predictions.csv")
    other = changed(run, tmp_path / "other")
    predictions = (other / "predictions.csv").read_text().splitlines()
    fields = predictions[1].split(",")
    fields[-2:] = [str(float(fields[-2]) + 0.05), str(float(fields[-1]) - 0.05)]
    (other / "predictions.csv").write_text("\n".join([predictions[0], ",".join(fields), *predictions[2:]]) + "\n")
    refused = alzbench("export", other, "--format", "onnx", "--quiet")
    assert_sentence(refused, 1, "it differs by 5.0e-02 for OriginalDataset/", "was removed")
    assert not list(Path().glob("exports/*"))


def changed(run: Run, path: Path, **card: str) -> Path:
    """Copy a run with another card."""
    shutil.copytree(run.path, path)
    state = json.loads((path / "state.json").read_text())
    (path / "state.json").write_text(json.dumps({**state, **card}))
    return path


def run_set(run: Run) -> Path:
    """Return the folder of the images of a run."""
    return Path(yaml.safe_load((run.path / "experiment.yaml").read_text())["data"]["source"])
