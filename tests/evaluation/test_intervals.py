"""Intervals: hand-computed cases, agreement with other packages, and how often they hold a known truth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from alzbench.evaluation.intervals import Difference, Interval, Jackknife, differences, intervals, mean_difference
from alzbench.evaluation.metrics import METRICS, Counts, Metric


@dataclass(frozen=True)
class One:
    """A metric, or one class of a metric per class."""

    metric: Metric
    label: int = 0

    def __call__(self, matrix: Counts) -> np.ndarray:
        value = self.metric.function(matrix)
        return value[..., self.label] if self.metric.per_class else value


accuracy, balanced_accuracy, macro_f1, kappa = (
    One(METRICS[name]) for name in ("accuracy", "balanced_accuracy", "macro_f1", "quadratic_kappa")
)


def f1_of(label: int) -> One:
    return One(METRICS["f1"], label)


def interval(counts: Counts, one: One) -> Interval | None:
    return intervals(Jackknife(counts), one.metric)[one.label]


def difference(first: Counts, second: Counts, one: One) -> Difference | None:
    return differences(Jackknife(first), Jackknife(second), one.metric)[one.label]


SLICES = 32


def one_class(right: np.ndarray, n: int = SLICES) -> Counts:
    """Counts (S, C, 2, 2) of clusters of `n` images of class 0, of which `right` (S, C) are predicted right."""
    counts = np.zeros((*right.shape, 2, 2))
    counts[..., 0, 0], counts[..., 0, 1] = right, n - right
    return counts


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


def test_nothing_differs_from_itself_and_that_makes_nothing_certain() -> None:
    counts = one_class(np.random.default_rng(5).binomial(SLICES, 0.5, (2, 20)))
    result = difference(counts, counts, macro_f1)
    assert result is not None
    assert (result.interval.value, result.p) == (0, 1)
    assert result.interval.low == -result.interval.high < 0


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


@pytest.mark.parametrize("clusters", [5, 6, 40])
def test_a_difference_without_variance_has_the_p_of_the_sign_test(clusters: int) -> None:
    result = difference(one_class(np.full((1, clusters), 8)), one_class(np.full((1, clusters), 24)), accuracy)
    assert result is not None
    assert result.p == pytest.approx(stats.binomtest(clusters, clusters).pvalue, rel=1e-9)
    assert result.interval.low < result.interval.value == 0.5 < result.interval.high


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


def test_pairs_of_other_shapes_are_not_averaged() -> None:
    first, second = (Jackknife(one_class(np.full((1, n), 8))) for n in (6, 7))
    with pytest.raises(ValueError, match="same seeds, clusters"):
        mean_difference([(first, first), (second, second)], accuracy.metric)


def test_other_images_are_not_paired() -> None:
    counts = one_class(np.full((1, 6), 8))
    with pytest.raises(ValueError, match="same images"):
        difference(counts, one_class(np.full((1, 6), 8), n=33), accuracy)


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


def chance(rng: np.random.Generator, deviate: float) -> float:
    """Return the mean chance of a right prediction over endlessly many subjects, at a seed's deviate."""
    return float((1 / (1 + np.exp(-0.3 - rng.normal(0, math.hypot(1, 0.3), 100_000) - deviate))).mean())


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


def test_f1_of_a_class_without_images_is_not_defined() -> None:
    """As in metrics.json, though some images are taken for it: the interval would not be around the mean shown."""
    counts = np.zeros((2, 12, 2, 2))
    counts[0, :, 0, 0] = counts[0, ::2, 1, 1] = counts[1, :, 0, 1] = 1  # the second seed tests the first class alone
    assert f1_of(1)(counts[0].sum(0)) == 1
    assert np.isnan(f1_of(1)(counts[1].sum(0)))
    assert interval(counts, f1_of(1)) is None
    assert interval(counts[:1], f1_of(1)) is not None
