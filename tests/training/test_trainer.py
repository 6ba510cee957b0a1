"""The trainer on feature maps that are easy to classify."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alzbench.errors import RunError
from alzbench.experiment import ModelSettings, TrainSettings
from alzbench.models.classifier import build_head
from alzbench.progress import Progress
from alzbench.training.batches import FeatureBatches, epoch_order
from alzbench.training.predictor import predict_logits
from alzbench.training.trainer import TrainResult, train
from tests.helpers.feature_maps import InMemory

pytestmark = pytest.mark.slow

SHAPE, CLASSES = (2, 2, 8), 3


def problem(n: int, seed: int, noise: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, n)
    centres = np.random.default_rng(99).normal(size=(CLASSES, *SHAPE))
    return (centres[labels] + noise * rng.normal(size=(n, *SHAPE))).astype(np.float16), labels


class Job:
    """A training of a small head; ``stop_before`` interrupts it before that epoch."""

    def __init__(self, folder: Path, n: int = 90, seed: int = 0, **settings: Any) -> None:
        self.settings = TrainSettings(**{"epochs": 4, "batch_size": 16, "lr": 0.01, **settings})
        self.path = folder / "checkpoint.npz"
        self.maps, self.labels = problem(n, 1)
        held_out, held_out_labels = problem(40, 2)
        self.validation = FeatureBatches(InMemory(held_out), held_out_labels, 16)
        self.seed = seed
        self.head = self.new_head()

    def new_head(self) -> Any:
        options = {"units": 8, "dropout": 0.5}
        return build_head(ModelSettings(variant="baseline", options=options), SHAPE, CLASSES, "float32", self.seed)

    def batches(self, epoch: int) -> FeatureBatches:
        order = epoch_order(len(self.labels), self.seed, epoch)
        return FeatureBatches(InMemory(self.maps), self.labels, self.settings.batch_size, order)

    def run(self, stop_before: int | None = None) -> TrainResult:
        def batches(epoch: int) -> FeatureBatches:
            if epoch and epoch == stop_before:
                raise KeyboardInterrupt
            return self.batches(epoch)

        return train(self.head, batches, self.validation, self.settings, self.path, Progress())

    def scores(self) -> tuple[float, float]:
        scores = self.head.evaluate(self.validation, verbose=0, return_dict=True)
        return scores["loss"], scores["accuracy"]


Make = Callable[..., Job]


@pytest.fixture
def job(tmp_path: Path) -> Make:
    return lambda name="job", **settings: Job(tmp_path / name, **settings)


def test_the_loss_falls_and_the_accuracy_rises(job: Make) -> None:
    result = job(epochs=8).run()
    assert result.history["val_accuracy"].iloc[-1] > 0.9
    assert result.history["loss"].iloc[-1] < 0.6 * result.history["loss"].iloc[0]
    assert result.history["epoch"].tolist() == list(range(1, 9))
    assert result.stopped == "all epochs"


@pytest.mark.parametrize("n", [1, 16, 17, 128, 129, 200])
def test_every_batch_is_one_step(job: Make, n: int) -> None:
    done = job(n=n, epochs=3)
    done.run()
    assert int(done.head.optimizer.iterations.numpy()) == 3 * -(-n // 16)


@pytest.mark.parametrize(
    ("keep", "column", "pick"),
    [
        ("best_val_accuracy", "val_accuracy", "idxmax"),
        ("best_val_loss", "val_loss", "idxmin"),
        ("last", "epoch", "idxmax"),
    ],
)
def test_the_head_ends_with_the_weights_of_the_kept_epoch(job: Make, keep: str, column: str, pick: str) -> None:
    done = job(keep=keep, epochs=6, lr=0.3)  # a high learning rate, so that the last epoch is not the best
    result = done.run()
    row = getattr(result.history[column], pick)()
    assert result.kept_epoch == row + 1
    loss, accuracy = done.scores()
    assert loss == pytest.approx(result.history["val_loss"][row], rel=1e-5)
    assert accuracy == pytest.approx(result.history["val_accuracy"][row])
    np.testing.assert_allclose(result.logits, predict_logits(done.head, done.validation), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_patience_stops(job: Make) -> None:
    result = job(epochs=60, patience=3, keep="best_val_loss", lr=0.1).run()
    assert len(result.history) == result.kept_epoch + 3 < 60
    assert result.stopped == "no better epoch"


def test_a_loss_that_is_not_finite_is_refused_with_epoch_and_steps(job: Make) -> None:
    with pytest.raises(RunError, match=r"loss of epoch 1, steps 1 to 8 of 23 is (nan|inf)"):
        job(batch_size=4, lr=1e30).run()


@pytest.mark.parametrize(
    "killed_before", [pytest.param(1, marks=pytest.mark.slow), 2, pytest.param(3, marks=pytest.mark.slow)]
)
def test_a_killed_training_ends_with_the_same_numbers(job: Make, killed_before: int) -> None:
    unbroken = job("unbroken")
    expected = unbroken.run()
    broken = job("broken")
    with pytest.raises(KeyboardInterrupt):
        broken.run(stop_before=killed_before)
    broken.head = broken.new_head()
    result = broken.run()
    for ours, theirs in zip(broken.head.get_weights(), unbroken.head.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    columns = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
    assert result.history[columns].equals(expected.history[columns])
    assert result.kept_epoch == expected.kept_epoch
    np.testing.assert_array_equal(result.logits, expected.logits)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_numbers_and_another_does_not(job: Make) -> None:
    first, same, other = (job(str(k), seed=seed) for k, seed in enumerate((0, 0, 1)))
    histories = [j.run().history["loss"].tolist() for j in (first, same, other)]
    assert histories[0] == histories[1] != histories[2]


def test_a_checkpoint_of_another_head_is_not_used(job: Make) -> None:
    started = job()
    started.run()
    other = job()
    other.head = build_head(ModelSettings(options={"units": 5}), SHAPE, CLASSES, "float32", 0)
    assert len(other.run().history) == 4


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "rmsprop"])
def test_every_optimizer_trains(job: Make, optimizer: str) -> None:
    done = job(optimizer=optimizer, epochs=6)
    history = done.run().history
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]
    assert float(done.head.optimizer.learning_rate.numpy()) == pytest.approx(0.01)
