"""Predictions by subject, counted, and read back as they were."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from alzbench.evaluation.subject_counts import SubjectCounts, count_subjects


def table(subjects: list[str]) -> pd.DataFrame:
    """Five images of classes A and B: by hand, A A B B B, predicted A B B B A."""
    return pd.DataFrame(
        {
            "image": list("vwxyz"), "subject": subjects, "slice": "", "label": list("AABBB"),
            "predicted": list("ABBBA"), "p_A": [0.9, 0.3, 0.2, 0.1, 0.6], "p_B": [0.1, 0.7, 0.8, 0.9, 0.4],
        }
    )  # fmt: skip


def test_counts_are_by_subject_true_and_predicted_class() -> None:
    found = count_subjects(table(["s", "s", "t", "t", "t"]))
    assert (found.by, found.names) == ("subject", ("s", "t"))
    assert found.counts.tolist() == [[[1, 1], [0, 0]], [[0, 0], [1, 2]]]
    assert (found.labels.tolist(), found.predicted.tolist()) == ([0, 1], [0, 1])  # by the mean: A 0.6, B 0.7


@pytest.mark.parametrize("subjects", [["", "s", "t", "t", "t"], [""] * 5])
def test_where_a_subject_is_unknown_images_are_counted(subjects: list[str]) -> None:
    found = count_subjects(table(subjects))
    assert (found.by, found.names) == ("image", tuple("vwxyz"))
    assert found.counts.sum((1, 2)).tolist() == [1] * 5
    assert (found.labels.tolist(), found.predicted.tolist()) == ([0, 0, 1, 1, 1], [0, 1, 1, 1, 0])


def test_what_is_written_is_read_back() -> None:
    found = count_subjects(table(["s", "s", "t", "t", "t"]))
    again = SubjectCounts.from_json(json.loads(json.dumps(found.to_json())))
    assert (again.by, again.names) == (found.by, found.names)
    for name in ("counts", "labels", "predicted"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))


@pytest.mark.parametrize(
    "harm",
    [
        {"names": ["s"]}, {"names": ["s", "s"]}, {"names": [None, "t"]}, {"names": [[], {}]},
        {"counts": [7, 0, 1]}, {"counts": [0, 9, 1]}, {"counts": [0, 0, -1]}, {"counts": [0, 0]},
        {"labels": ["x", 1]}, {"labels": [0, 2]}, {"labels": [0, -1]}, {"labels": float("inf")}, {"predicted": [0, 64]},
        {"votes": [5, 0]}, {"healthy": []}, {"healthy": [0.5, float("nan")]}, {"by": []}, {"by": "cluster"},
        {"classes": "two"}, {"classes": 0}, {"classes": 10**6}, {"classes": float("inf")},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_damaged_is_not_taken_for_something_else(harm: dict[str, object]) -> None:
    content = {**count_subjects(table(["s", "s", "t", "t", "t"])).to_json(), **harm}
    with pytest.raises(ValidationError):
        SubjectCounts.from_json(content)


def test_the_older_name_of_predicted_is_read() -> None:
    content = count_subjects(table(["s", "s", "t", "t", "t"])).to_json()
    older = {("answers" if key == "predicted" else key): value for key, value in content.items()}
    assert SubjectCounts.from_json(older).to_json() == content


@pytest.mark.parametrize(("healthy", "expected"), [(0, [0.6, 0.3]), (1, [0.4, 0.7]), (None, None)])
def test_the_healthy_class_is_stored(healthy: int | None, expected: list[float] | None) -> None:
    found = count_subjects(table(["s", "s", "t", "t", "t"]), healthy)
    again = SubjectCounts.from_json(json.loads(json.dumps(found.to_json())))
    assert again.healthy_label == healthy
    assert again.healthy is None if expected is None else again.healthy == pytest.approx(expected)
    assert again.knows_demented


def test_older_files_have_the_first_class_healthy() -> None:
    content = count_subjects(table(["s", "s", "t", "t", "t"])).to_json()
    assert "healthy_label" not in content  # as older versions wrote it
    assert SubjectCounts.from_json(content).healthy_label == 0
    older = {key: value for key, value in content.items() if key != "healthy"}
    assert not SubjectCounts.from_json(older).knows_demented
    with pytest.raises(ValidationError):
        SubjectCounts.from_json({**content, "healthy_label": 2})
