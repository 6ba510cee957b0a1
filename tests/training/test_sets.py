"""Sets of a subject's images: their grouping, and their feature maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alzbench.errors import DataError
from alzbench.models.classifier import SetShape
from alzbench.training.sets import ABSENT, SetGather, first_of, group, make_sets, place

subjects = st.lists(st.sampled_from(["", "a", "b", "c"]), max_size=40)
sizes = st.integers(1, 9)
seeds = st.none() | st.integers(0, 5)


def members(sets: np.ndarray) -> list[list[int]]:
    return [row[row != ABSENT].tolist() for row in sets]


@given(subjects=subjects, size=sizes, seed=seeds)
def test_each_image_is_in_one_set_of_its_subject(subjects: list[str], size: int, seed: int | None) -> None:
    sets = group(subjects, size, seed)
    assert sets.shape == (len(sets), size)
    together = members(sets)
    assert sorted(position for row in together for position in row) == list(range(len(subjects)))
    assert all(row for row in together)
    for row in together:
        assert len({subjects[position] for position in row}) == 1
        if not subjects[row[0]]:
            assert len(row) == 1  # images of unknown subjects are not grouped


@given(subjects=subjects, size=sizes, seed=seeds)
def test_a_subject_has_as_few_and_as_equal_sets_as_possible(subjects: list[str], size: int, seed: int | None) -> None:
    together = members(group(subjects, size, seed))
    for subject in set(subjects) - {""}:
        lengths = [len(row) for row in together if subjects[row[0]] == subject]
        assert len(lengths) == -(-sum(lengths) // size)
        assert max(lengths) - min(lengths) <= 1


@given(subjects=subjects, size=sizes, seed=seeds)
def test_absent_images_are_last(subjects: list[str], size: int, seed: int | None) -> None:
    present = group(subjects, size, seed) != ABSENT
    assert (np.sort(present, axis=1)[:, ::-1] == present).all()


@given(subjects=subjects, size=sizes, seed=st.integers(0, 5))
def test_a_seed_moves_images_only_within_their_subject(subjects: list[str], size: int, seed: int) -> None:
    plain, shuffled = members(group(subjects, size)), members(group(subjects, size, seed))
    labels = [[subjects[row[0]] for row in rows] for rows in (plain, shuffled)]
    assert labels[0] == labels[1]  # so labels of sets do not depend on the seed
    assert [len(row) for row in plain] == [len(row) for row in shuffled]
    for ours, theirs in zip(plain, shuffled, strict=True):
        if not subjects[ours[0]]:
            assert ours == theirs
    assert members(group(subjects, size, seed)) == shuffled


def test_sets_by_hand() -> None:
    sets = group(["b", "a", "", "b", "b", "a", "b", "b", ""], 3)
    assert sets.tolist() == [[0, 3, 4], [6, 7, ABSENT], [1, 5, ABSENT], [2, ABSENT, ABSENT], [8, ABSENT, ABSENT]]


def test_seeds_differ() -> None:
    sets = {tuple(map(tuple, members(group(["a"] * 12, 4, seed)))) for seed in range(5)}
    assert len(sets) == 5
    assert members(group(["a"] * 12, 4)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


class Numbers:
    """Feature maps whose values are their positions plus 1."""

    def __init__(self) -> None:
        self.taken: list[int] = []

    def take(self, indices: Any) -> np.ndarray:
        self.taken += np.asarray(indices).tolist()
        return np.broadcast_to(np.asarray(indices, np.float16).reshape(-1, 1, 1, 1) + 1, (len(indices), 2, 1, 3))


@pytest.mark.parametrize("indices", [np.array([2, 0, 2]), slice(1, 3), slice(None)], ids=["some", "slice", "all"])
def test_absent_images_of_a_set_are_0(indices: Any) -> None:
    sets = np.array([[4, 1, 0], [2, ABSENT, ABSENT], [3, 5, ABSENT]])
    images = Numbers()
    gathered = SetGather(images, sets).take(indices)
    expected = sets[indices] + 1  # 0 for absent images
    assert (gathered["features"].dtype.name, gathered["features"].shape) == ("float16", (len(expected), 3, 2, 1, 3))
    assert (gathered["features"] == expected[:, :, None, None, None]).all()
    assert gathered["present"].dtype == np.bool_
    assert (gathered["present"] == (expected > 0)).all()
    assert ABSENT not in images.taken


def test_images_are_in_the_places_of_their_slice_numbers() -> None:
    sets = place(["b", "a", "b", "a", "b", ""], ["7", "5", "5", "06", "7", "6"], SetShape(3, 5))
    assert sets.tolist() == [[2, ABSENT, 0], [1, 3, ABSENT], [ABSENT, ABSENT, 4], [ABSENT, 5, ABSENT]]
    assert first_of(sets).tolist() == [2, 1, 4, 5]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(3, 9)), min_size=1, max_size=40))
def test_every_image_has_one_place_and_sets_are_of_one_subject(images: list[tuple[str, int]]) -> None:
    subjects, numbers = [one for one, _ in images], [str(number) for _, number in images]
    sets = make_sets(SetShape(7, 3), subjects, numbers)
    assert sorted(sets[sets != ABSENT].tolist()) == list(range(len(images)))
    for row in sets:
        kept = row[row != ABSENT]
        assert len({subjects[k] for k in kept}) == 1
        assert [images[k][1] - 3 for k in kept] == np.flatnonzero(row != ABSENT).tolist()


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (["1", ""], "from 1 to 3; 1 have none"),
        (["1", "4"], "from 1 to 3; one has 4"),
        (["1", "0"], "one has 0"),
        ([], "0 have none"),
        (["1", "x"], "one has x"),
    ],
)
def test_a_slice_number_without_a_place_is_refused(numbers: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        place(["a", "a"], numbers, SetShape(3, 1))
