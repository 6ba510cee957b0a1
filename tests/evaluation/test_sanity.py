"""Sanity answers on cases whose result is known."""

from __future__ import annotations

import numpy as np
import pytest

from alzbench.evaluation.sanity import SANITY, Cases, age_only, grey_logistic, largest_class, small_grey


def blocks(values: list[int]) -> np.ndarray:
    return np.repeat(np.array(values, np.uint8), 32 * 32).reshape(-1, 32, 32, 1)


def cases(pixels: np.ndarray) -> Cases:
    return Cases(lambda: pixels, np.full(len(pixels), "", object), np.full(len(pixels), np.nan))


def aged(*people: tuple[str, float]) -> Cases:
    """Return images by subject and age; reading their pixels is an error."""
    subjects, ages = zip(*people, strict=True)
    return Cases(lambda: pytest.fail("it read pixels"), np.array(subjects, object), np.array(ages, np.float64))


def test_largest_class_answers_the_training_shares() -> None:
    answer = largest_class(cases(blocks([0] * 4)), np.array([1, 1, 1, 0]), cases(blocks([9, 9])), 3)
    assert answer.tolist() == [[0.25, 0.75, 0.0]] * 2


def test_grey_logistic_learns_what_is_in_the_pixels() -> None:
    rng = np.random.default_rng(0)
    labels = np.array([0, 2] * 40)
    pixels = np.clip(rng.normal(60 + 60 * labels[:, None, None, None], 10, (80, 32, 32, 1)), 0, 255).astype(np.uint8)
    answer = grey_logistic(cases(pixels[:60]), labels[:60], cases(pixels[60:]), 3)
    assert (answer.argmax(axis=1) == labels[60:]).all()
    assert answer.sum(axis=1) == pytest.approx(np.ones(20), abs=1e-12)
    assert not answer[:, 1].any()  # never seen in training


def test_small_grey_is_the_mean_of_blocks() -> None:
    image = np.zeros((1, 32, 32, 3), np.uint8)
    image[0, :2, :2] = [30, 60, 90]
    small = small_grey(image).reshape(16, 16)
    assert small[0, 0] == 60
    assert small.sum() == 60


def test_age_only_learns_from_age_and_counts_each_subject_once() -> None:
    young, old = [(f"y{k}", 60.0 + k) for k in range(5)], [(f"o{k}", 80.0 + k) for k in range(5)]
    labels = np.array([0] * 5 + [2] * 5)
    others = aged(("a", 60), ("b", 72), ("c", 85), ("d", np.nan))
    answer = age_only(aged(*young, *old), labels, others, 3)
    assert answer[0, 0] > 0.8
    assert answer[1] == pytest.approx([0.5, 0, 0.5], abs=1e-6)  # the mean age
    assert answer[2, 2] > 0.8
    assert answer[3].tolist() == [0.5, 0, 0.5]  # the shares: its age is unknown
    many = age_only(aged(*young, *old, *[old[0]] * 50), np.append(labels, [2] * 50), others, 3)
    assert many == pytest.approx(answer)


def test_age_only_of_one_known_class_answers_the_shares_of_the_subjects() -> None:
    training = aged(("a", 70), ("a", 70), ("b", np.nan), ("", 71))
    assert age_only(training, np.array([0, 0, 1, 0]), aged(("c", 60)), 2).tolist() == [[2 / 3, 1 / 3]]


def test_names() -> None:
    assert list(SANITY) == ["largest_class", "grey_logistic", "age_only"]
    assert [SANITY[name].needs for name in SANITY] == ["", "", "age"]
