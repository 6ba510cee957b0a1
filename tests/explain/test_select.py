"""The choice of the images: properties over tables of any shape, and examples computed by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alzbench.errors import ExperimentError
from alzbench.explain.select import EXAMPLES, choose

CLASSES = ["A", "B", "C"]


def make_predictions(
    labels: Sequence[int], seed: int = 0, slices: int = 4, confidence: Sequence[float] | None = None
) -> pd.DataFrame:
    """Predictions of images of these classes; each `slices` images after another are of one subject."""
    rng = np.random.default_rng(seed)
    n = len(labels)
    predicted = rng.integers(0, len(CLASSES), n)
    highest = np.asarray(confidence if confidence is not None else 0.4 + 0.6 * rng.random(n))
    shares = np.repeat(((1 - highest) / 2)[:, None], len(CLASSES), axis=1)
    shares[np.arange(n), predicted] = highest
    names = np.array(CLASSES)
    return pd.DataFrame(
        {
            "image": [f"image-{k:03d}.png" for k in range(n)],
            "subject": [f"{labels[k]}-{k // slices}" for k in range(n)],
            "slice": "",
            "label": names[np.asarray(labels, int)],
            "predicted": names[predicted],
            **{f"p_{name}": shares[:, k] for k, name in enumerate(CLASSES)},
        }
    )


tables = st.lists(st.integers(0, 2), min_size=1, max_size=120)


@given(tables, st.integers(1, 60), st.integers(0, 5), st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_sample_depends_on_no_prediction_and_on_no_order(
    labels: list[int], number: int, seed: int, whole: bool
) -> None:
    first, second = make_predictions(labels, seed=0), make_predictions(labels, seed=seed + 1)
    shuffled = second.sample(frac=1, random_state=seed)
    samples = [
        set(chosen["image"][chosen["group"] == "sample"])
        for chosen in (choose([table], number, whole)[0] for table in (first, second, shuffled))
    ]
    assert samples[0]
    assert samples[0] == samples[1] == samples[2]


@given(tables, st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_rows_are_chosen_once_and_in_order(labels: list[int], number: int) -> None:
    table = make_predictions(labels)
    chosen = choose([table], number)[0]
    assert chosen["image"].is_monotonic_increasing
    assert chosen["image"].is_unique
    assert min(len(table), number - min(number // 2, 2 * EXAMPLES * 3)) <= len(chosen) <= number
    wrong = chosen["label"] != chosen["predicted"]
    assert wrong[chosen["group"] == "error"].all()
    assert not wrong[chosen["group"] == "right"].any()


@given(tables, st.integers(1, 60))
@settings(max_examples=40, deadline=None)
def test_the_sample_is_spread_over_classes_and_subjects(labels: list[int], number: int) -> None:
    table = make_predictions(labels)
    sample = choose([table], number)[0].query("group == 'sample'")
    for column in ("label", "subject"):
        for _, rows in table.groupby("label") if column == "subject" else [("", table)]:
            available = rows[column].value_counts()
            taken = sample[column].value_counts().reindex(available.index, fill_value=0)
            unfinished = taken[taken < available]  # those that have more
            if len(unfinished):
                assert taken.max() - unfinished.min() <= 1


@given(tables, st.integers(1, 60))
@settings(max_examples=40, deadline=None)
def test_whole_subjects_are_chosen(labels: list[int], number: int) -> None:
    table = make_predictions(labels)
    table.loc[table.index[0], "subject"] = ""  # an image of an unknown subject is a unit of its own
    chosen = choose([table], number, whole_subjects=True)[0]
    for subject in set(chosen["subject"]) - {""}:
        assert set(table["image"][table["subject"] == subject]) <= set(chosen["image"])
        assert chosen.loc[chosen["subject"] == subject, "group"].nunique() == 1
    assert len(chosen) <= max(number, 4)


def test_the_most_confident_errors_and_right_predictions_of_each_class_are_chosen() -> None:
    labels = [k % 3 for k in range(600)]
    table = make_predictions(labels, slices=1)
    chosen = choose([table], 100)[0]
    confidence = table[["p_A", "p_B", "p_C"]].max(axis=1)
    for name in CLASSES:
        for wrong in (True, False):
            of_kind = table[(table["label"] == name) & ((table["label"] != table["predicted"]) == wrong)]
            expected = of_kind.loc[confidence[of_kind.index].sort_values(ascending=False).index[:EXAMPLES], "image"]
            assert set(expected) <= set(chosen["image"])
    assert chosen["group"].value_counts()["sample"] == 100 - 2 * EXAMPLES * 3
    sizes = chosen[chosen["group"] == "sample"]["label"].value_counts()
    assert sizes.max() - sizes.min() <= 1


def test_runs_with_other_test_images_share_examples_and_have_their_own_samples() -> None:
    table = make_predictions([k % 3 for k in range(240)])
    first, second = table.iloc[:160], table.iloc[120:]
    chosen = choose([first, second], 80)
    for one, own in zip(chosen, (first, second), strict=True):
        assert set(one["image"]) <= set(own["image"])
        sample = one[one["group"] == "sample"]
        assert sample["subject"].nunique() >= 10
        assert len(set(sample["image"]) - set(table["image"].iloc[120:160])) > 30  # not from the common images alone
    examples = [set(one["image"][one["group"] != "sample"]) for one in chosen]
    assert examples[0] | examples[1] <= set(table["image"].iloc[120:160])
    assert len(examples[0] & examples[1]) >= 12  # others are in the sample of one of the runs


def test_runs_without_a_common_image_have_their_own_examples() -> None:
    table = make_predictions([0, 1, 2] * 20)
    parts = [table.iloc[:30], table.iloc[30:]]
    for one, own in zip(choose(parts, 40), parts, strict=True):
        assert len(one) > 20
        assert set(one["image"]) <= set(own["image"])
    assert [one["group"].nunique() for one in choose(parts, 20)] == [3, 3]


def test_the_examples_are_those_of_the_first_run() -> None:
    labels = [k % 3 for k in range(300)]
    first, second = make_predictions(labels, seed=0), make_predictions(labels, seed=1)
    assert choose([first, second], 60)[0].equals(choose([first], 60)[0])
    assert choose([first, second], 60)[1]["image"].tolist() == choose([first], 60)[0]["image"].tolist()
    examples = [set(choose([t], 60)[0].query("group != 'sample'")["image"]) for t in (first, second)]
    assert examples[0] != examples[1]


@pytest.mark.parametrize("number", [0, -1])
def test_at_least_one_image_is_required(number: int) -> None:
    with pytest.raises(ExperimentError, match=f"--images must be at least 1, got {number}"):
        choose([make_predictions([0, 1])], number)
