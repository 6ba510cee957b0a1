"""Losses against their formulas in NumPy."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from scipy.special import log_softmax

from alzbench.experiment import TrainSettings
from alzbench.training.losses import make_loss

RNG = np.random.default_rng(0)
LOGITS = (3 * RNG.normal(size=(7, 4))).astype(np.float32)
LABELS = np.array([0, 1, 2, 3, 3, 0, 1], np.int32)
WEIGHTS = np.array([1, 0, 2, 0.5, 1, 3, 0.25], np.float32)


def loss(**settings: Any) -> Any:
    return make_loss(TrainSettings(**settings))


def by_hand(gamma: float, smoothing: float, logits: np.ndarray = LOGITS) -> np.ndarray:
    """The loss of each example: `-sum_k y_k (1 - p_k)^gamma log p_k`, y smoothed."""
    log_p = log_softmax(logits.astype(np.float64), axis=1)
    targets = np.eye(4)[LABELS] * (1 - smoothing) + smoothing / 4
    return np.asarray(-(targets * (1 - np.exp(log_p)) ** gamma * log_p).sum(axis=1))


CASES = [
    pytest.param({}, 0.0, 0.0, id="cross-entropy"),
    pytest.param({"label_smoothing": 0.2}, 0.0, 0.2, id="smoothed"),
    pytest.param({"loss": "focal"}, 2.0, 0.0, id="focal"),
    pytest.param({"loss": "focal", "focal_gamma": 0.5, "label_smoothing": 0.1}, 0.5, 0.1, id="focal-smoothed"),
    pytest.param({"loss": "focal", "focal_gamma": 0.0}, 0.0, 0.0, id="focal-of-gamma-0"),
]


@pytest.mark.parametrize(("settings", "gamma", "smoothing"), CASES)
def test_the_loss_agrees_with_the_formula(settings: dict[str, Any], gamma: float, smoothing: float) -> None:
    expected = by_hand(gamma, smoothing)
    assert float(loss(**settings)(LABELS, LOGITS)) == pytest.approx(expected.mean(), rel=1e-4)
    for k in range(len(LABELS)):
        alone = float(loss(**settings)(LABELS[k : k + 1], LOGITS[k : k + 1]))
        assert alone == pytest.approx(expected[k], rel=1e-4, abs=1e-6)


@pytest.mark.parametrize(("settings", "gamma", "smoothing"), CASES)
def test_weights_count(settings: dict[str, Any], gamma: float, smoothing: float) -> None:
    expected = (by_hand(gamma, smoothing) * WEIGHTS).sum() / len(WEIGHTS)  # weights of mean 1 leave the scale alone
    assert float(loss(**settings)(LABELS, LOGITS, WEIGHTS)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("settings", "gamma", "smoothing"), CASES)
def test_weights_count_in_training(settings: dict[str, Any], gamma: float, smoothing: float) -> None:
    """The gradient of a bias is the mean of the weighted gradients of the logits, here by finite differences."""
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(4, kernel_initializer="identity")(inputs))
    model.compile(keras.optimizers.SGD(1.0), loss(**settings), metrics=["accuracy"])
    scores = model.train_on_batch(LOGITS, LABELS, sample_weight=WEIGHTS, return_dict=True)
    assert scores["loss"] == pytest.approx((by_hand(gamma, smoothing) * WEIGHTS).mean(), rel=1e-4)
    assert scores["accuracy"] == pytest.approx((LOGITS.argmax(axis=1) == LABELS).mean())
    above, below = (
        [(by_hand(gamma, smoothing, LOGITS + step * np.eye(4)[k]) * WEIGHTS).mean() for k in range(4)]
        for step in (1e-4, -1e-4)
    )
    np.testing.assert_allclose(model.layers[-1].bias, -(np.array(above) - below) / 2e-4, atol=1e-4)


def test_a_confident_prediction_has_no_focal_loss_and_no_nan() -> None:
    confident = np.array([[90.0, -90, -90, -90], [-90, 90, -90, -90]], np.float32)
    correct, wrong = np.array([0, 1]), np.array([1, 1])
    assert float(loss(loss="focal")(correct, confident)) == pytest.approx(0, abs=1e-6)
    assert 5 < float(loss(loss="focal")(wrong, confident)) < np.inf


def test_the_ordinal_loss_by_hand() -> None:
    loss = make_loss(TrainSettings(loss="ordinal"))
    logits = np.log([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7], [1.0, 1e-9, 1e-9]]).astype(np.float32)
    # cumulative: (0.7, 0.9, 1) - (1, 1, 1); (0.1, 0.3, 1) - (1, 1, 1); (1, 1, 1) - (1, 1, 1)
    expected = [0.3**2 + 0.1**2, 0.9**2 + 0.7**2, 0.0]
    for row, value in enumerate(expected):
        assert float(loss(np.array([0]), logits[row : row + 1])) == pytest.approx(value, abs=1e-6)
    assert float(loss(np.zeros(3, np.int32), logits)) == pytest.approx(np.mean(expected), abs=1e-6)


def test_an_ordinal_error_costs_more_the_farther_it_is() -> None:
    loss = make_loss(TrainSettings(loss="ordinal"))
    near, far = (np.where(np.arange(4) == k, 5.0, 0.0)[None].astype(np.float32) for k in (1, 3))
    assert float(loss(np.array([0]), far)) > 2 * float(loss(np.array([0]), near))
