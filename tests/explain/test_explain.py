"""Runs explained from end to end: trained, explained and read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from alzbench.data.manifest import ImageSets
from alzbench.errors import DataError, ExperimentError
from alzbench.experiment import Experiment
from alzbench.explain.explain import Explained, explain_runs
from alzbench.explain.methods import METHODS
from alzbench.explain.overlay import overlay
from alzbench.inference.trained import TrainedRun, open_trained_run
from alzbench.progress import Progress
from alzbench.store.explanation import Check, Estimate, read_explanation
from tests.helpers.images import write_image
from tests.helpers.running import Tiny, run

pytestmark = pytest.mark.slow

ATTENTION = {"variant": "attention", "options": {"units": 8, "key_dim": 8}}
SUBJECT = {"variant": "subject_attention", "options": {"units": 8, "key_dim": 8, "slices": 4}}


@pytest.fixture
def trained(tiny: Tiny, tmp_path: Path) -> dict[str, TrainedRun]:
    """Three runs: a baseline, one with attention, and a fine-tuned one."""
    experiments: list[Experiment] = [
        tiny(name="plain", data={"size": 64}),
        tiny(name="attention", data={"size": 64}, model=ATTENTION),
        tiny(name="tuned", data={"size": 64}, model=ATTENTION, fine_tune={"first_block": "block_15", "epochs": 1}),
    ]
    outcomes = run(tmp_path / "runs", *experiments)
    assert [outcome.error for outcome in outcomes] == [""] * 3
    return {outcome.job.experiment.name: open_trained_run(outcome.run()) for outcome in outcomes}


def test_runs_are_explained_on_the_same_images_and_stored(
    trained: dict[str, TrainedRun], silent: Progress, image_folder: Path
) -> None:
    runs = [trained["attention"], trained["plain"], trained["tuned"]]
    methods = list(METHODS)
    explanations = explain_runs(runs, ImageSets(silent), methods, silent, number=8)
    assert [list(one.contents.methods) for one in explanations] == [methods, methods[1:], methods]
    first = explanations[0].images
    for one, of_run in zip(explanations, runs, strict=True):
        stored = read_explanation(of_run.run.path)
        assert stored is not None
        pd.testing.assert_frame_equal(stored.images, one.images)
        assert stored.images["image"].tolist() == first["image"].tolist()
        assert stored.images["group"].tolist() == first["group"].tolist()
        own = of_run.run.predictions().set_index("image").loc[first["image"]]
        assert stored.images["predicted"].tolist() == own["predicted"].tolist()
        np.testing.assert_allclose(stored.images["confidence"], own.filter(like="p_").max(axis=1))
        assert set(stored.contents.seconds) == {*methods, "feature maps", "checks", "pictures"}
        for method in stored.contents.methods:
            maps = stored.maps(method)
            assert (maps >= 0).all()
            assert set(maps.max(axis=(1, 2)).tolist()) <= {0.0, 1.0}
            assert stored.picture_file(len(first) - 1, method).is_file()
        original = image_folder / first["image"][0]
        np.testing.assert_array_equal(stored.picture(0), np.asarray(Image.open(original).convert("L")))
        drawn = np.asarray(Image.open(stored.picture_file(0, "grad_cam")))
        np.testing.assert_array_equal(drawn, overlay(stored.picture(0), stored.maps("grad_cam")[0]))
    weights = explanations[0].attention_weights
    assert weights is not None
    np.testing.assert_allclose(weights.astype(np.float32).sum(axis=-1), 1, atol=5e-3)
    maps, relative = weights.astype(np.float32).mean(axis=(1, 2)), explanations[0].maps("attention").reshape(8, -1)
    np.testing.assert_allclose(maps / maps.max(axis=1, keepdims=True), relative, atol=5e-3)
    assert explanations[1].attention_weights is None


def test_a_model_of_subjects_explains_whole_subjects(tiny: Tiny, tmp_path: Path, silent: Progress) -> None:
    experiment = tiny(name="subjects", data={"source": str(set_with_subjects(tmp_path)), "size": 64}, model=SUBJECT)
    (outcome,) = run(tmp_path / "runs", experiment)
    of_run = open_trained_run(outcome.run())
    methods = ["attention", "grad_cam", "occlusion"]
    (explanation,) = explain_runs([of_run], ImageSets(silent), methods, silent, number=9)
    assert explanation.contents.subject
    assert list(explanation.contents.methods) == ["grad_cam", "occlusion"]
    images, predictions = explanation.images, of_run.run.predictions()
    assert images["subject"].nunique() > 1
    for subject, rows in images.groupby("subject"):
        assert len(rows) == (predictions["subject"] == subject).sum()
    weights = explanation.slice_weights
    assert weights is not None
    np.testing.assert_allclose(pd.Series(weights).groupby(images["subject"]).sum(), 1, rtol=1e-5)


def set_with_subjects(tmp_path: Path) -> Path:
    """Images whose names hold their subjects: 3 slices of each."""
    root = tmp_path / "subjects"
    for label, name in enumerate(("NonDemented", "VeryMildDemented", "MildDemented", "ModerateDemented")):
        for part, folder in enumerate(("AugmentedAlzheimerDataset", "OriginalDataset")):
            for person in range(4):
                number = 100 * label + 10 * part + person + 1
                for place in range(3):
                    file = root / folder / name / f"OAS1_{number:04d}_MR1_mpr-1_{100 + place}.jpg"
                    write_image(file, 10 * number + place)
    return root


def test_the_checks_get_the_maps_and_are_stored(trained: dict[str, TrainedRun], silent: Progress) -> None:
    def checks(one: Explained, progress: Progress) -> list[Check]:
        assert progress is silent
        again = METHODS["grad_cam"].function(one.inputs.take(np.arange(2)), lambda *_, **__: None)
        np.testing.assert_allclose(again, one.maps["grad_cam"][:2], rtol=1e-3, atol=1e-7)
        return [
            Check(name="other", method="grad_cam", label=one.trained.run.name, value=Estimate(value=0.5), against="y",
                  verdict="unclear", sentence="z", images=2, subjects=1)
        ]  # fmt: skip

    runs = [trained["attention"], trained["plain"]]
    explanations = explain_runs(runs, ImageSets(silent), ["grad_cam"], silent, number=4, checks=checks)
    assert [one.contents.checks[0].label for one in explanations] == [one.run.name for one in runs]


def test_a_failure_leaves_the_stored_explanation(trained: dict[str, TrainedRun], silent: Progress) -> None:
    one, sets = trained["plain"], ImageSets(silent)
    (before,) = explain_runs([one], sets, ["grad_cam"], silent, number=4)
    content = sorted(path.relative_to(one.run.path) for path in one.run.path.rglob("*"))

    def fail(*_: Any) -> list[Check]:
        raise RuntimeError("odd")

    with pytest.raises(RuntimeError, match="odd"):
        explain_runs([one], sets, ["occlusion"], silent, number=4, checks=fail)
    with pytest.raises(ExperimentError, match="At least one map method must apply to plain/"):
        explain_runs([one], sets, ["attention"], silent, number=4)
    after = read_explanation(one.run.path)
    assert after is not None
    assert after.contents == before.contents
    assert sorted(path.relative_to(one.run.path) for path in one.run.path.rglob("*")) == content


def test_other_images_than_those_of_the_run_are_refused(
    trained: dict[str, TrainedRun], silent: Progress, image_folder: Path
) -> None:
    write_image(image_folder / "OriginalDataset" / "NonDemented" / "more.jpg", 77)
    with pytest.raises(DataError, match=r"The images must be those of plain/.* holds 53 images .*--data"):
        explain_runs([trained["plain"]], ImageSets(silent), ["grad_cam"], silent)
    assert read_explanation(trained["plain"].run.path) is None
