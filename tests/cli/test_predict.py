"""`alzbench predict`: the run's own probabilities again, and one message for each bad input."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from alzbench.inference.predict import NOT_MEDICAL
from alzbench.store import Run
from tests.helpers.command import Command, assert_sentence, in_a_process
from tests.helpers.medical import write_dicom, write_nifti
from tests.helpers.trained import ATTENTION, train_tiny

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a trained run, its image set and its cache."""
    return tmp_path_factory.mktemp("trained")


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    return train_tiny(folder, "tiny", model={"variant": "attention", "options": ATTENTION["options"]})


@pytest.fixture(autouse=True)
def cache(own_environment: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    del own_environment  # only its order matters: this comes after it
    monkeypatch.setenv("ALZBENCH_CACHE", str(folder / "cache"))


def test_the_images_of_a_run_get_its_own_probabilities(alzbench: Command, run: Run, folder: Path) -> None:
    result = alzbench("predict", run.path, folder / "set", "--csv", "p.csv", "--explain", "--folder", "maps")
    assert result.code == 0, result
    assert NOT_MEDICAL[:40] in result.out
    table = pd.read_csv("p.csv", keep_default_na=False).set_index("image")
    own = run.predictions().set_index("image")
    columns = [name for name in own.columns if name.startswith("p_")]
    assert len(own) == 24
    np.testing.assert_allclose(table.loc[own.index, columns], own[columns], atol=1e-5)
    assert table.loc[own.index, "predicted"].tolist() == own["predicted"].tolist()
    assert len(table) == 40
    drawn = sorted(Path("maps").iterdir())
    assert len(drawn) == 80
    with Image.open(drawn[0]) as picture:
        assert picture.size[0] > 48  # the colour scale is beside the image
        assert picture.size[1] == 56
    assert run.path.joinpath("profile.npz").is_file()


def test_the_csv_file_can_be_imported(alzbench: Command, run: Run, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "p.csv"
    assert alzbench("predict", run.path, folder / "set", "--csv", out, "--quiet").code == 0
    own = run.predictions()[["image", "label"]]
    pd.read_csv(out, keep_default_na=False).merge(own, on="image").drop(columns=["subject", "slice"]).to_csv(
        out, index=False
    )
    result = alzbench("import", out, "--name", "mine", "--runs", tmp_path / "runs")
    assert result.code == 0, result


def test_json_is_one_document_with_a_row_per_subject(run: Run, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 900, (40, 48, 44)).astype(np.int16)
    path = write_nifti(tmp_path / "head.nii.gz", values)
    result = in_a_process("predict", run.path, path, "--slices", "20-22", "--json", "--quiet")
    assert (result.code, result.err) == (0, "")
    document = json.load(io.StringIO(result.out))
    assert document["notice"] == NOT_MEDICAL
    assert [(row["image"], row["subject"], row["slice"]) for row in document["images"]] == [
        (f"head.nii.gz[{k}]", "head", str(k)) for k in (20, 21, 22)
    ]
    (subject,) = document["subjects"]
    assert subject["images"] == 3
    for name, share in subject["probabilities"].items():
        assert share == pytest.approx(np.mean([row["probabilities"][name] for row in document["images"]]))


def test_bad_images_are_refused(alzbench: Command, run: Run, tmp_path: Path) -> None:
    volume = write_nifti(tmp_path / "v.nii", np.arange(40**3, dtype=np.int16).reshape(40, 40, 40) % 999)
    four = write_nifti(tmp_path / "4d.nii", np.zeros((40, 40, 40, 2), np.int16))
    empty = write_dicom(tmp_path / "none.dcm", None)
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    predict = ("predict", run.path)
    assert_sentence(alzbench(*predict, "nobody.png"), 3, "There is no file or folder nobody.png")
    assert_sentence(alzbench(*predict, nothing, "--quiet"), 3, "must contain images")
    assert_sentence(alzbench(*predict, volume, "--quiet"), 2, "a volume of 40 axial slices", "--slices 20")
    assert_sentence(alzbench(*predict, volume, "--slices", "41", "--quiet"), 2, "from 1 to 40", "got 41")
    assert_sentence(alzbench(*predict, volume, "--slices", "b", "--quiet"), 2, "--slices takes numbers")
    assert_sentence(alzbench(*predict, four, "--slices", "1", "--quiet"), 3, "4 dimensions")
    assert_sentence(alzbench(*predict, empty, "--quiet"), 3, "a DICOM file without pixels")


def test_another_modality_is_predicted_with_a_warning(alzbench: Command, run: Run, tmp_path: Path) -> None:
    result = alzbench("predict", run.path, write_dicom(tmp_path / "ct.dcm", Modality="CT"), "--json", "--quiet")
    assert result.code == 0, result
    (row,) = json.loads(result.out)["images"]
    assert "modality CT, not MR" in row["warning"]
    assert (row["subject"], row["slice"]) == ("P1", "7")


def test_runs_without_a_usable_model_are_refused(alzbench: Command, run: Run, folder: Path, tmp_path: Path) -> None:
    image = next((folder / "set").rglob("*.jpg"))

    def changed(name: str) -> Path:
        return Path(shutil.copytree(run.path, tmp_path / name / run.path.name))

    assert_sentence(alzbench("predict", "nobody", image), 3, "There is no run nobody")
    sanity = changed("sanity")
    state = json.loads((sanity / "state.json").read_text())
    (sanity / "state.json").write_text(json.dumps({**state, "variant": "largest_class"}))
    assert_sentence(alzbench("predict", sanity, image, "--quiet"), 2, "is the sanity baseline largest_class")
    broken = changed("broken")
    (broken / "model.keras").write_bytes(b"no model")
    assert_sentence(alzbench("predict", broken, image, "--quiet"), 3, "model.keras")
    pixels = keras.Input((64, 64, 1))
    flat = keras.layers.Flatten()
    for name, layer in (("foreign", flat), ("lambda", keras.layers.Lambda(lambda x: x[:, 0, 0]))):
        other = changed(name)
        keras.Model(pixels, keras.layers.Dense(4)(layer(pixels))).save(other / "model.keras")
        assert_sentence(alzbench("predict", other, image, "--quiet"), 3, "model.keras")


def test_a_profile_of_another_model_is_refused(alzbench: Command, run: Run, folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "runs" / "copy" / run.path.name
    shutil.copytree(run.path, copy)
    with np.load(copy / "profile.npz") as content:
        values = {**content, "mean": np.zeros(5, np.float32), "components": np.zeros((0, 5), np.float32)}
    np.savez(copy / "profile.npz", **values)
    assert_sentence(alzbench("predict", copy, folder / "set"), 3, "profile.npz must be of the run's model")
