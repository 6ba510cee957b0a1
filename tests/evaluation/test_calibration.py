"""Calibration: the expected error by hand, and of probabilities that are true."""

from __future__ import annotations

import numpy as np
import pytest

from alzbench.evaluation.calibration import BINS, bin_sums, calibration_error


def error(confidence: list[float], right: list[bool]) -> float:
    places = np.zeros(len(right), np.intp)
    return float(calibration_error(bin_sums(np.array(confidence), np.array(right), places, 1)[0]))


def test_the_error_by_hand() -> None:
    # bin (0.5, 0.6]: confidence 0.6, 1 of 2 right; bin (0.9, 1]: confidence 0.95, 2 of 2 right
    assert error([0.6, 0.6, 0.95, 0.95], [True, False, True, True]) == pytest.approx(0.5 * 0.1 + 0.5 * 0.05)


def test_a_confidence_on_an_edge_belongs_to_the_bin_below() -> None:
    # one bin: confidence 0.475, half of them right; two bins: one image each
    assert error([0.5, 0.45], [True, False]) == pytest.approx(0.025)
    assert error([0.51, 0.45], [True, False]) == pytest.approx(0.5 * 0.49 + 0.5 * 0.45)


def test_probabilities_that_are_true_are_calibrated() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 2000)
    right = rng.uniform(size=2000) < confidence
    assert error(confidence.tolist(), right.tolist()) < 0.03
    assert error([1.0] * 2000, right.tolist()) == pytest.approx(1 - right.mean())


def test_groups_add_up() -> None:
    rng = np.random.default_rng(1)
    confidence, right, group = rng.uniform(0.3, 1, 50), rng.uniform(size=50) < 0.5, rng.integers(0, 4, 50)
    sums = bin_sums(confidence, right, group, 4)
    assert sums.shape == (4, 3, BINS)
    np.testing.assert_allclose(sums.sum(0), bin_sums(confidence, right, np.zeros(50, np.intp), 1)[0])
    assert sums[:, 0].sum(1).tolist() == np.bincount(group, minlength=4).tolist()


def test_without_images_nothing_is_said() -> None:
    assert np.isnan(error([], []))
