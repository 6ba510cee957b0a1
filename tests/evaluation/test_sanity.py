"""Sanity answers on cases whose result is known."""

from __future__ import annotations

import numpy as np
import pytest

from alzbench.evaluation.sanity import SANITY, grey_logistic, largest_class, small_grey


def blocks(values: list[int]) -> np.ndarray:
    return np.repeat(np.array(values, np.uint8), 32 * 32).reshape(-1, 32, 32, 1)


def test_largest_class_answers_the_training_shares() -> None:
    answer = largest_class(blocks([0] * 4), np.array([1, 1, 1, 0]), blocks([9, 9]), 3)
    assert answer.tolist() == [[0.25, 0.75, 0.0]] * 2


def test_grey_logistic_learns_what_is_in_the_pixels() -> None:
    rng = np.random.default_rng(0)
    labels = np.array([0, 2] * 40)
    pixels = np.clip(rng.normal(60 + 60 * labels[:, None, None, None], 10, (80, 32, 32, 1)), 0, 255).astype(np.uint8)
    answer = grey_logistic(pixels[:60], labels[:60], pixels[60:], 3)
    assert (answer.argmax(axis=1) == labels[60:]).all()
    assert answer.sum(axis=1) == pytest.approx(np.ones(20), abs=1e-12)
    assert not answer[:, 1].any()  # never seen in training


def test_small_grey_is_the_mean_of_blocks() -> None:
    image = np.zeros((1, 32, 32, 3), np.uint8)
    image[0, :2, :2] = [30, 60, 90]
    small = small_grey(image).reshape(16, 16)
    assert small[0, 0] == 60
    assert small.sum() == 60


def test_names() -> None:
    assert list(SANITY) == ["largest_class", "grey_logistic"]
