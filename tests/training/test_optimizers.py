"""Optimizers, and the learning rate at each step."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from alzbench.experiment import TrainSettings
from alzbench.training.optimizers import make_optimizer


def rates(epochs: int, steps: int, **settings: Any) -> list[float]:
    """The learning rate of each step of a training."""
    optimizer = make_optimizer(TrainSettings(epochs=epochs, lr=0.02, **settings), steps)
    variable = keras.Variable(np.zeros(2, np.float32))
    optimizer.build([variable])
    learning_rates = []
    for _ in range(epochs * steps):
        learning_rates.append(float(optimizer.learning_rate.numpy()))
        optimizer.apply([np.ones(2, np.float32)])
    return learning_rates


def test_a_constant_rate() -> None:
    assert rates(3, 5) == pytest.approx([0.02] * 15)


def test_a_linear_rate() -> None:
    assert rates(4, 5, schedule="linear") == pytest.approx([0.02 * (1 - k / 20) for k in range(20)], rel=1e-4)


def test_a_cosine_rate() -> None:
    expected = [0.01 * (1 + np.cos(np.pi * k / 20)) for k in range(20)]
    assert rates(4, 5, schedule="cosine") == pytest.approx(expected, rel=1e-4)


def test_a_cosine_rate_that_rises_first() -> None:
    learning_rates = rates(5, 4, schedule="cosine", warmup_epochs=2)
    assert learning_rates[:8] == pytest.approx([0.02 * k / 8 for k in range(8)], rel=1e-4)
    assert learning_rates[8] == pytest.approx(0.02, rel=1e-4)
    assert learning_rates[8:] == pytest.approx([0.01 * (1 + np.cos(np.pi * k / 12)) for k in range(12)], rel=1e-4)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_a_rate_ends_at_zero(schedule: str) -> None:
    optimizer = make_optimizer(TrainSettings.model_validate({"epochs": 4, "schedule": schedule}), 5)
    optimizer.iterations.assign(20)
    assert float(optimizer.learning_rate.numpy()) == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "rmsprop"])
def test_each_optimizer_takes_each_schedule(name: str) -> None:
    for schedule in ("constant", "linear", "cosine"):
        optimizer = make_optimizer(
            TrainSettings.model_validate({"optimizer": name, "schedule": schedule, "lr": 0.02}), 5
        )
        assert type(optimizer).__name__.lower() == name
        assert float(optimizer.learning_rate.numpy()) == pytest.approx(0.02)
