"""Paired differences: agreement with other packages, and how often their intervals and p-values are right."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from alzbench.evaluation.differences import mean_difference
from alzbench.evaluation.intervals import Jackknife
from tests.helpers.counts import (
    SLICES,
    accuracy,
    chance,
    difference,
    macro_f1,
    one_class,
)


def test_the_difference_of_two_means_is_students_paired_test() -> None:
    """One seed and clusters of one size: the paired t-test over subjects."""
    rng = np.random.default_rng(1)
    first, second = rng.binomial(SLICES, 0.5, 30), rng.binomial(SLICES, 0.6, 30)
    result = difference(one_class(first[None]), one_class(second[None]), accuracy)
    assert result is not None
    expected = stats.ttest_rel(second / SLICES, first / SLICES)
    assert result.p == pytest.approx(expected.pvalue, abs=1e-9)
    low, high = expected.confidence_interval(0.95)
    assert (result.interval.low, result.interval.high) == pytest.approx((low, high), abs=1e-9)


def test_nothing_differs_from_itself_and_that_makes_nothing_certain() -> None:
    counts = one_class(np.random.default_rng(5).binomial(SLICES, 0.5, (2, 20)))
    result = difference(counts, counts, macro_f1)
    assert result is not None
    assert (result.interval.value, result.p) == (0, 1)
    assert result.interval.low == -result.interval.high < 0


@pytest.mark.parametrize("clusters", [5, 6, 40])
def test_a_difference_without_variance_has_the_p_of_the_sign_test(clusters: int) -> None:
    result = difference(one_class(np.full((1, clusters), 8)), one_class(np.full((1, clusters), 24)), accuracy)
    assert result is not None
    assert result.p == pytest.approx(stats.binomtest(clusters, clusters).pvalue, rel=1e-9)
    assert result.interval.low < result.interval.value == 0.5 < result.interval.high


def test_pairs_of_other_shapes_are_not_averaged() -> None:
    first, second = (Jackknife(one_class(np.full((1, n), 8))) for n in (6, 7))
    with pytest.raises(ValueError, match="same seeds, clusters"):
        mean_difference([(first, first), (second, second)], accuracy.metric)


def test_other_images_are_not_paired() -> None:
    counts = one_class(np.full((1, 6), 8))
    with pytest.raises(ValueError, match="same images"):
        difference(counts, one_class(np.full((1, 6), 8), n=33), accuracy)


def test_the_interval_of_a_factors_effect_holds_the_truth_as_often_as_it_says() -> None:
    """Two pairs of experiments on the same subjects and seeds, of a 2 x 2 study whose factor adds 0.3 to each logit."""
    rng = np.random.default_rng(12)
    deviates = stats.norm.ppf((np.arange(25) + 0.5) / 25) * 0.2
    without, with_it = (
        np.mean([chance(np.random.default_rng(99), d + other + factor) for d in deviates for other in (0, 0.5)])
        for factor in (0, 0.3)
    )
    held = 0
    for _ in range(500):
        hard, seed = rng.normal(0, 1, 60), rng.normal(0, 0.2, (3, 1))
        pairs = []
        for other in (0, 0.5):
            both = (
                0.3 + hard + seed + other + factor + rng.normal(0, 0.3, (3, 60)) for factor in (0, 0.3)
            )  # fmt: skip
            first, second = (Jackknife(one_class(rng.binomial(SLICES, 1 / (1 + np.exp(-logits))))) for logits in both)
            pairs.append((first, second))
        result = mean_difference(pairs, accuracy.metric)
        assert result is not None
        held += result.low <= with_it - without <= result.high
    assert 0.92 <= held / 500 <= 0.98


def test_without_a_difference_false_alarms_stay_at_5_percent() -> None:
    """Two models of the same seeds, equally good: subjects are as hard for both, and all else is chance."""
    rng = np.random.default_rng(11)
    alarms = 0
    for _ in range(500):
        hard = rng.normal(0, 1, 60)
        logits = 0.3 + hard + rng.normal(0, 0.2, (2, 3, 1)) + rng.normal(0, 0.3, (2, 3, 60))
        first, second = (one_class(rng.binomial(SLICES, 1 / (1 + np.exp(-model)))) for model in logits)
        result = difference(first, second, accuracy)
        assert result is not None
        alarms += result.p < 0.05
    assert 0.02 <= alarms / 500 <= 0.08
