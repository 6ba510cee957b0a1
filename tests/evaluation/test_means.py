"""Means of one value per image, with intervals over subjects."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alzbench.evaluation.means import mean_interval

SUBJECTS = [f"s{k // 2}" for k in range(12)]  # six subjects with two images each


def test_the_mean_is_over_images_and_the_error_over_subjects() -> None:
    values = np.array([0.1, 0.3, 0.5, 0.7, 0.2, 0.4, 0.6, 0.8, 0.1, 0.5, 0.9, 0.3])
    interval = mean_interval(values, SUBJECTS)
    assert interval is not None
    by_subject = values.reshape(6, 2).mean(axis=1)
    assert interval.value == pytest.approx(values.mean())
    # with equally many images of each subject, the jackknife is the standard error of the subjects' means
    assert interval.se_clusters == pytest.approx(by_subject.std(ddof=1) / np.sqrt(6))
    assert (interval.clusters, interval.df) == (6, 5)


def test_images_of_unknown_subjects_count_singly() -> None:
    values = np.linspace(0.1, 0.9, 12)
    interval = mean_interval(values, [""] * 12)
    assert interval is not None
    assert interval.clusters == 12
    assert interval.se_clusters == pytest.approx(values.std(ddof=1) / np.sqrt(12))


def test_undefined_values_are_left_out() -> None:
    values = np.array([0.1, 0.3, 0.5, 0.7, 0.2, 0.4, 0.6, 0.8, 0.1, 0.5, 0.9, 0.3])
    with_gap = mean_interval(np.append(values, np.nan), [*SUBJECTS, "s6"])
    assert with_gap == mean_interval(values, SUBJECTS)


@pytest.mark.parametrize("subjects", [[], ["one"], ["a", "b", "c", "d"]])
def test_too_few_subjects_have_no_interval(subjects: list[str]) -> None:
    assert mean_interval(np.linspace(0.2, 0.6, len(subjects)), subjects) is None


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 9)), min_size=1, max_size=60))
def test_the_interval_holds_the_mean_and_stays_in_bounds(images: list[tuple[float, int]]) -> None:
    values = np.array([value for value, _ in images])
    interval = mean_interval(values, [str(subject) for _, subject in images])
    if interval is not None:
        assert interval.value == pytest.approx(values.mean())
        assert 0 <= interval.low <= interval.value + 1e-9
        assert interval.value - 1e-9 <= interval.high <= 1
