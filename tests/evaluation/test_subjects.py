"""Scores by subject, computed by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from alzbench.evaluation.evaluate import Evaluation, evaluate
from alzbench.evaluation.subjects import combine


@pytest.fixture
def table() -> pd.DataFrame:
    """Two subjects of class A, one of B; for a1 the mean says B and the vote says A."""
    rows = [
        ("a1", "A", 0.6, 0.4), ("a1", "A", 0.6, 0.4), ("a1", "A", 0.0, 1.0),
        ("a2", "A", 0.9, 0.1), ("a2", "A", 0.7, 0.3),
        ("b1", "B", 0.2, 0.8), ("b1", "B", 0.4, 0.6),
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["subject", "label", "p_A", "p_B"])
    predicted = ["A" if a > b else "B" for a, b in zip(frame["p_A"], frame["p_B"], strict=True)]
    return frame.assign(image=[f"i{k}" for k in range(len(frame))], slice="", predicted=predicted)


def test_mean(table: pd.DataFrame) -> None:
    combined = combine(table, "mean").set_index("subject")
    assert combined["p_A"].to_dict() == pytest.approx({"a1": 0.4, "a2": 0.8, "b1": 0.3})
    assert combined["predicted"].to_dict() == {"a1": "B", "a2": "A", "b1": "B"}
    assert combined["label"].to_dict() == {"a1": "A", "a2": "A", "b1": "B"}


def test_vote(table: pd.DataFrame) -> None:
    combined = combine(table, "vote").set_index("subject")
    assert combined["p_A"].to_dict() == pytest.approx({"a1": 2 / 3, "a2": 1.0, "b1": 0.0})
    assert combined["predicted"].to_dict() == {"a1": "A", "a2": "A", "b1": "B"}


def test_a_tie_goes_to_the_higher_mean(table: pd.DataFrame) -> None:
    tied = table[table["subject"] == "a1"].iloc[1:]
    assert combine(tied, "vote")["predicted"].tolist() == ["B"]


def test_scores(table: pd.DataFrame) -> None:
    subjects = evaluate(table).subjects
    assert subjects is not None
    assert subjects.subjects == 3
    assert subjects.mean.scores["accuracy"] == pytest.approx(2 / 3)
    assert subjects.mean.scores["balanced_accuracy"] == pytest.approx(3 / 4)
    assert subjects.vote.scores["accuracy"] == 1.0


def test_demented_or_not(table: pd.DataFrame) -> None:
    """P(not A) is 0.6, 0.2, 0.7 for a1, a2, b1: b1 ranks above both, and a1 is on the wrong side."""
    subjects = evaluate(table).subjects
    assert subjects is not None
    assert subjects.demented.model_dump() == {"n": 3, "accuracy": pytest.approx(2 / 3), "roc_auc": 1.0}


def test_one_side_alone_has_no_auc(table: pd.DataFrame) -> None:
    subjects = evaluate(table[table["label"] == "A"]).subjects
    assert subjects is not None
    assert subjects.demented.scores["auc"] is None


def test_an_unknown_subject_gives_no_scores_by_subject(table: pd.DataFrame) -> None:
    assert evaluate(table.assign(subject=["", *table["subject"][1:]])).subjects is None


def test_the_healthy_class_may_be_any_or_none(table: pd.DataFrame) -> None:
    first, second, none = (evaluate(table, healthy=label).subjects for label in (0, 1, None))
    assert first is not None
    assert second is not None
    assert none is not None
    # with class B healthy: a1 is predicted B, so one of the two ill subjects is missed, and B's own is right
    assert second.demented is not None
    assert second.demented.model_dump() == {"n": 3, "accuracy": pytest.approx(2 / 3), "roc_auc": 1.0}
    # p_B of the healthy b1 is 0.7, of the ill a1 0.6 and of a2 0.2: 1 - p_B orders them rightly
    assert none.demented is None
    assert none.mean == first.mean
    assert Evaluation.model_validate(evaluate(table, healthy=None).model_dump()).subjects == none
