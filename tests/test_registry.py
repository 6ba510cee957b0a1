"""The registry: order, duplicates, and what it says on a miss."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alzbench.errors import ExperimentError
from alzbench.registry import Registry, did_you_mean


@pytest.fixture
def numbers() -> Registry[int]:
    registry: Registry[int] = Registry("number")
    for name, value in (("three", 3), ("one", 1), ("two", 2)):
        registry.add(name, value)
    return registry


def test_items_are_found_by_name(numbers: Registry[int]) -> None:
    assert [numbers[name] for name in ("one", "two", "three")] == [1, 2, 3]


def test_iteration_keeps_the_order_of_registration(numbers: Registry[int]) -> None:
    assert list(numbers) == ["three", "one", "two"]


def test_a_second_item_of_a_name_is_refused_and_the_first_stays(numbers: Registry[int]) -> None:
    with pytest.raises(ValueError, match="the number 'one' is registered already"):
        numbers.add("one", 11)
    assert numbers["one"] == 1


def test_a_miss_names_the_kind_all_that_there_is_and_the_nearest(numbers: Registry[int]) -> None:
    with pytest.raises(ExperimentError) as caught:
        numbers["thre"]
    assert str(caught.value) == "Unknown number 'thre'; there are three, one, two. Did you mean 'three'?"


def test_a_miss_that_is_near_nothing_suggests_nothing(numbers: Registry[int]) -> None:
    with pytest.raises(ExperimentError, match=r"there are three, one, two\.$"):
        numbers["zzzzzz"]


@given(st.lists(st.text(min_size=1), unique=True), st.text())
def test_a_suggestion_is_always_a_known_name(known: list[str], name: str) -> None:
    suggestion = did_you_mean(name, known)
    assert suggestion in ["", *(f" Did you mean {k!r}?" for k in known)]


@given(st.lists(st.text(min_size=1), unique=True, min_size=1))
def test_a_known_name_suggests_itself(known: list[str]) -> None:
    assert did_you_mean(known[0], known) == f" Did you mean {known[0]!r}?"
