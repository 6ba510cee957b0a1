"""Protocols that keep subjects apart: all images of a subject are in one part, whatever the set."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from alzbench.data.leakage import measure_leakage
from alzbench.data.protocols import make_split, split_of_run
from alzbench.errors import DataError
from alzbench.experiment.protocols import (
    ReferenceProtocol,
    SliceProtocol,
    SubjectFoldsProtocol,
    SubjectProtocol,
)


@st.composite
def manifests(draw: st.DrawFn) -> pd.DataFrame:
    """Sets of 1 to 5 classes with 0 to 9 subjects of 1 to 5 slices, with copies; some subjects are unknown."""
    rows = []
    for label in range(draw(st.integers(1, 5))):
        for k in range(draw(st.integers(0, 9))):
            subject = draw(st.sampled_from([f"s{label}-{k}", f"s{label}-{k}", f"s{label}-{k}", ""]))
            for number in range(draw(st.integers(1, 5))):
                rows.append((label, "original", subject, str(number)))
                rows += [(label, "augmented", subject, str(number))] * draw(st.integers(0, 2))
    table = pd.DataFrame(rows, columns=["label", "part", "subject", "slice"])
    return table.assign(image=[f"image{i}" for i in range(len(table))])


subject_protocols = st.one_of(
    st.builds(
        SubjectProtocol,
        name=st.just("subject"),
        test=st.floats(0.05, 0.9),
        validation=st.floats(0.05, 0.9),
        augmented=st.sampled_from(["leave_out", "follow"]),
        validation_folds=st.sampled_from([None, 2, 3]),
    ),
    st.builds(
        SubjectFoldsProtocol,
        name=st.just("subject_cv"),
        folds=st.integers(2, 6),
        validation=st.floats(0.05, 0.9),
        augmented=st.sampled_from(["leave_out", "follow"]),
        validation_folds=st.sampled_from([None, 2, 3]),
    ),
)


@settings(suppress_health_check=[HealthCheck.filter_too_much], deadline=None)
@given(manifest=manifests(), protocol=subject_protocols, seed=st.integers(0, 1000))
def test_a_subject_is_in_one_part(manifest: pd.DataFrame, protocol: SubjectProtocol, seed: int) -> None:
    for fold in protocol.test_folds:
        try:
            split = make_split(manifest, protocol, seed, fold or 0)
        except DataError:
            assume(False)  # the set is too small for three parts
        assert (split.groupby("subject")["part"].nunique() == 1).all()
        assert (split["subject"] != "").all()
        assert measure_leakage(split).sentence == ""
        augmented = split.loc[manifest.loc[split.index, "part"] == "augmented"]
        assert set(augmented["part"]) <= {"train"}
        if protocol.augmented == "leave_out":
            assert augmented.empty


@settings(deadline=None)
@given(seed=st.integers(0, 1000), folds=st.integers(2, 7))
def test_folds_test_every_subject_once_in_nearly_equal_numbers(seed: int, folds: int) -> None:
    manifest = known_set([11, 7, 5, 2])
    protocol = SubjectFoldsProtocol(name="subject_cv", folds=folds)
    tested = [
        set(split.loc[split["part"] == "test", "subject"])
        for fold in range(folds)
        for split in [make_split(manifest, protocol, seed, fold)]
    ]
    assert sorted(s for fold in tested for s in fold) == sorted(manifest["subject"].unique())
    assert max(map(len, tested)) - min(map(len, tested)) <= 1


@settings(deadline=None)
@given(seed=st.integers(0, 1000), folds=st.integers(2, 7), name=st.sampled_from(["subject", "subject_cv"]))
def test_validation_folds_validate_on_every_other_subject_once(seed: int, folds: int, name: str) -> None:
    manifest = known_set([11, 7, 5, 2])
    kind = SubjectProtocol if name == "subject" else SubjectFoldsProtocol
    protocol = kind(name=name, validation_folds=folds, split_seed=seed)
    splits = [split_of_run(manifest, protocol, run_seed, 0) for run_seed in range(folds)]
    tested, validated = (
        [set(split.loc[split["part"] == part, "subject"]) for split in splits] for part in ("test", "validation")
    )
    assert all(subjects == tested[0] for subjects in tested)
    # the only subject of a class outside the test part is always trained on
    alone = {subjects.iloc[0] for _, subjects in _others(manifest, tested[0]) if subjects.nunique() == 1}
    every = [subject for subjects in validated for subject in subjects]
    assert sorted(every) == sorted(set(manifest["subject"]) - tested[0] - alone)
    assert max(map(len, validated)) - min(map(len, validated)) <= 1
    again = split_of_run(manifest, protocol, folds, 0)  # one seed more begins anew
    assert again["part"].tolist() == splits[0]["part"].tolist()


def _others(manifest: pd.DataFrame, tested: set[str]) -> list[tuple[int, pd.Series[str]]]:
    others = manifest[~manifest["subject"].isin(tested)]
    return [(int(label), subjects) for label, subjects in others.groupby("label")["subject"]]  # type: ignore[call-overload]


def known_set(subjects: list[int], slices: int = 3, copies: int = 0) -> pd.DataFrame:
    rows = [
        (label, part, f"s{label}-{k}", str(number))
        for label, count in enumerate(subjects)
        for k in range(count)
        for number in range(slices)
        for part in ["original", *["augmented"] * copies]
    ]
    table = pd.DataFrame(rows, columns=["label", "part", "subject", "slice"])
    return table.assign(image=[f"image{i}" for i in range(len(table))])


def test_shares_of_each_class() -> None:
    manifest = known_set([100, 70, 28, 2])
    split = make_split(manifest, SubjectProtocol(name="subject", test=0.2, validation=0.25), seed=3)
    counts = split.groupby(["label", "part"])["subject"].nunique().unstack(fill_value=0)
    assert counts["test"].tolist() == [20, 14, 6, 1]
    assert counts["validation"].tolist() == [20, 14, 6, 0]
    assert counts["train"].tolist() == [60, 42, 16, 1]


def test_copies_follow_training_subjects_only() -> None:
    manifest = known_set([6, 6], copies=2)
    split = make_split(manifest, SubjectProtocol(name="subject", augmented="follow"), seed=0)
    training = set(split.loc[split["part"] == "train", "subject"])
    copies = split[manifest.loc[split.index, "part"] == "augmented"]
    assert set(copies["subject"]) == training
    assert len(copies) == len(training) * 3 * 2


def test_slice_copies_follow_their_own_slice_only() -> None:
    manifest = known_set([8, 8], copies=1)
    split = make_split(manifest, SliceProtocol(name="slice", augmented="follow"), seed=0)
    assert measure_leakage(split).same_slice == 0
    assert measure_leakage(split).same_subject > 0


def test_reference_leaks_every_test_image_as_a_copy() -> None:
    manifest = known_set([8, 8], slices=10, copies=4)
    leakage = measure_leakage(make_split(manifest, ReferenceProtocol(), seed=0))
    assert leakage.same_slice == leakage.same_subject == leakage.test_images == 160
    assert "160 of 160 test images" in leakage.sentence


def test_leakage_cannot_be_excluded_for_unknown_subjects() -> None:
    manifest = known_set([8, 8], slices=10).assign(subject="")
    leakage = measure_leakage(make_split(manifest, SliceProtocol(name="slice"), seed=0))
    assert leakage.unknown == leakage.test_images
    assert leakage.sentence.startswith("leakage cannot be excluded")


def test_subject_protocol_without_subjects_is_refused() -> None:
    with pytest.raises(DataError, match="subject of at least one image must be known"):
        make_split(known_set([8, 8]).assign(subject=""), SubjectProtocol(name="subject"), seed=0)


def test_too_few_subjects_are_refused() -> None:
    with pytest.raises(DataError, match="leaves no images for validation"):
        make_split(known_set([2, 2]), SubjectProtocol(name="subject"), seed=0)


def test_another_seed_gives_another_split_and_the_same_seed_the_same() -> None:
    manifest, protocol = known_set([20, 20]), SubjectProtocol(name="subject")
    assert make_split(manifest, protocol, 1).equals(make_split(manifest, protocol, 1))
    assert not make_split(manifest, protocol, 1)["part"].equals(make_split(manifest, protocol, 2)["part"])


def test_runs_of_all_seeds_share_the_split_of_the_protocols_seed() -> None:
    subjects = [f"s{k}" for k in range(40)]
    table = pd.DataFrame({"label": 0, "part": "original", "subject": subjects, "slice": "1", "image": subjects})
    own, shared = SubjectProtocol(name="subject"), SubjectProtocol(name="subject", split_seed=7)
    splits = [split_of_run(table, shared, seed, None) for seed in (0, 1, 7)]
    assert all(split.equals(splits[0]) for split in splits)
    assert split_of_run(table, own, 7, None).equals(splits[0])
    assert not split_of_run(table, own, 0, None).equals(splits[0])
