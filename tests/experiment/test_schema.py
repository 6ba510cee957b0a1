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
        pytest.param({"model": {"backbone": {"alpha": 0}}}, id="alpha"),
        pytest.param({"seeds": []}, id="no-seed"),
        pytest.param({"seeds": [1, 1]}, id="a-seed-twice"),
        pytest.param({"seeds": [-1]}, id="negative-seed"),
        pytest.param({"seeds": 0}, id="one-number-for-seeds"),
        pytest.param({"seeds": [False]}, id="bool-for-seed"),
        pytest.param({"train": {"warmup_epochs": -1}}, id="negative-warmup"),
        pytest.param({"train": {"focal_gamma": -0.1}}, id="negative-gamma"),
        pytest.param({"train": {"label_smoothing": 1.0}}, id="all-smooth"),
        pytest.param({"train": {"schedule": "step"}}, id="schedule"),
        pytest.param({"imbalance": "smot"}, id="unknown-imbalance"),
        pytest.param({"imbalance": {}}, id="imbalance-without-a-name"),
        pytest.param({"imbalance": {"name": "smote", "neighbours": 0}}, id="no-neighbour"),
        pytest.param({"imbalance": {"name": "adasyn", "memory_gib": 0}}, id="no-memory"),
        pytest.param({"imbalance": {"name": "class_weights", "beta": 1}}, id="beta"),
        pytest.param({"imbalance": {"name": "class_weights", "weights": "inverse"}}, id="weights"),
        pytest.param({"imbalance": {"name": "class_weights", "weights": {"a": 0}}}, id="zero-weight"),
        pytest.param({"imbalance": {"name": "class_weights", "weights": {"a": "1"}}}, id="text-for-weight"),
        pytest.param({"fine_tune": {"epochs": 0}}, id="no-epoch-of-fine-tuning"),
        pytest.param({"fine_tune": {"lr": 0}}, id="zero-rate-of-fine-tuning"),
        pytest.param({"fine_tune": {"patience": 0}}, id="no-patience-of-fine-tuning"),
        pytest.param({"fine_tune": {"first_block": 14}}, id="number-for-block"),
        pytest.param({"fine_tune": {"keep": "last"}}, id="unknown-key-of-fine-tuning"),
        pytest.param({"fine_tune": True}, id="bool-for-fine-tuning"),
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
        pytest.param({"imbalance": {"name": "smote", "neighbours": 1}}, id="one-neighbour"),
        pytest.param({"imbalance": {"name": "class_weights", "weights": {"a": 1, "b": 0.5}}}, id="weights-by-class"),
        pytest.param({"imbalance": {"name": "class_weights", "beta": 0}}, id="beta-that-weighs-nothing"),
        pytest.param({"fine_tune": None}, id="no-fine-tuning"),
        pytest.param({"fine_tune": {}}, id="fine-tuning-as-it-comes"),
        pytest.param({"train": {"warmup_epochs": 49, "schedule": "cosine"}}, id="longest-warmup"),
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


@pytest.mark.parametrize(
    ("train", "reason"),
    [
        ({"warmup_epochs": 3, "epochs": 3, "schedule": "cosine"}, "must be fewer than the 3 epochs"),
        ({"warmup_epochs": 51, "schedule": "cosine"}, "must be fewer than the 50 epochs"),
        ({"warmup_epochs": 1}, "the schedule must be cosine for a warm-up; it is constant"),
        ({"warmup_epochs": 1, "schedule": "linear"}, "the schedule must be cosine for a warm-up; it is linear"),
    ],
    ids=["as-many", "more", "constant", "linear"],
)
def test_a_warm_up_must_be_shorter_than_the_epochs_and_of_a_cosine(train: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        make(train=train)


@pytest.mark.parametrize("train", [{"epochs": 0}, {"schedule": "step"}], ids=["epochs", "schedule"])
def test_a_warm_up_is_not_blamed_where_epochs_or_schedule_are_wrong(train: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        make(train={"warmup_epochs": 3, "schedule": "cosine", **train})
    assert [error["loc"] for error in caught.value.errors()] == [("train", *train)]


@pytest.mark.parametrize("schedule", ["constant", "cosine", "linear"])
def test_no_warm_up_goes_with_every_schedule_and_one_epoch(schedule: str) -> None:
    assert make(train={"epochs": 1, "schedule": schedule}).train.warmup_epochs == 0


@given(epochs=st.integers(1, 60), warmup=st.integers(0, 60))
def test_a_cosine_warms_up_in_any_number_of_epochs_below_all(epochs: int, warmup: int) -> None:
    train = {"epochs": epochs, "warmup_epochs": warmup, "schedule": "cosine"}
    if warmup < epochs:
        assert make(train=train).train.warmup_epochs == warmup
    else:
        with pytest.raises(ValidationError):
            make(train=train)


def test_imbalance_is_chosen_by_its_name() -> None:
    kinds = {
        name: type(make(imbalance={"name": name}).imbalance).__name__
        for name in (
            "none", "class_weights", "oversampling", "balanced_batches", "smote", "borderline_smote", "svm_smote",
            "adasyn",
        )
    }  # fmt: skip
    assert list(kinds.values()) == [
        "NoRebalancing", "ClassWeights", "Oversampling", "BalancedBatches", "Smote", "Smote", "Smote", "Smote",
    ]  # fmt: skip


def test_fine_tuning_is_off_unless_asked_for() -> None:
    assert make().fine_tune is None
    tuning = make(fine_tune={}).fine_tune
    assert tuning is not None
    assert (tuning.first_block, tuning.epochs, tuning.lr, tuning.patience) == ("block_14", 10, 1e-5, None)


def test_a_dump_with_every_section_is_the_same_experiment_again() -> None:
    experiment = make(
        imbalance={"name": "class_weights", "weights": {"a": 1.0, "b": 2.0}},
        fine_tune={"first_block": "Conv_1"},
        train={"schedule": "cosine", "warmup_epochs": 2, "loss": "focal"},
    )
    assert Experiment.model_validate(experiment.model_dump(mode="json")) == experiment


def test_a_protocol_and_an_imbalance_method_may_be_a_name_alone() -> None:
    short = make(protocol="subject_cv", imbalance="class_weights")
    assert short == make(protocol={"name": "subject_cv"}, imbalance={"name": "class_weights"})
    with pytest.raises(ValidationError, match="subjects"):
        make(protocol="subjects")


def test_null_removes_an_option_of_the_extended_file() -> None:
    assert make(model={"options": {"units": None, "l2": 0.5}}).model.options == {"l2": 0.5}
