"""Maps of a network with real weights on phantoms, where the region that the stage changes is known."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from alzbench.data.manifest import ImageSets
from alzbench.experiment import Experiment
from alzbench.explain.checking import check_explained
from alzbench.explain.checks import run_checks
from alzbench.explain.explain import explain_runs, make_inputs
from alzbench.explain.inputs import Inputs, Maps
from alzbench.explain.results import Checked
from alzbench.inference.trained import TrainedRun, open_trained_run
from alzbench.progress import Progress
from alzbench.store.explanation import Check
from tests.helpers.running import run

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture
def trained(tmp_path: Path, weights: Path) -> TrainedRun:
    """A baseline trained on phantoms, with real weights."""
    experiment = Experiment.model_validate(
        {
            "name": "baseline",
            "demo": True,
            "data": {"source": "phantom", "size": 128, "scaling": "imagenet"},
            "model": {"backbone": {"weights": str(weights)}},
            "train": {"epochs": 15},
            "tracking": {"wandb": "disabled"},
        }
    )
    (outcome,) = run(tmp_path / "runs", experiment)
    return open_trained_run(outcome.run())


def test_the_map_points_at_what_changes_with_the_stage(trained: TrainedRun) -> None:
    checks = functools.partial(check_explained, siblings={})
    (explanation,) = explain_runs(
        [trained], ImageSets(Progress()), ["grad_cam", "grad_cam_plus_plus"], Progress(), 160, checks=checks
    )
    found = {(check.name, check.method): check for check in explanation.contents.checks if check.name == "pointing"}
    for method in ("grad_cam", "grad_cam_plus_plus"):
        check = found["pointing", method]
        print(method, check.value, check.baseline, check.difference)
        assert check.verdict == "passed"


def test_a_map_of_edges_is_called_out(trained: TrainedRun) -> None:
    images = ImageSets(Progress()).open(trained.experiment.data)
    table = trained.run.predictions().groupby("subject").head(2)
    positions = images.manifest.reset_index().set_index("image").loc[table["image"], "index"].to_numpy()
    rows = table.assign(position=positions).reset_index(drop=True)

    def edges(method: str, inputs: Inputs) -> Maps:
        del method
        grey = inputs.pixels[..., 0].astype(float)
        return np.stack([ndimage.gaussian_gradient_magnitude(image, 1.0) for image in grey]).astype(np.float32)

    inputs = make_inputs(trained, images, rows, Progress())
    checked = Checked(inputs, {"edges": edges("", inputs)}, rows[["image", "subject"]], edges, source="phantom")
    found: list[Check] = [check for check in run_checks(checked, Progress()) if check.name == "randomisation"]
    assert [check.verdict for check in found] == ["failed"]
    assert "does not depend on the model" in found[0].sentence
