"""Intervals by subject: of the vote and of the two-way question, by hand and by the figures they are of."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from alzbench.compare.answers import stack
from alzbench.compare.intervals import accuracy, from_left_out, interval
from alzbench.compare.one_run import subject_intervals
from alzbench.evaluation.subject_counts import SubjectCounts, count_subjects
from alzbench.evaluation.subjects import score_subjects

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


def intervals_of(*tables: pd.DataFrame) -> dict[str, float]:
    found = subject_intervals(stack({seed: [count_subjects(table)] for seed, table in enumerate(tables)}))
    return {name: of.value for name, of in found.items()}


def test_they_are_around_the_scores_of_the_run() -> None:
    table = draw(0)
    scores = score_subjects(table)
    assert scores is not None
    assert intervals_of(table) == pytest.approx({
        **{name: scores["mean"][name] for name in ("accuracy", "balanced_accuracy", "macro_f1")},
        "vote_accuracy": scores["vote"]["accuracy"],
        "demented_accuracy": scores["demented"]["accuracy"],
        "demented_auc": scores["demented"]["roc_auc"],
    })  # fmt: skip


def test_of_several_seeds_they_are_around_the_mean() -> None:
    one, two = intervals_of(draw(1)), intervals_of(draw(2))
    both = intervals_of(draw(1), draw(2))
    assert both == pytest.approx({name: (one[name] + two[name]) / 2 for name in one})


def test_the_vote_has_students_interval_of_a_share() -> None:
    table = draw(3)
    found = subject_intervals(stack({0: [count_subjects(table)]}))["vote_accuracy"]
    voted = count_subjects(table).votes
    assert voted is not None
    right = (voted == count_subjects(table).labels).astype(float)
    low, high = stats.t.interval(0.95, 23, right.mean(), stats.sem(right))
    assert (found.low, found.high) == pytest.approx((low, high))


def test_the_area_leaves_out_a_subject_at_a_time() -> None:
    table = draw(4)
    found = subject_intervals(stack({0: [count_subjects(table)]}))["demented_auc"]
    names = sorted(set(table["subject"]))
    left = [table, *(table[table["subject"] != name] for name in names)]
    areas = [scores["demented"]["roc_auc"] for part in left if (scores := score_subjects(part))]
    expected = from_left_out(np.array([areas]), np.ones(24, bool), 8)
    assert expected is not None
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_without_votes_and_probabilities_of_older_versions_the_rest_is_there() -> None:
    counts = count_subjects(draw(5))
    older = SubjectCounts(counts.by, counts.names, counts.counts, counts.labels, counts.answers)
    found = subject_intervals(stack({0: [older]}))
    assert found.keys() == {"accuracy", "balanced_accuracy", "macro_f1"}
    once = np.zeros((1, 24, 3, 3))
    once[0, np.arange(24), counts.labels, counts.answers] = 1
    assert found["accuracy"] == interval(once, accuracy)


def test_where_subjects_are_unknown_there_are_none() -> None:
    assert subject_intervals(stack({0: [count_subjects(draw(6).assign(subject=""))]})) == {}
    assert subject_intervals(None) == {}


def test_too_few_healthy_subjects_have_no_area() -> None:
    table = draw(7)
    few = table[~((table["label"] == "A") & (table["subject"] >= "s10"))]
    assert "demented_auc" not in intervals_of(few)  # four are healthy
    assert "demented_accuracy" in intervals_of(few)
