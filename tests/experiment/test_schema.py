"""The schema of an experiment: its limits, its strictness, and that it cannot be changed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from alzbench.experiment import Experiment


def make(**values: Any) -> Experiment:
    return Experiment.model_validate({"name": "x", **values})


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"train": {"epochs": 0}}, id="no-epoch"),
        pytest.param({"train": {"epochs": 1.0}}, id="float-for-int"),
        pytest.param({"train": {"epochs": True}}, id="bool-for-int"),
        pytest.param({"train": {"epochs": "3"}}, id="text-for-int"),
        pytest.param({"train": {"batch_size": 0}}, id="no-batch"),
        pytest.param({"train": {"lr": 0}}, id="zero-rate"),
        pytest.param({"train": {"lr": -1e-3}}, id="negative-rate"),
        pytest.param({"train": {"lr": float("nan")}}, id="nan-rate"),
        pytest.param({"train": {"lr": float("inf")}}, id="infinite-rate"),
        pytest.param({"train": {"lr": "1e-3"}}, id="text-for-float"),
        pytest.param({"train": {"optimizer": "Adam"}}, id="other-case"),
        pytest.param({"train": {"patience": 0}}, id="no-patience"),
        pytest.param({"train": None}, id="empty-section"),
        pytest.param({"data": {"size": 31}}, id="too-small"),
        pytest.param({"data": {"size": 1025}}, id="too-large"),
        pytest.param({"data": {"channels": 2}}, id="two-channels"),
        pytest.param({"data": {"classes": ["a"]}}, id="one-class"),
        pytest.param({"data": {"classes": ["a", "b", "a"]}}, id="a-class-twice"),
        pytest.param({"data": {"classes": "ab"}}, id="text-for-classes"),
        pytest.param({"data": {"on_corrupt": "ignore"}}, id="on-corrupt"),
        pytest.param({"protocol": {"name": "reference", "validation": 0.0}}, id="no-validation"),
        pytest.param({"protocol": {"name": "reference", "validation": 1.0}}, id="validation-only"),
        pytest.param({"augment": {"views": 0}}, id="no-view"),
        pytest.param({"augment": {"views": "offline"}}, id="views-text"),
        pytest.param({"augment": {"views": 1.5}}, id="views-float"),
        pytest.param({"augment": {"shift": 1.0}}, id="shift-out"),
        pytest.param({"augment": {"zoom": -0.1}}, id="zoom-negative"),
        pytest.param({"augment": {"rotation": 181}}, id="rotation-out"),
        pytest.param({"augment": {"horizontal_flip": 1}}, id="int-for-bool"),
        pytest.param({"augment": {"horizontal_flip": "yes"}}, id="text-for-bool"),
        pytest.param({"model": {"backbone": {"name": "resnet"}}}, id="backbone"),
        pytest.param({"model": {"backbone": {"alpha": 0}}}, id="alpha"),
        pytest.param({"seeds": []}, id="no-seed"),
        pytest.param({"seeds": [1, 1]}, id="a-seed-twice"),
        pytest.param({"seeds": [-1]}, id="negative-seed"),
        pytest.param({"seeds": 0}, id="one-number-for-seeds"),
        pytest.param({"seeds": [False]}, id="bool-for-seed"),
    ],
)
def test_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make(**values)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"train": {"lr": 1}}, id="int-for-float"),
        pytest.param({"train": {"patience": None}}, id="no-patience-limit"),
        pytest.param({"augment": {"views": "online"}}, id="online"),
        pytest.param({"augment": {"shift": 0, "zoom": 0.999, "rotation": 180}}, id="limits"),
        pytest.param({"data": {"size": 32}}, id="smallest"),
        pytest.param({"data": {"size": 1024}}, id="largest"),
        pytest.param({"data": {"classes": ["a", "b"]}}, id="two-classes"),
        pytest.param({"seeds": [3, 0]}, id="seeds-in-any-order"),
        pytest.param({"model": {"options": {"anything": [1, {"a": None}]}}}, id="options-are-the-variant's"),
    ],
)
def test_accepted(values: dict[str, Any]) -> None:
    make(**values)


@pytest.mark.parametrize(
    "name", ["", "-x", ".x", "a/b", "a b", "..", "ä", "a\n", "x" * 101, "[red]x"], ids=lambda name: repr(name)[:12]
)
def test_names_that_are_no_folder_names_are_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="pattern"):
        make(name=name)


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", fullmatch=True))
def test_names_of_letters_digits_dots_and_dashes_are_accepted(name: str) -> None:
    assert make(name=name).name == name


def test_order_of_classes_is_kept() -> None:
    assert make(data={"classes": ["b", "a", "c"]}).data.classes == ("b", "a", "c")


def test_experiments_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        make().train.epochs = 3  # type: ignore[misc]


def test_defaults_are_not_shared() -> None:
    first, second = make(), make()
    first.model.options["units"] = 1
    assert second.model.options == {}


def test_a_dump_is_the_same_experiment_again() -> None:
    experiment = make(data={"classes": ["a", "b"]}, augment={"views": "online"}, seeds=[2, 1])
    assert Experiment.model_validate(experiment.model_dump(mode="json")) == experiment
