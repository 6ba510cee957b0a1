"""Protocols that assign single images: every image gets a part, with the given shares.

For protocols that keep subjects apart, see test_protocols_subjects.py.
"""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alzbench.data.protocols import PARTS, PROTOCOLS, make_split
from alzbench.data.unused import count_unused, unused_text
from alzbench.errors import DataError, ExperimentError
from alzbench.experiment.protocols import ReferenceProtocol, SliceProtocol, SubjectFoldsProtocol

Counts = list[tuple[int, int]]

# for each class: images to train on and images to test on
counts_by_class = st.lists(st.tuples(st.integers(15, 60), st.integers(1, 20)), min_size=2, max_size=5)
shares = st.floats(0.2, 0.7)
seeds = st.integers(0, 2**32 - 1)


def manifest_of(counts: Counts, training: str = "augmented", testing: str = "original") -> pd.DataFrame:
    rows = [
        (label, part)
        for label, numbers in enumerate(counts)
        for part, number in zip((training, testing), numbers, strict=True)
        for _ in range(number)
    ]
    table = pd.DataFrame(rows, columns=["label", "part"]).assign(subject="", slice="")
    # as in a manifest without its skipped images: the index is not a range
    return table.assign(image=[f"image{i}" for i in range(len(table))]).set_axis(range(5, 5 + 2 * len(table), 2))


@settings(deadline=None)
@given(counts=counts_by_class, share=shares, seed=seeds, names=st.sampled_from(["Kaggle", "train and test"]))
def test_reference_tests_on_the_originals_and_divides_the_augmented(
    counts: Counts, share: float, seed: int, names: str
) -> None:
    layout = ("augmented", "original") if names == "Kaggle" else ("train", "test")
    manifest = manifest_of(counts, *layout)
    split = make_split(manifest, ReferenceProtocol(validation=share), seed)
    assert split.index.equals(manifest.index)
    assert split[["image", "label"]].equals(manifest[["image", "label"]])
    assert ((split["part"] == "test") == (manifest["part"] == layout[1])).all()
    assert_share(split[split["part"] != "test"], "validation", share)


@settings(deadline=None)
@given(counts=counts_by_class, share=shares, seed=seeds)
def test_slice_divides_the_originals_and_leaves_the_augmented_out(counts: Counts, share: float, seed: int) -> None:
    manifest = manifest_of(counts, "original", "augmented")
    split = make_split(manifest, SliceProtocol(name="slice", test=share, validation=0.5), seed)
    assert split.index.equals(manifest.index[manifest["part"] == "original"])
    assert_share(split, "test", share)
    assert_share(split[split["part"] != "test"], "validation", 0.5)


def assert_share(split: pd.DataFrame, part: str, share: float) -> None:
    """Check that a part has its share of each class, up to the rounding of the class and of the total."""
    chosen = split["part"] == part
    assert 0 <= chosen.sum() - share * len(split) < 1 + 1e-6
    for _, rows in chosen.groupby(split["label"]):
        assert abs(rows.sum() - share * len(rows)) < 2


@settings(deadline=None)
@given(counts=counts_by_class, share=shares, seed=seeds)
def test_the_same_seed_gives_the_same_split_and_another_seed_another(counts: Counts, share: float, seed: int) -> None:
    manifest, protocol = manifest_of(counts), ReferenceProtocol(validation=share)
    split = make_split(manifest, protocol, seed)
    assert split.equals(make_split(manifest, protocol, seed))
    # there are millions of splits of 30 or more images, so three other seeds cannot all give this one
    others = [make_split(manifest, protocol, (seed + k) % 2**32) for k in (1, 2, 3)]
    assert any(not split["part"].equals(other["part"]) for other in others)


def test_reference_by_hand() -> None:
    split = make_split(manifest_of([(50, 10), (30, 5), (20, 1)]), ReferenceProtocol(validation=0.2), seed=0)
    counts = split.groupby(["label", "part"]).size().unstack()[list(PARTS)]
    assert counts.to_numpy().tolist() == [[40, 10, 10], [24, 6, 5], [16, 4, 1]]


@pytest.mark.parametrize("protocol", [ReferenceProtocol(), SliceProtocol(name="slice")], ids=["reference", "slice"])
def test_too_few_images_are_refused_with_numbers(protocol: ReferenceProtocol | SliceProtocol) -> None:
    manifest = manifest_of([(1, 1), (1, 1), (1, 1)])
    with pytest.raises(
        DataError, match="3 images cannot be divided 80% to 20% by class: each part must get an image of each class"
    ):
        make_split(manifest, protocol, 0)


def with_validation(counts: Counts, held_out: int) -> pd.DataFrame:
    """A manifest of train and test images, and some validation images of each class."""
    manifest = manifest_of(counts, "train", "test")
    chosen = manifest[manifest["part"] == "train"].groupby("label").head(held_out).index
    return manifest.assign(part=manifest["part"].where(~manifest.index.isin(chosen), "validation"))


@settings(deadline=None)
@given(counts=counts_by_class, share=shares, seed=seeds, held_out=st.integers(1, 5))
def test_a_validation_folder_is_used_by_reference(counts: Counts, share: float, seed: int, held_out: int) -> None:
    manifest = with_validation(counts, held_out)
    split = make_split(manifest, ReferenceProtocol(validation=share), seed)
    assert split["part"].tolist() == manifest["part"].tolist()


@settings(deadline=None)
@given(counts=counts_by_class, share=shares, seed=seeds, held_out=st.integers(1, 5))
def test_slice_draws_from_all_folders(counts: Counts, share: float, seed: int, held_out: int) -> None:
    manifest = with_validation(counts, held_out)
    split = make_split(manifest, SliceProtocol(name="slice", test=share, validation=0.5), seed)
    assert split.index.equals(manifest.index)
    assert_share(split, "test", share)
    assert count_unused(manifest, split, "slice") == {}


def test_reference_has_no_folds() -> None:
    manifest = manifest_of([(20, 5)] * 2, "train", "test")
    folds = manifest.assign(part=["fold_1" if k % 7 == 0 else part for k, part in enumerate(manifest["part"])])
    with pytest.raises(DataError, match="reference protocol does not use folds"):
        make_split(folds, ReferenceProtocol(), 0)


def test_unused_images_are_counted_by_kind() -> None:
    manifest = manifest_of([(20, 5)] * 2)
    split = make_split(manifest, SliceProtocol(name="slice"), 0)
    assert count_unused(manifest, split, "slice") == {"augmented": 40}
    assert unused_text(count_unused(manifest, split, "slice")) == "40 augmented"
    assert count_unused(manifest.assign(subject="s"), split.iloc[1:], "slice") == {"augmented": 40, "other": 1}
    assert count_unused(manifest, split.iloc[1:], "slice") == {"augmented": 40, "of unknown subject": 1}
    assert unused_text({}) == ""


def test_reference_needs_augmented_images() -> None:
    manifest = manifest_of([(20, 5)] * 2, "original", "original")
    with pytest.raises(DataError, match=r"needs a folder of augmented .* has none. Use the protocol slice or subject"):
        make_split(manifest, ReferenceProtocol(), 0)


def test_reference_needs_originals() -> None:
    with pytest.raises(DataError, match=r"needs a folder of original .* has none. Use the protocol slice or subject"):
        make_split(manifest_of([(20, 0)] * 2), ReferenceProtocol(), 0)


def test_an_unknown_protocol_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ExperimentError, match=r"Unknown protocol 'refrence'.*Did you mean 'reference'\?"):
        PROTOCOLS["refrence"]


def test_only_a_protocol_with_folds_has_folds() -> None:
    assert ReferenceProtocol().test_folds == [None]
    assert SubjectFoldsProtocol(name="subject_cv", folds=3).test_folds == [0, 1, 2]
