"""Class names: how they are compared, and what data.classes accepts."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from alzbench.experiment import DataSettings, Experiment
from alzbench.experiment.classes import HEALTHY, STAGES, folders_of, plain
from alzbench.experiment.schema import KAGGLE, canonical


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Very mild-Dementia_2", "verymilddemented2"),
        ("No Impairment", "nondemented"),
        ("正常", "正常"),
        ("ＣＮ", "cn"),
        ("Норма", "норма"),
        ("STRASSE", plain("Straße")),
        ("कि", "कि"),
        ("+", "+"),
    ],
)
def test_plain_names_by_hand(name: str, expected: str) -> None:
    assert plain(name) == expected


def test_vowels_that_are_marks_count() -> None:
    assert plain("कि") != plain("की")


@given(st.text(min_size=1, max_size=20))
def test_a_plain_name_is_never_empty_and_stays_the_same(name: str) -> None:
    assert plain(name)
    assert plain(plain(name)) == plain(name)
    assert plain(unicodedata.normalize("NFD", name)) == plain(unicodedata.normalize("NFC", name))


def test_the_healthy_names_are_plain() -> None:
    assert {plain(name) for name in HEALTHY} == HEALTHY


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"classes": [True, False]}, "YAML reads true and false as booleans; write them in quotes"),
        ({"classes": {True: "a", False: "b"}}, "as booleans"),
        ({"classes": {"a": [True], "b": "c"}}, "as booleans"),
        ({"exclude": [False]}, "as booleans"),
        ({"healthy": False}, "as booleans"),
        ({"classes": [0, 1]}, 'YAML reads 0 as a number; write it in quotes: "0"'),
        ({"classes": ["a", ""]}, "not empty"),
        ({"classes": {"a": ["x"], "b": []}}, "b has none"),
        ({"classes": {"a": ["x"], "b": "X"}}, "each folder must belong to one class"),
        ({"classes": {"a": "x", "A": "y"}}, "class names must differ"),
        ({"classes": ["a", "b"], "exclude": ["B"]}, "exclude must not name folders of classes; it names B"),
        ({"classes": ["a", "b"], "healthy": "c"}, "healthy must be one of a, b, or null; it is c"),
        ({"exclude": "a"}, "must be a list of names"),
    ],
)
def test_wrong_names_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DataSettings.model_validate(values)


def test_folders_of_merged_classes() -> None:
    settings = DataSettings.model_validate({"classes": {"well": "CN", "ill": ["AD", "MCI"]}})
    assert settings.classes is not None
    assert folders_of(settings.classes) == {"well": ("CN",), "ill": ("AD", "MCI")}
    assert settings.known_classes == ("well", "ill")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, STAGES),
        ({"source": "phantom"}, STAGES),
        ({"source": "somewhere"}, None),
        ({"kaggle": "other/set"}, None),
        ({"exclude": ["MildDemented"]}, None),
        ({"classes": ["b", "a"], "kaggle": KAGGLE}, ("b", "a")),
    ],
)
def test_classes_that_are_known_before_the_set_is_opened(
    values: dict[str, Any], expected: tuple[str, ...] | None
) -> None:
    assert DataSettings.model_validate(values).known_classes == expected


def test_the_four_classes_written_out_are_the_default() -> None:
    bare = Experiment(name="a")
    older = Experiment.model_validate({"name": "a", "data": {"classes": list(STAGES)}})
    assert canonical(older) == bare
    other = Experiment.model_validate({"name": "a", "data": {"classes": list(STAGES[::-1])}})
    assert canonical(other) == other
