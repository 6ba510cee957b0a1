"""The registry: order, duplicates, descriptions, and the message for an unknown name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from alzbench.errors import ExperimentError
from alzbench.registry import Entry, Registry, did_you_mean


@dataclass(frozen=True, kw_only=True)
class Number(Entry[Callable[[], int]]):
    prime: bool = False


class Options(BaseModel):
    """Options of a number.

    There are none.
    """


@pytest.fixture
def numbers() -> Registry[Number]:
    registry = Registry("number", Number)

    @registry.register("three", Options, prime=True)
    def three() -> int:
        """The third number.

        It is prime.
        """
        return 3

    registry.register("one")(lambda: 1)
    registry.register("two", Options)(lambda: 2)
    return registry


def test_entries_are_looked_up_by_name(numbers: Registry[Number]) -> None:
    assert [numbers[name].function() for name in ("one", "two", "three")] == [1, 2, 3]


def test_an_entry_has_the_registered_fields(numbers: Registry[Number]) -> None:
    three, one = numbers["three"], numbers["one"]
    assert (three.name, three.settings, three.prime) == ("three", Options, True)
    assert (one.name, one.settings, one.prime) == ("one", None, False)


def test_a_description_is_the_first_line_of_the_docstring_or_else_of_the_settings(numbers: Registry[Number]) -> None:
    descriptions = [numbers[name].description for name in ("three", "two", "one")]
    assert descriptions == ["The third number.", "Options of a number.", ""]


def test_a_decorated_function_stays_itself() -> None:
    def one() -> int:
        return 1

    assert Registry("number", Number).register("one")(one) is one


def test_iteration_keeps_the_order_of_registration(numbers: Registry[Number]) -> None:
    assert list(numbers) == ["three", "one", "two"]


def test_a_second_entry_of_a_name_is_refused_and_the_first_stays(numbers: Registry[Number]) -> None:
    with pytest.raises(ValueError, match="the number 'one' is already registered"):
        numbers.register("one")(lambda: 11)
    assert numbers["one"].function() == 1


def test_a_field_that_the_entries_do_not_have_is_refused(numbers: Registry[Number]) -> None:
    with pytest.raises(TypeError, match="even"):
        numbers.register("four", even=True)(lambda: 4)
    assert "four" not in numbers


def test_a_removed_entry_is_gone_and_its_name_free(numbers: Registry[Number]) -> None:
    numbers.remove("one")
    assert list(numbers) == ["three", "two"]
    numbers.register("one")(lambda: 11)
    assert numbers["one"].function() == 11


def test_an_unknown_name_is_refused_with_all_names_and_the_nearest(numbers: Registry[Number]) -> None:
    with pytest.raises(ExperimentError) as caught:
        numbers["thre"]
    assert str(caught.value) == "Unknown number 'thre'; must be one of three, one, two. Did you mean 'three'?"


def test_a_name_that_is_similar_to_no_other_has_no_suggestion(numbers: Registry[Number]) -> None:
    with pytest.raises(ExperimentError, match=r"must be one of three, one, two\.$"):
        numbers["zzzzzz"]


@given(st.lists(st.text(min_size=1), unique=True), st.text())
def test_a_suggestion_is_always_a_known_name(known: list[str], name: str) -> None:
    suggestion = did_you_mean(name, known)
    assert suggestion in ["", *(f" Did you mean {k!r}?" for k in known)]


@given(st.lists(st.text(min_size=1), unique=True, min_size=1))
def test_a_known_name_suggests_itself(known: list[str]) -> None:
    assert did_you_mean(known[0], known) == f" Did you mean {known[0]!r}?"
