"""Sanity answers on cases whose result is known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from alzbench.evaluation.sanity import (
    SANITY,
    Cases,
    age_only,
    dark_share,
    dark_share_logistic,
    grey_logistic,
    largest_class,
    small_grey,
)


def blocks(values: list[int]) -> np.ndarray:
    return np.repeat(np.array(values, np.uint8), 32 * 32).reshape(-1, 32, 32, 1)


def cases(pixels: np.ndarray) -> Cases:
    unknown = np.full(len(pixels), np.nan)
    return Cases(lambda: pixels, np.full(len(pixels), "", object), unknown, unknown)


def aged(*people: tuple[str, float]) -> Cases:
    """Return images by subject and age; reading their pixels is an error."""
    subjects, ages = zip(*people, strict=True)
    unknown = np.full(len(people), np.nan)
    return Cases(lambda: pytest.fail("it read pixels"), np.array(subjects, object), unknown, np.array(ages, np.float64))


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


def measured(*shares: float, healthy: int = 0) -> Cases:
    """Return images with dark shares; reading their pixels is an error."""
    known = np.array(shares, np.float64)
    unknown = np.full(len(known), np.nan)
    return Cases(
        lambda: pytest.fail("it read pixels"), np.full(len(known), "", object), unknown, unknown, lambda: known, healthy
    )


def sliced(*images: tuple[str, float, float]) -> Cases:
    """Return images by subject, number of the slice and dark share."""
    subjects, slices, shares = zip(*images, strict=True)
    unknown, known = np.full(len(images), np.nan), np.array(shares, np.float64)
    return Cases(
        lambda: pytest.fail("it read pixels"), np.array(subjects, object), np.array(slices, np.float64), unknown,
        lambda: known, 0,
    )  # fmt: skip


def test_dark_share_logistic_learns_in_which_slab_a_subject_is_dark() -> None:
    # the mean share is the same in both classes: only the upper slices tell them apart
    rng = np.random.default_rng(0)
    images, labels = [], []
    for subject in range(40):
        label = subject % 2
        for number in range(1, 17):
            upper = number > 8
            share = 0.2 + 0.1 * (upper == bool(label)) + rng.normal(0, 0.01)
            images.append((f"s{subject}", float(number), share))
            labels.append(label)
    split = 16 * 30
    answer = dark_share_logistic(sliced(*images[:split]), np.array(labels[:split]), sliced(*images[split:]), 2)
    assert (answer.argmax(axis=1) == labels[split:]).all()
    by_subject = answer.reshape(10, 16, 2)
    assert (by_subject == by_subject[:, :1]).all()  # all images of a subject get one answer
    assert answer.sum(axis=1) == pytest.approx(np.ones(len(answer)))


def test_dark_share_logistic_takes_its_slabs_from_the_training_slices_alone() -> None:
    rng = np.random.default_rng(1)
    training = [(f"s{k}", float(number), rng.random()) for k in range(20) for number in range(1, 9)]
    labels = np.repeat(np.arange(20) % 2, 8)
    others = [("x", float(number), rng.random()) for number in range(1, 9)]
    alone = dark_share_logistic(sliced(*training), labels, sliced(*others), 2)
    beside = dark_share_logistic(sliced(*training), labels, sliced(*others, ("y", 900.0, 0.9), ("z", -50.0, 0.1)), 2)
    assert beside[:8] == pytest.approx(alone, abs=1e-12)


def test_dark_share_logistic_does_without_slices_heads_and_subjects() -> None:
    training = sliced(*[(f"s{k}", np.nan, 0.1 + 0.2 * (k % 2)) for k in range(12)])
    labels = np.array([0, 2] * 6)
    others = sliced(("", np.nan, 0.1), ("", np.nan, 0.3), ("x", np.nan, np.nan))
    answer = dark_share_logistic(training, labels, others, 3)
    assert answer[0, 0] > 0.5 > answer[1, 0]  # two unknown subjects are two subjects
    assert answer[2, 0] == pytest.approx(0.5, abs=1e-6)  # no head: the mean of the training subjects
    assert not answer[:, 1].any()


def test_dark_share_answers_the_share_and_divides_it_by_the_training_labels() -> None:
    labels = np.array([0, 0, 1, 2, 2, 2])
    answer = dark_share(measured(*[0.3] * 6), labels, measured(0.4, 0.2), 3)
    assert answer == pytest.approx(np.array([[0.6, 0.1, 0.3], [0.8, 0.05, 0.15]]))
    other = dark_share(measured(*[0.3] * 6, healthy=1), labels, measured(0.4, healthy=1), 3)
    assert other == pytest.approx(np.array([[0.4 * 2 / 5, 0.6, 0.4 * 3 / 5]]))


def test_dark_share_of_an_image_without_a_head_is_the_mean_of_training() -> None:
    answer = dark_share(measured(0.2, np.nan, 0.4), np.array([0, 1, 1]), measured(np.nan, 0.1), 2)
    assert answer == pytest.approx(np.array([[0.7, 0.3], [0.9, 0.1]]))


def test_dark_share_orders_subjects_as_the_mean_share_does_in_all_folds_together() -> None:
    rng = np.random.default_rng(0)
    shares, demented = rng.uniform(0.1, 0.5, (40, 8)), np.arange(40) // 4 % 2
    shares += 0.1 * demented[:, None]
    folds = []
    for fold in range(4):  # with other shares of the classes
        labels = rng.choice(4, 50, p=np.roll([0.4, 0.3, 0.2, 0.1], fold))
        answer = dark_share(measured(*[0.3] * 50), labels, measured(*shares[fold::4].ravel()), 4)
        folds.append(1 - answer[:, 0].reshape(-1, 8).mean(axis=1))
    together, truth = np.concatenate(folds), np.concatenate([demented[fold::4] for fold in range(4)])
    plain = np.concatenate([shares[fold::4].mean(axis=1) for fold in range(4)])
    assert together == pytest.approx(plain)
    assert roc_auc_score(truth, together) == roc_auc_score(truth, plain)


def test_names() -> None:
    assert list(SANITY) == ["largest_class", "grey_logistic", "age_only", "dark_share", "dark_share_logistic"]
    assert [SANITY[name].needs for name in SANITY] == ["", "", "age", "", ""]
    assert [SANITY[name].needs_heads for name in SANITY] == [False, False, False, True, True]
    assert [name for name in SANITY if not SANITY[name].is_added] == ["dark_share_logistic"]
