"""Predictions of a linear model of the mean grey value, by hand: order, batches, subjects, warnings, bad files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.special import expit

from alzbench.errors import DataError
from alzbench.experiment import Experiment
from alzbench.inference import predict as module
from alzbench.inference.inputs import InputImage, Inputs, SliceChoice, find_inputs
from alzbench.inference.predict import Predictions, predict
from alzbench.inference.profile import Measures, Profile, grey_histograms, make_profile, pooled
from alzbench.inference.trained import TrainedRun
from alzbench.models.classifier import subject_inputs
from alzbench.models.prefix import Prefix
from alzbench.progress import Progress
from alzbench.store import Run
from alzbench.training.extractor import KerasExtractor
from tests.helpers.medical import RAMP, write_dicom
from tests.helpers.runs import CARD
from tests.helpers.small_models import CHANNELS, CLASSES, SIDE, linear_head, stored_model

SIZE = 32
WEIGHTS = np.array([[0, 4], [0, 0], [0, -4]])  # of x, 2 x and 1 - x: the logits are 0 and 8 x - 4


def probability(*greys: float) -> float:
    """Of the second class, for images with these mean grey values."""
    return float(expit(8 * np.mean(greys) / 255 - 4))


def head_of_subjects(slices: int) -> Any:
    """The linear head on the mean of the slices that are present."""
    features, present = subject_inputs(slices, (SIDE, SIDE, CHANNELS))
    shown = keras.layers.Rescaling(1.0)(present)[..., None]  # bool to float
    means = keras.ops.sum(keras.ops.mean(features, axis=(2, 3)) * shown, axis=1) / keras.ops.sum(shown, axis=1)
    logits = keras.layers.Dense(CLASSES, use_bias=False)
    outputs = logits(means)
    logits.set_weights([WEIGHTS.astype(np.float32)])
    return keras.Model({"features": features, "present": present}, outputs, name="head")


def trained_run(folder: Path, head: Any) -> TrainedRun:
    model = stored_model(folder, head)
    trained = TrainedRun(Run(folder, CARD), Experiment.model_validate({"name": "linear"}), ("old", "new"), model)
    trained.__dict__["extractor"] = KerasExtractor(Prefix(model.prefix, "key"))  # no export to ONNX
    return trained


@pytest.fixture(scope="module")
def linear(tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    return trained_run(tmp_path_factory.mktemp("linear"), linear_head(WEIGHTS))


@pytest.fixture(scope="module")
def of_subjects(tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    return trained_run(tmp_path_factory.mktemp("subjects"), head_of_subjects(3))


def draw(folder: Path, greys: Mapping[str, int]) -> list[Path]:
    """Write uniform images, and return their paths."""
    paths = [folder / name for name in greys]
    for path, grey in zip(paths, greys.values(), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (SIZE, SIZE), grey).save(path)
    return paths


def find(*paths: Path) -> Inputs:
    return find_inputs(paths, SliceChoice(), Progress())


def run(trained: TrainedRun, *paths: Path, **options: Any) -> Predictions:
    return predict(trained, find(*paths), Progress(), **options)


def test_rows_are_in_the_order_of_the_inputs_and_probabilities_by_hand(linear: TrainedRun, tmp_path: Path) -> None:
    greys = {"c.png": 255, "a.png": 0, "b.png": 102, "d.png": 204}
    found = run(linear, *draw(tmp_path, greys))
    assert found.images.columns.tolist() == ["image", "subject", "slice", "predicted", "p_old", "p_new", "warning"]
    assert found.images["image"].tolist() == list(greys)
    expected = [probability(grey) for grey in greys.values()]
    np.testing.assert_allclose(found.images["p_new"], expected, atol=1e-3)
    np.testing.assert_allclose(found.images["p_old"] + found.images["p_new"], 1, atol=1e-6)
    assert found.images["predicted"].tolist() == ["new", "old", "old", "new"]
    assert (found.subjects.empty, found.skipped.empty, found.compared) == (True, True, False)
    assert found.warnings() == {}


@pytest.mark.parametrize("batch", [1, 2, 3, 64])
def test_batches_change_nothing(
    linear: TrainedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(module, "BATCH", batch)
    monkeypatch.setattr(module, "_AHEAD", 2)
    greys = {f"{k}.png": 30 * k for k in range(7)}
    found = run(linear, *draw(tmp_path, greys))
    assert found.images["image"].tolist() == list(greys)
    np.testing.assert_allclose(found.images["p_new"], [probability(g) for g in greys.values()], atol=1e-3)


def test_a_subject_with_several_images_gets_their_mean_probabilities(linear: TrainedRun, tmp_path: Path) -> None:
    named = {"sub-b_slice-1.png": 0, "sub-a_slice-1.png": 255, "sub-b_slice-2.png": 153, "sub-b_slice-3.png": 153}
    other = draw(tmp_path / "other", {"x.png": 0, "y.png": 0})  # of no subject
    found = run(linear, *draw(tmp_path / "named", named), *other)
    assert found.images["subject"].tolist() == ["sub-b", "sub-a", "sub-b", "sub-b", "", ""]
    (row,) = found.subjects.to_dict("records")
    mean = (probability(0) + 2 * probability(153)) / 3  # 0.47, although two of three are predicted "new"
    assert (row["subject"], row["images"], row["predicted"]) == ("sub-b", 3, "old")
    assert row["p_new"] == pytest.approx(mean, abs=1e-3)
    assert row["p_old"] == pytest.approx(1 - mean, abs=1e-3)
    assert set(row) == {"subject", "images", "predicted", "p_old", "p_new"}


@pytest.mark.parametrize("batch", [1, 2, 64])
def test_a_model_of_subjects_gets_all_images_of_a_subject_together(
    of_subjects: TrainedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    """Wherever they are among the files: a1 b1 a2 b2 a3, and two images of no subject, each alone."""
    monkeypatch.setattr(module, "BATCH", batch)
    greys = {"sub-a_1.png": 0, "sub-b_1.png": 255, "sub-a_2.png": 51, "sub-b_2.png": 153, "sub-a_3.png": 255}
    other = {"x.png": 204, "y.png": 51}
    found = run(of_subjects, *draw(tmp_path / "named", greys), *draw(tmp_path / "other", other))
    assert found.images["image"].tolist() == [*greys, *other]
    a, b = probability(0, 51, 255), probability(255, 153)
    expected = [a, b, a, b, a, probability(204), probability(51)]
    np.testing.assert_allclose(found.images["p_new"], expected, atol=1e-3)
    assert found.subjects["subject"].tolist() == ["sub-a", "sub-b"]
    np.testing.assert_allclose(found.subjects["p_new"], [a, b], atol=1e-3)


def unreadable(folder: Path, *names: str) -> list[Path]:
    paths = [folder / name for name in names]
    for path in paths:
        path.write_bytes(b"no image")
    return paths


def test_all_unreadable_files_are_named_at_once(linear: TrainedRun, tmp_path: Path) -> None:
    """One has a damaged header, which is found first; the others are found among the images."""
    good = draw(tmp_path, {"a.png": 0, "d.png": 0})
    bad = unreadable(tmp_path, "b.png", "c.jpg", "e.dcm")
    with pytest.raises(DataError, match=r"(?s)3 of 5 files are not:\n.*--skip-unreadable") as caught:
        run(linear, good[0], *bad, good[1])
    assert all(f"{name}: " in str(caught.value) for name in ("b.png", "c.jpg", "e.dcm"))
    assert not any(f"{name}: " in str(caught.value) for name in ("a.png", "d.png"))


def test_unreadable_files_are_left_out_on_request(linear: TrainedRun, tmp_path: Path) -> None:
    good = draw(tmp_path, {"a.png": 0, "d.png": 255})
    bad = unreadable(tmp_path, "b.png", "e.dcm")
    found = run(linear, good[0], *bad, good[1], skip_unreadable=True)
    assert found.images["image"].tolist() == ["a.png", "d.png"]
    np.testing.assert_allclose(found.images["p_new"], [probability(0), probability(255)], atol=1e-3)
    assert sorted(found.skipped["image"]) == ["b.png", "e.dcm"]
    assert (found.skipped["reason"] != "").all()
    with pytest.raises(DataError, match="2 of 2 files are not"):
        run(linear, *bad, skip_unreadable=True)


def grey_profile(trained: TrainedRun) -> Profile:
    """Of uniform grey images with values from 100 to 150."""
    pixels = np.repeat(np.arange(100, 150, dtype=np.uint8), SIZE * SIZE).reshape(-1, SIZE, SIZE, 1)
    n = len(pixels)
    measures = Measures(np.zeros(n), np.ones(n), grey_histograms(pixels), pooled(trained.features(pixels)))
    return make_profile(measures, measures)


def test_unlike_images_have_warnings(linear: TrainedRun, tmp_path: Path) -> None:
    like, black = draw(tmp_path, {"like.png": 125, "black.png": 0})
    wide, red = tmp_path / "wide.png", tmp_path / "red.png"
    Image.new("L", (2 * SIZE, SIZE), 125).save(wide)
    Image.new("RGB", (2 * SIZE, SIZE), (250, 80, 40)).save(red)  # its grey value is 126
    found = run(linear, black, red, like, wide, profile=grey_profile(linear))
    unlike = "unlike the training images: "
    assert found.images["warning"].tolist() == [
        f"{unlike}grey values; {unlike}features", f"{unlike}colour; {unlike}aspect ratio", "",
        f"{unlike}aspect ratio",
    ]  # fmt: skip
    assert found.compared
    counted = {"aspect ratio": 2, "grey values": 1, "features": 1, "colour": 1}
    assert found.warnings() == {unlike + name: n for name, n in counted.items()}
    assert next(iter(found.warnings())) == f"{unlike}aspect ratio"


def test_the_warnings_of_an_image_stay_with_it(
    of_subjects: TrainedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model of subjects sees the files in another order, and several batches wait for the rest of a subject."""
    monkeypatch.setattr(module, "BATCH", 2)
    greys = {"sub-a_1.png": 125, "sub-b_1.png": 0, "sub-a_2.png": 255, "sub-b_2.png": 125, "sub-a_3.png": 125}
    found = run(of_subjects, *draw(tmp_path, greys), profile=grey_profile(of_subjects))
    assert (found.images["warning"] != "").tolist() == [False, True, True, False, False]


def test_the_warnings_of_a_header_come_first(linear: TrainedRun, tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "ct.dcm", np.tile(RAMP, (1, 2)), Modality="CT")
    found = run(linear, path, profile=grey_profile(linear))
    texts = found.images["warning"][0].split("; ")
    assert texts[:2] == ["modality CT, not MR", "unlike the training images: aspect ratio"]
    assert found.warnings() == dict.fromkeys(texts, 1)


def test_images_of_a_file_and_their_subjects_are_those_of_its_header(linear: TrainedRun, tmp_path: Path) -> None:
    inputs = find(*draw(tmp_path, {"a.png": 0, "b.png": 255}))
    files = [replace(file, images=(InputImage(file.name, "P1", str(k)),)) for k, file in enumerate(inputs.files)]
    found = predict(linear, Inputs(tuple(files), pd.DataFrame(columns=["image", "reason"])), Progress())
    assert found.images[["subject", "slice"]].to_numpy().tolist() == [["P1", "0"], ["P1", "1"]]
    assert found.subjects["images"].tolist() == [2]
