"""Subjects and slice numbers read from file names."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alzbench.data.names import kaggle_names, labelled_names, read_names
from tests.helpers.kaggle_names import kaggle_files


def test_two_subjects_by_hand() -> None:
    """Slices 1 to 26 of subjects 1 and 2 are numbered "1 (2)", "1", "2 (2)", "2", ...: text order puts (2) first."""
    files = kaggle_files(2, explicit_from=27)
    named = kaggle_names(files)
    by_name = named.loc[files.index].set_index(files["image"].str.split("/").str[-1])
    assert by_name.loc["mildDem0.jpg"].tolist() == ["milddemented-002", "1"]
    assert by_name.loc["mildDem1.jpg"].tolist() == ["milddemented-001", "1"]
    assert by_name.loc["mildDem51.jpg"].tolist() == ["milddemented-001", "26"]
    assert by_name.loc["30 (2).jpg"].tolist() == ["milddemented-002", "30"]
    assert by_name.loc["32.jpg"].tolist() == ["milddemented-001", "32"]


@settings(deadline=None)
@given(subjects=st.integers(1, 120), explicit_from=st.integers(2, 33), seed=st.integers(0, 9))
def test_numbers_are_decoded_in_any_order_of_the_files(subjects: int, explicit_from: int, seed: int) -> None:
    files = kaggle_files(subjects, explicit_from).sample(frac=1, random_state=seed)
    named = kaggle_names(files)
    assert named.loc[files.index, "slice"].tolist() == files["true_slice"].astype(str).tolist()
    assert (
        named.loc[files.index, "subject"].tolist() == files["true_subject"].map("milddemented-{:03d}".format).tolist()
    )


@pytest.mark.parametrize("missing", ["mildDem3.jpg", "30.jpg"])
def test_an_incomplete_class_is_not_guessed(missing: str) -> None:
    files = kaggle_files(3, explicit_from=27)
    assert kaggle_names(files[~files["image"].str.endswith(f"/{missing}")]).empty


def test_train_and_test_are_numbered_together() -> None:
    files = kaggle_files(3, explicit_from=27)
    parts = files.assign(part=["train" if i % 4 else "test" for i in range(len(files))])
    named = read_names(parts)
    assert (named["subject"] != "").all()
    assert named["numbered"].all()


@pytest.mark.parametrize(
    ("name", "subject", "number"),
    [
        ("OAS1_0028_MR1_mpr-1_100.jpg", "OAS1_0028", "100"),
        ("sub-012_slice-05.png", "sub-012", "5"),
        ("sub-012_slice-00.png", "sub-012", "0"),
        ("NonDemented-subject03-slice02.png", "NonDemented-subject03", "2"),
        ("NonDemented-subject03-slice02-copy017.png", "NonDemented-subject03", "2"),
    ],
)
def test_names_with_the_subject_in_them(name: str, subject: str, number: str) -> None:
    files = pd.DataFrame({"image": [f"a/{name}"], "class": ["x"], "part": ["original"]})
    named = labelled_names(files)
    assert named.iloc[0].tolist() == [subject, number]
    assert not read_names(files)["numbered"].any()


def test_subjects_of_other_names_are_unknown() -> None:
    files = pd.DataFrame({"image": ["a/57c22300-8975.jpg", "a/b.jpg"], "class": ["x", "x"], "part": ["augmented"] * 2})
    assert read_names(files)["subject"].tolist() == ["", ""]


ODD = ["aug_0_1234.png", "preview.png", "mildDem3 - Copy.jpg", "mildDem3 (1).jpg", "thumb7.jpg", "100.jpg", "0.jpg"]


@given(odd=st.sets(st.sampled_from(ODD)), subjects=st.integers(1, 5))
def test_odd_names_do_not_hide_the_numbers_of_the_others(odd: set[str], subjects: int) -> None:
    files = kaggle_files(subjects, explicit_from=27)
    more = pd.DataFrame({"image": [f"OriginalDataset/MildDemented/{name}" for name in sorted(odd)]})
    both = pd.concat([files, more.assign(**{"class": "MildDemented"}, part="original")], ignore_index=True)
    named = read_names(both.sample(frac=1, random_state=0)).sort_index()
    assert named["subject"].tolist() == [*files["true_subject"].map("milddemented-{:03d}".format), *[""] * len(odd)]


@pytest.mark.parametrize("odd", ["aug_0_1234.png", "preview.png", "1.png"])
def test_each_labelled_name_is_read_by_itself(odd: str) -> None:
    names = ["OAS1_0028_MR1_mpr-1_100.jpg", odd, "sub-012_slice-05.png"]
    files = pd.DataFrame({"image": names, "class": "x", "part": "original"})
    assert read_names(files)["subject"].tolist() == ["OAS1_0028", "", "sub-012"]
    assert read_names(files)["slice"].tolist() == ["100", "", "5"]


def test_validation_is_numbered_with_train_and_test() -> None:
    files = kaggle_files(3, explicit_from=27)
    parts = files.assign(part=[("train", "validation", "test")[k % 3] for k in range(len(files))])
    assert (read_names(parts)["subject"] != "").all()
