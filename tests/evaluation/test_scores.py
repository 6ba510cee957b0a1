"""Scores by subject with their intervals: by the mean, by vote, and demented or not."""

from __future__ import annotations

import statistics

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from alzbench.evaluation.evaluate import evaluate
from alzbench.evaluation.intervals import Interval, Jackknife, intervals, jackknife_interval
from alzbench.evaluation.metrics import ACCURACY, metrics
from alzbench.evaluation.scores import Score, scores_of_run, scores_over_seeds
from alzbench.evaluation.stacked import stack
from alzbench.evaluation.subject_counts import SubjectCounts, count_subjects

CLASSES = ("A", "B", "C")


def draw(seed: int, subjects: int = 24) -> pd.DataFrame:
    """Draw predictions of four slices a subject."""
    rng = np.random.default_rng(seed)
    names, places = np.array(CLASSES), np.repeat(np.arange(subjects) % 3, 4)
    labels = names[places]
    shares = (rng.dirichlet(np.ones(3), 4 * subjects) + rng.choice([0, 1.5], (4 * subjects, 1)) * np.eye(3)[places]) / 2
    shares /= shares.sum(1, keepdims=True)
    table = pd.DataFrame({"image": [f"{k}.png" for k in range(4 * subjects)], "slice": "", "label": labels})
    table = table.assign(
        subject=np.repeat([f"s{k:02d}" for k in range(subjects)], 4), predicted=names[shares.argmax(1)]
    )
    return table.assign(**{f"p_{name}": shares[:, k] for k, name in enumerate(CLASSES)})


def intervals_of(*tables: pd.DataFrame) -> dict[str, Interval]:
    """Return the intervals of the scores by subject of several seeds."""
    stacked = stack({seed: [count_subjects(table)] for seed, table in enumerate(tables)})
    scores = scores_over_seeds([evaluate(table) for table in tables], stacked, CLASSES).overall
    names = [metric.name for metric in metrics(level="subject")]
    return {name: ends for name in names if name in scores and (ends := scores[name].interval) is not None}


def values_of(*tables: pd.DataFrame) -> dict[str, float]:
    return {name: interval.value for name, interval in intervals_of(*tables).items()}


def test_intervals_are_around_the_scores_of_the_run() -> None:
    table = draw(0)
    subjects = evaluate(table).subjects
    assert subjects is not None
    mean, demented = subjects.mean.scores, subjects.demented
    assert values_of(table) == pytest.approx({
        **{f"subject_{m.name}": mean[m.name] for m in metrics(level="image", needs="counts", per_class=False)},
        "subject_vote_accuracy": subjects.vote.scores["accuracy"],
        "subject_demented_accuracy": demented.scores["accuracy"],
        "subject_demented_auc": demented.scores["auc"],
    })  # fmt: skip


def test_intervals_of_several_seeds_are_around_the_mean() -> None:
    one, two = values_of(draw(1)), values_of(draw(2))
    both = values_of(draw(1), draw(2))
    assert both == pytest.approx({name: (one[name] + two[name]) / 2 for name in one})


def test_the_vote_has_students_interval_of_a_share() -> None:
    table = draw(3)
    interval = intervals_of(table)["subject_vote_accuracy"]
    voted = count_subjects(table).votes
    assert voted is not None
    right = (voted == count_subjects(table).labels).astype(float)
    low, high = stats.t.interval(0.95, 23, right.mean(), stats.sem(right))
    assert (interval.low, interval.high) == pytest.approx((low, high))


def test_the_area_leaves_out_a_subject_at_a_time() -> None:
    table = draw(4)
    interval = intervals_of(table)["subject_demented_auc"]
    names = sorted(set(table["subject"]))
    left = [table, *(table[table["subject"] != name] for name in names)]
    areas = [subjects.demented.scores["auc"] for part in left if (subjects := evaluate(part).subjects)]
    expected = jackknife_interval(np.array([areas]), np.ones(24, bool), 8)
    assert expected is not None
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))


def test_counts_of_older_versions_have_no_votes_and_no_probabilities() -> None:
    table = draw(5)
    counts = count_subjects(table)
    older = SubjectCounts(counts.by, counts.names, counts.counts, counts.labels, counts.predicted)
    scores = scores_of_run(0, evaluate(table), older).overall
    with_interval = {name for name, score in scores.items() if name.startswith("subject") and score.interval}
    assert with_interval == {f"subject_{m.name}" for m in metrics(level="image", needs="counts", per_class=False)}
    once = np.zeros((1, 24, 3, 3))
    once[0, np.arange(24), counts.labels, counts.predicted] = 1
    assert scores["subject_accuracy"].interval == intervals(Jackknife(once), ACCURACY)[0]


def test_unknown_subjects_have_no_scores_by_subject() -> None:
    table = draw(6).assign(subject="")
    scores = scores_of_run(0, evaluate(table), count_subjects(table))
    assert not [name for name in scores.overall if name.startswith("subject")]
    assert (scores.by, scores.subjects) == ("image", None)


def test_without_counts_there_are_scores_and_no_intervals() -> None:
    table = draw(6)
    scores = scores_of_run(0, evaluate(table), None)
    assert scores.overall["accuracy"].mean == (table["label"] == table["predicted"]).mean()
    assert not [name for name, score in scores.overall.items() if score.interval]
    assert scores.by == ""


def test_too_few_healthy_subjects_have_no_interval_of_the_area() -> None:
    table = draw(7)
    few = table[~((table["label"] == "A") & (table["subject"] >= "s10"))]
    assert "subject_demented_auc" not in intervals_of(few)  # four are healthy
    assert "subject_demented_accuracy" in intervals_of(few)


def test_every_metric_of_counts_has_an_interval_around_its_mean() -> None:
    """A metric is declared once: its value, its mean over seeds and its interval follow."""
    tables = [draw(8), draw(9)]
    evaluations = [evaluate(table) for table in tables]
    stacked = stack({seed: [count_subjects(table)] for seed, table in enumerate(tables)})
    scores = scores_over_seeds(evaluations, stacked, CLASSES)
    for metric in metrics(level="image", needs="counts"):
        each = scores.by_class[metric.name].values() if metric.per_class else [scores.overall[metric.name]]
        for score in each:
            assert score.n == 2
            assert score.interval is not None
            assert score.interval.value == pytest.approx(score.mean)
            assert score.interval.low < score.mean < score.interval.high


@given(st.lists(st.floats(0, 1), min_size=2, max_size=5))
def test_spreads_agree_with_the_textbook(values: list[float]) -> None:
    score = Score.over_seeds(values)
    assert score is not None
    assert score.mean == pytest.approx(statistics.fmean(values))
    assert score.sd == pytest.approx(statistics.stdev(values))


# Spread over the seeds


def test_nothing_has_no_spread() -> None:
    assert Score.over_seeds([]) is None
    assert Score.over_seeds([None, None]) is None


def test_one_value_has_no_deviation() -> None:
    assert Score.over_seeds([0.25]) == Score(0.25, None, 1)


def test_the_deviation_is_that_of_a_sample() -> None:
    # mean 4; squares of the differences 4 + 0 + 4 = 8; over n - 1 = 2: 4
    assert Score.over_seeds([2.0, 4.0, 6.0]) == Score(4.0, 2.0, 3)


def test_values_that_are_not_defined_do_not_count() -> None:
    assert Score.over_seeds([None, 1.0, None, 4.0, 7.0]) == Score(4.0, 3.0, 3)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9), st.permutations(range(9)))
def test_order_does_not_matter_and_the_mean_lies_between(values: list[float], order: list[int]) -> None:
    score = Score.over_seeds(values)
    assert score is not None
    assert min(values) - 1e-12 <= score.mean <= max(values) + 1e-12
    assert score.n == len(values)
    shuffled = Score.over_seeds([values[i] for i in order if i < len(values)])
    assert shuffled is not None
    assert shuffled.mean == pytest.approx(score.mean)
    assert shuffled.sd == (score.sd and pytest.approx(score.sd))


@given(st.floats(0, 1), st.integers(2, 9))
def test_equal_values_do_not_deviate(value: float, n: int) -> None:
    score = Score.over_seeds([value] * n)
    assert score is not None
    assert score.sd == 0
