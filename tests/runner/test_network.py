"""The network as an estimator: its fit, its predictions and its stored model agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from alzbench.data.manifest import open_image_set
from alzbench.data.protocols import split_of_run
from alzbench.progress import Progress
from alzbench.runner import Job
from alzbench.runner.listeners import EpochListener, EpochStored, EpochTrained, Listeners
from alzbench.runner.network import Network
from alzbench.store import RunStore, RunWriter
from tests.helpers.running import Tiny
from tests.helpers.runs import CARD

pytestmark = pytest.mark.slow

TUNED: dict[str, Any] = {"augment": {"views": 1}, "fine_tune": {"first_block": "block_16", "epochs": 1, "lr": 1e-3}}


class Counting(EpochListener):
    """Notes the steps, and the number of rows of the history."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.rows: list[int] = []

    def on_epoch_trained(self, event: EpochTrained) -> None:
        self.steps.append(event.step)

    def on_epoch_stored(self, event: EpochStored) -> None:
        self.rows.append(len(event.history))


@pytest.fixture
def writer(store: RunStore) -> RunWriter:
    store.root.mkdir()
    return RunWriter(store.root, CARD)


@pytest.mark.parametrize(
    ("changes", "stages"),
    [pytest.param({}, ["head"] * 2, id="head"), pytest.param(TUNED, ["head"] * 2 + ["fine-tuning"], id="fine-tuned")],
)
def test_fit_predictions_and_stored_model_agree(
    tiny: Tiny, writer: RunWriter, tmp_path: Path, changes: dict[str, Any], stages: list[str]
) -> None:
    experiment = tiny(**changes)
    images = open_image_set(experiment.data, Progress())
    split = split_of_run(images.manifest, experiment.protocol, 0, None)
    network = Network(Job(experiment=experiment, seed=0), images, split, Progress())
    network.prepare()
    counting = Counting()
    fit = network.fit(writer, Listeners([counting], _refuse))

    validation = split[split["part"] == "validation"]
    predicted = network.predict(validation)
    assert predicted == pytest.approx(fit.validation, abs=1e-5)
    assert counting.steps == list(range(len(stages)))
    assert counting.rows == [1, 2, 3][: len(stages)]
    assert [row["epoch"] for row in fit.history] == [1, 2, 3][: len(stages)]
    assert [row.get("stage", "head") for row in fit.history] == stages
    assert (fit.head_notes is not None) is ("fine-tuning" in stages)

    network.save(tmp_path)
    model = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    pixels = images.pixels.take(validation.index.to_numpy()).astype(np.float32)
    assert model.predict(pixels, verbose=0) == pytest.approx(predicted, abs=5e-3)


def test_the_seed_decides_the_initial_weights(tiny: Tiny, writer: RunWriter) -> None:
    experiment = tiny(train={"epochs": 1, "lr": 1e-12})  # the weights stay as they are
    images = open_image_set(experiment.data, Progress())
    split = split_of_run(images.manifest, experiment.protocol, 0, None)

    def fit(seed: int, number: int) -> np.ndarray:
        network = Network(Job(experiment=experiment, seed=seed), images, split, Progress())
        network.prepare()
        folder = writer.path / str(number)
        folder.mkdir()
        return network.fit(RunWriter(folder, CARD), Listeners([], _refuse)).validation

    first, again, other = fit(0, 0), fit(0, 1), fit(1, 2)
    assert (first == again).all()
    assert np.abs(first - other).max() > 1e-3


def _refuse(text: str) -> None:
    raise AssertionError(text)
