"""Intervals: hand-computed cases, agreement with other packages, and how often they hold a known truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from alzbench.evaluation.metrics import Counts
from tests.helpers.counts import (
    SLICES,
    One,
    accuracy,
    balanced_accuracy,
    chance,
    difference,
    f1_of,
    interval,
    kappa,
    macro_f1,
    one_class,
)


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40),
)
def test_metrics_agree_with_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    truth, predicted = (np.array(values) for values in zip(*pairs, strict=True))
    matrix = np.zeros((3, 3))
    np.add.at(matrix, (truth, predicted), 1)
    present = np.unique(truth)
    assert accuracy(matrix) == pytest.approx(accuracy_score(truth, predicted), abs=1e-12)
    if set(predicted) <= set(present) and len(present) > 1:  # scikit-learn warns otherwise
        assert balanced_accuracy(matrix) == pytest.approx(balanced_accuracy_score(truth, predicted), abs=1e-12)
    expected = f1_score(truth, predicted, labels=present, average="macro", zero_division=0)
    assert macro_f1(matrix) == pytest.approx(expected, abs=1e-12)
    each = f1_score(truth, predicted, labels=range(3), average=None, zero_division=0)
    assert f1_of(int(present[0]))(matrix) == pytest.approx(each[present[0]], abs=1e-12)


def test_the_standard_error_of_one_seed_is_the_cluster_robust_one() -> None:
    """For clusters of one size the jackknife of a mean is the sandwich estimator with the usual correction."""
    rng = np.random.default_rng(0)
    right = rng.binomial(SLICES, rng.beta(3, 2, 40))
    result = interval(one_class(right[None]), accuracy)
    assert result is not None
    hits = np.concatenate([np.repeat([1.0, 0.0], [r, SLICES - r]) for r in right])
    groups = np.repeat(np.arange(40), SLICES)
    model = sm.OLS(hits, np.ones_like(hits)).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    assert result.value == pytest.approx(model.params[0], abs=1e-9)
    assert result.se_clusters == pytest.approx(model.bse[0], abs=1e-9)
    assert (result.low, result.high) == pytest.approx(tuple(model.conf_int()[0]), abs=1e-9)
    assert (result.se_seeds, result.seeds, result.clusters, result.df) == (0, 1, 40, 39)


def test_the_variance_over_seeds_is_that_of_their_mean() -> None:
    """Three seeds that predict all subjects equally well: Student's interval of three numbers."""
    right = np.array([[16] * 10, [20] * 10, [24] * 10])
    result = interval(one_class(right), accuracy)
    assert result is not None
    values = np.array([0.5, 0.625, 0.75])
    low, high = stats.t.interval(0.95, 2, values.mean(), stats.sem(values))
    assert (result.value, result.low, result.high) == pytest.approx((0.625, low, high), abs=1e-9)
    assert result.se_clusters == pytest.approx(0, abs=1e-12)
    assert result.se_seeds == pytest.approx(0.125 / math.sqrt(3))


def test_both_variances_add_up() -> None:
    rng = np.random.default_rng(2)
    right = rng.binomial(SLICES, [[0.4], [0.5], [0.7]], (3, 25))
    result = interval(one_class(right), accuracy)
    assert result is not None
    half = stats.t.ppf(0.975, result.df) * math.hypot(result.se_clusters, result.se_seeds)
    assert result.high - result.value == pytest.approx(half)
    assert min(2, 24) <= result.df <= 26


def test_clusters_that_no_seed_has_tested_do_not_count() -> None:
    right = np.random.default_rng(3).binomial(SLICES, 0.5, (2, 20))
    counts = one_class(right)
    more = np.concatenate([counts, np.zeros((2, 7, 2, 2))], axis=1)
    assert interval(more, accuracy) == interval(counts, accuracy)


def test_seeds_may_have_tested_different_clusters() -> None:
    counts = one_class(np.random.default_rng(4).binomial(SLICES, 0.5, (2, 20)))
    counts[0, :10] = 0
    counts[1, 10:] = 0
    result = interval(counts, accuracy)
    assert result is not None
    assert result.clusters == 20
    assert result.value == pytest.approx((accuracy(counts[0].sum(0)) + accuracy(counts[1].sum(0))) / 2)


@pytest.mark.parametrize("clusters", [1, 4])
def test_too_few_clusters_have_no_interval(clusters: int) -> None:
    assert interval(one_class(np.full((2, clusters), 8)), accuracy) is None


def test_no_interval_leaves_the_range_of_a_share() -> None:
    result = interval(one_class(np.array([[32, 32, 32, 32, 32, 20]])), accuracy)
    assert result is not None
    assert result.high == 1


@pytest.mark.parametrize("clusters", [5, 40])
def test_what_all_clusters_agree_on_has_clopper_and_pearsons_interval(clusters: int) -> None:
    expected = stats.binomtest(clusters, clusters).proportion_ci(0.95)
    for one in (accuracy, balanced_accuracy, macro_f1, f1_of(0)):
        result = interval(one_class(np.full((1, clusters), SLICES)), one)
        assert result is not None
        assert (result.value, result.low, result.high) == pytest.approx((1, expected.low, 1), abs=1e-9)
    result = interval(one_class(np.zeros((2, clusters))), accuracy)
    assert result is not None
    assert (result.value, result.low, result.high) == pytest.approx((0, 0, 1 - expected.low), abs=1e-9)


@pytest.mark.parametrize(("rare", "there"), [(4, False), (5, True)])
def test_means_over_classes_have_no_interval_where_a_class_has_too_few_clusters(rare: int, there: bool) -> None:
    """With two subjects in a class, such intervals hold the truth in 82 % of draws, or in 99 %."""
    counts = np.zeros((1, 20 + rare, 2, 2))
    right = np.random.default_rng(6).binomial(SLICES, 0.7, 20 + rare)
    labels = np.repeat([0, 1], [20, rare])
    counts[0, np.arange(20 + rare), labels, labels] = right
    counts[0, np.arange(20 + rare), labels, 1 - labels] = SLICES - right
    for one in (balanced_accuracy, macro_f1, f1_of(1)):
        assert (interval(counts, one) is not None) is there
        assert (difference(counts, counts, one) is not None) is there
    assert interval(counts, accuracy) is not None
    assert interval(counts, f1_of(0)) is not None


def test_single_images_are_left_out_as_clusters_of_several_are() -> None:
    """Every image twice, and twice in its cluster, changes no score and no interval."""
    rng = np.random.default_rng(8)
    counts = np.zeros((2, 60, 3, 3))
    for seed in range(2):
        tested = rng.choice(60, 50, replace=False)
        counts[seed, tested, tested % 3, rng.integers(0, 3, 50)] = 1
    for one in (accuracy, balanced_accuracy, macro_f1, f1_of(2)):
        assert interval(counts, one) == interval(2 * counts, one)


# Coverage, by simulation


THIRDS = (1 / 3, 1 / 3, 1 / 3)
RARE = (0.5, 0.4, 0.1)  # of 75 subjects seven or eight are of the last class


def draw(
    rng: np.random.Generator,
    seeds: int,
    subjects: int,
    *,
    shares: tuple[float, ...] = THIRDS,
    sd_seed: float = 0.2,
    each_seed_its_own: bool = False,
) -> Counts:
    """Draw counts (S, C, 3, 3) of subjects of three classes who are hard or easy, and of seeds that are good or bad.

    The chance of a right prediction of a slice is the logistic function of 0.3, a subject's, a seed's and their common
    normal deviate, of standard deviations 1, `sd_seed` and 0.3.
    """
    own = subjects // 4 if each_seed_its_own else subjects
    logits = (
        0.3 + rng.normal(0, 1, subjects) + rng.normal(0, sd_seed, (seeds, 1)) + rng.normal(0, 0.3, (seeds, subjects))
    )
    right = rng.binomial(SLICES, 1 / (1 + np.exp(-logits)))
    labels = rng.choice(3, subjects, p=shares)
    counts = np.zeros((seeds, subjects, 3, 3))
    for seed in range(seeds):
        tested = rng.choice(subjects, own, replace=False)
        counts[seed, tested, labels[tested], labels[tested]] = right[seed, tested]
        counts[seed, tested, labels[tested], (labels[tested] + 1) % 3] = SLICES - right[seed, tested]
    return counts


def truth(one: One, sd_seed: float, shares: tuple[float, ...] = THIRDS) -> float:
    """Return the mean over seeds of the score of one seed on endlessly many subjects."""
    rng = np.random.default_rng(99)
    values = []
    for deviate in stats.norm.ppf((np.arange(25) + 0.5) / 25) * sd_seed:
        right = chance(rng, deviate)
        matrix = np.zeros((3, 3))
        matrix[range(3), range(3)] = right * np.array(shares)
        matrix[range(3), [1, 2, 0]] = (1 - right) * np.array(shares)
        values.append(float(one(matrix)))
    return float(np.mean(values))


@pytest.mark.parametrize(
    ("seeds", "subjects", "sd_seed", "shares", "own", "one"),
    [
        pytest.param(3, 60, 0.2, THIRDS, False, accuracy, id="three-seeds"),
        pytest.param(5, 200, 0.2, THIRDS, False, accuracy, id="five-seeds-many-subjects"),
        pytest.param(5, 60, 0.2, THIRDS, False, macro_f1, id="macro-f1"),
        pytest.param(5, 200, 0.2, THIRDS, True, accuracy, id="each-seed-its-own-test-subjects"),
        pytest.param(1, 60, 0.0, THIRDS, False, accuracy, id="one-seed"),  # the truth is that of this seed
        pytest.param(1, 60, 0.0, THIRDS, False, macro_f1, id="one-seed-macro-f1"),
        pytest.param(3, 75, 0.2, RARE, False, f1_of(2), id="f1-of-a-rare-class"),
        pytest.param(3, 75, 0.2, RARE, False, balanced_accuracy, id="balanced-accuracy-with-a-rare-class"),
        pytest.param(3, 75, 0.2, RARE, False, macro_f1, id="macro-f1-with-a-rare-class"),
        pytest.param(3, 60, 0.2, THIRDS, False, kappa, id="quadratic-kappa"),
    ],
)
def test_the_interval_holds_the_truth_as_often_as_it_says(
    seeds: int, subjects: int, sd_seed: float, shares: tuple[float, ...], own: bool, one: One
) -> None:
    """The naive interval of accuracy, which takes slices for independent, does not."""
    rng, true = np.random.default_rng(7), truth(one, sd_seed, shares)
    held = naive = drawn = 0
    while drawn < 500:
        counts = draw(rng, seeds, subjects, shares=shares, sd_seed=sd_seed, each_seed_its_own=own)
        result = interval(counts, one)
        if result is None:  # fewer than five subjects of the rare class
            continue
        drawn += 1
        held += result.low <= true <= result.high
        value = float(one(counts[0].sum(0)))
        naive += abs(value - true) <= 1.96 * math.sqrt(value * (1 - value) / counts[0].sum())
    assert 0.92 <= held / 500 <= 0.98
    assert naive / 500 < 0.75


def test_f1_of_a_class_without_images_is_not_defined() -> None:
    """As in metrics.json, though some images are taken for it: the interval would not be around the mean shown."""
    counts = np.zeros((2, 12, 2, 2))
    counts[0, :, 0, 0] = counts[0, ::2, 1, 1] = counts[1, :, 0, 1] = 1  # the second seed tests the first class alone
    assert f1_of(1)(counts[0].sum(0)) == 1
    assert np.isnan(f1_of(1)(counts[1].sum(0)))
    assert interval(counts, f1_of(1)) is None
    assert interval(counts[:1], f1_of(1)) is not None
