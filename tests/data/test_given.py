"""The protocol `given`: the split of the user, which is audited like any other."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from alzbench.data.leakage import measure_leakage
from alzbench.data.protocols import make_split, split_of_run
from alzbench.errors import DataError
from alzbench.experiment.protocols import GivenProtocol


def manifest_of(parts: list[str], labels: int = 2, slices: int = 2) -> pd.DataFrame:
    """Return one subject for each class and each of `parts`, which is its split."""
    rows = [
        {"label": label, "subject": f"s{label}-{k}", "slice": str(number), "split": part, "part": "original"}
        for label in range(labels)
        for k, part in enumerate(parts)
        for number in range(slices)
    ]
    return pd.DataFrame(rows).assign(image=[f"image{k}" for k in range(len(rows))])


def given(**settings: Any) -> GivenProtocol:
    return GivenProtocol(name="given", **settings)


def test_the_split_is_that_of_the_column_and_others_are_unused() -> None:
    manifest = manifest_of(["train", "validation", "test", "holdout", ""])
    split = make_split(manifest, given(), 0)
    used = manifest[manifest["split"].isin(["train", "validation", "test"])]
    assert split.index.equals(used.index)
    assert split["part"].tolist() == used["split"].tolist()
    assert split.equals(make_split(manifest, given(), 1))  # no seed changes it


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_without_validation_a_share_of_the_training_subjects_is_taken(share: float) -> None:
    manifest = manifest_of(["train"] * 10 + ["test"] * 2)
    split = make_split(manifest, given(validation=share), 0)
    subjects = split.groupby(["label", "part"])["subject"].nunique()
    for label in range(2):
        assert subjects[label, "validation"] == 10 * share
        assert subjects[label, "train"] == 10 * (1 - share)
        assert subjects[label, "test"] == 2
    assert (split.groupby("subject")["part"].nunique() == 1).all()
    first, second = (split_of_run(manifest, given(), seed, None)["part"].tolist() for seed in (0, 1))
    assert first != second
    fixed = [split_of_run(manifest, given(split_seed=3), seed, None)["part"].tolist() for seed in (0, 1)]
    assert fixed[0] == fixed[1]


def test_without_subjects_images_are_divided() -> None:
    split = make_split(manifest_of(["train"] * 10 + ["test"]).assign(subject=""), given(), 0)
    assert split["part"].value_counts().to_dict() == {"train": 32, "validation": 8, "test": 4}


def test_subjects_on_two_sides_are_refused_or_allowed_and_counted() -> None:
    manifest = manifest_of(["train", "train", "validation", "test"])
    manifest.loc[0, "split"] = "test"
    with pytest.raises(DataError, match=r"1 are in test and in training or validation too: 's0-0'.*allow_leakage"):
        make_split(manifest, given(), 0)
    leakage = measure_leakage(make_split(manifest, given(allow_leakage=True), 0))
    assert (leakage.same_subject, leakage.test_images) == (1, 5)
    assert given().keeps_subjects_apart
    assert not given(allow_leakage=True).keeps_subjects_apart


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (["", ""], "needs images whose split is train; data.subjects gives the splits of none"),
        (["train", "hold"], "needs images whose split is test; data.subjects gives the splits 'train', 'hold'"),
    ],
)
def test_a_part_without_images_is_refused(parts: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        make_split(manifest_of(parts), given(), 0)


def test_a_class_that_is_not_trained_is_refused() -> None:
    manifest = manifest_of(["train", "validation", "test"], labels=3)
    manifest.loc[manifest["label"] == 2, "split"] = "test"
    with pytest.raises(DataError, match="must train on every class; 1 occur in no training image, for example that of"):
        make_split(manifest, given(), 0)
    manifest.loc[manifest["label"] == 2, "split"] = "train"  # then it cannot be tested, as the output says
    assert set(make_split(manifest, given(), 0)["label"]) == {0, 1, 2}
