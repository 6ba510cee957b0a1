"""Examples: features with their labels for every strategy, and only training images for training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from alzbench.experiment import ImbalanceSettings
from alzbench.models.classifier import SetShape
from alzbench.training.examples import HeldOutExamples, TrainingExamples
from alzbench.training.features import Features
from alzbench.training.sets import ABSENT

CLASSES = ("none", "mild", "severe")
SHAPE = (1, 2, 2)
STRATEGIES: dict[str, dict[str, Any]] = {
    "none": {}, "class_weights": {}, "oversampling": {}, "balanced_batches": {}, "smote": {"neighbours": 2},
}  # fmt: skip


def shape_of(size: int | None) -> SetShape | None:
    return None if size is None else SetShape(size)


class Gathered:
    def __init__(self, owner: Numbered, positions: np.ndarray, view: int) -> None:
        self._owner, self._positions, self._view = owner, positions, view

    def take(self, indices: Any) -> np.ndarray:
        chosen = self._positions[indices]
        self._owner.read |= set(chosen.tolist())
        maps = np.zeros((len(chosen), *SHAPE), np.float16)
        maps[..., 0] = chosen[:, None, None]
        maps[..., 1] = self._view
        return maps


class Numbered:
    """Stub of `Features`: a map contains the image's position and view; `read` records the images that are read."""

    shape = SHAPE

    def __init__(self) -> None:
        self.read: set[int] = set()

    def stored(self, positions: np.ndarray, view: int) -> Gathered:
        return Gathered(self, positions, view)

    def training(self, positions: np.ndarray, epoch: int) -> Gathered:
        return Gathered(self, positions, 100 + epoch)


def split_of(labels: Sequence[int], subjects: Sequence[str] | None = None) -> pd.DataFrame:
    """Rows of a split: every third image of a manifest, from the end."""
    index = 3 * np.arange(len(labels))[::-1] + 1
    table = pd.DataFrame({"label": labels, "subject": subjects or [""] * len(labels)}, index=index)
    return table.assign(image=[f"{i}.png" for i in index])


SLICES = split_of([0] * 9 + [1] * 4 + [2] * 6, [f"s{k // 3}" for k in range(19)])
# a subject with seven images, one with images of two labels, one with two images, one with one, and two unknown ones
SUBJECTS = split_of(
    [1] * 7 + [0, 2, 0, 0, 0, 0, 2, 2], ["a"] * 7 + ["b", "b", "b", "c", "c", "", "", "d"]
)  # fmt: skip


def training(
    name: str, split: pd.DataFrame = SLICES, set_size: int | None = None, seed: int = 0
) -> tuple[TrainingExamples, Numbered]:
    features = Numbered()
    settings = TypeAdapter(ImbalanceSettings).validate_python({"name": name, **STRATEGIES[name]})
    examples = TrainingExamples(cast(Features, features), split, shape_of(set_size), settings, CLASSES, seed)
    return examples, features


def epoch_of(examples: TrainingExamples, epoch: int, batch_size: int = 4) -> list[tuple[Any, ...]]:
    batches = examples.batches(epoch, batch_size)
    return [batches[i] for i in range(len(batches))]


every_strategy = pytest.mark.parametrize("name", list(STRATEGIES))


@every_strategy
def test_every_feature_map_has_the_label_of_its_image(name: str) -> None:
    examples, features = training(name)
    seen: set[int] = set()
    for epoch in range(12):  # balanced batches use all examples of a large class only over several epochs
        for maps, labels, *_ in epoch_of(examples, epoch):
            assert maps.dtype == np.float16
            for feature_map, label in zip(maps, labels, strict=True):
                position = feature_map[0, 0, 0]
                if (feature_map[..., 1] == 100 + epoch).all():  # an image in this epoch's view
                    seen.add(int(position))
                    assert SLICES["label"][int(position)] == label
                else:  # interpolated from view 0 of the images of a class
                    members = SLICES.index[SLICES["label"] == label]
                    assert (feature_map[..., 1] == 0).all()
                    assert members.min() <= position <= members.max()
                    assert name == "smote"
    assert seen == set(SLICES.index)
    assert features.read == set(SLICES.index)  # none of the images in between, which belong to other parts


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("none", [9, 4, 6]),
        ("class_weights", [9, 4, 6]),
        ("oversampling", [9, 9, 9]),
        ("balanced_batches", [7, 7, 7]),
        ("smote", [9, 9, 9]),
    ],
)
def test_numbers_of_examples_in_an_epoch(name: str, counts: list[int]) -> None:
    batches = epoch_of(training(name)[0], 1)
    labels = np.concatenate([batch[1] for batch in batches])
    assert np.bincount(labels).tolist() == counts
    assert [len(batch[1]) for batch in batches[:-1]] == [4] * (len(batches) - 1)
    assert {len(batch) for batch in batches} == ({3} if name == "class_weights" else {2})


def test_weights_match_the_labels() -> None:
    examples, _ = training("class_weights")
    expected = np.array([19 / (3 * 9), 19 / (3 * 4), 19 / (3 * 6)], np.float32)
    for _, labels, weights in epoch_of(examples, 0):
        np.testing.assert_allclose(weights, expected[labels], rtol=1e-6)
    assert examples.notes["class_weights"] == pytest.approx(dict(zip(CLASSES, expected, strict=True)), rel=1e-5)


def test_balanced_batches_have_the_same_number_of_each_class() -> None:
    for _, labels in epoch_of(training("balanced_batches")[0], 0, batch_size=3):
        assert sorted(labels) == [0, 1, 2]


@every_strategy
def test_orders_differ_between_epochs_and_seeds(name: str) -> None:
    def seen(seed: int, epoch: int) -> bytes:
        return b"".join(maps[..., 0].tobytes() for maps, *_ in epoch_of(training(name, seed=seed)[0], epoch))

    assert seen(0, 1) == seen(0, 1)
    assert len({seen(0, 0), seen(0, 1), seen(1, 0)}) == 3


def test_notes_count_the_subjects_of_synthetic_feature_maps() -> None:
    notes = training("smote")[0].notes
    assert notes == {
        "imbalance": "smote",
        "made": {"none": 0, "mild": 5, "severe": 3},
        "made_from_subjects": {"none": 3, "mild": 2, "severe": 3},
    }
    unknown = training("smote", SLICES.assign(subject=""))[0].notes
    assert unknown["made_from_subjects"] == dict.fromkeys(CLASSES, 0)
    assert training("none")[0].notes == {}


@pytest.mark.parametrize("name", ["none", "class_weights", "oversampling", "balanced_batches"])
def test_a_set_has_images_of_one_subject_and_one_label(name: str) -> None:
    examples, features = training(name, SUBJECTS, set_size=3)
    together = set()
    for epoch in range(4):
        counts = dict.fromkeys(SUBJECTS.index, 0)
        for batch in epoch_of(examples, epoch):
            for maps, present, label in zip(batch[0]["features"], batch[0]["present"], batch[1], strict=True):
                rows = SUBJECTS.loc[maps[present][:, 0, 0, 0].astype(int)]
                assert set(rows["label"]) == {label}
                assert rows["subject"].nunique() == 1
                if len(rows) > 1:
                    assert rows["subject"].iloc[0] != ""
                assert (maps[present][..., 1] == 100 + epoch).all()
                assert (maps[~present] == 0).all()
                for i in rows.index:
                    counts[i] += 1
                together.add(tuple(sorted(rows.index)))
        if name in ("none", "class_weights"):
            assert set(counts.values()) == {1}
    assert features.read == set(SUBJECTS.index)
    assert len(together) > 10  # a subject's images are grouped differently in each epoch


def test_sets_are_counted_not_images() -> None:
    """a: 3 sets of label 1; b: one of label 0 and one of 2; c: one of label 0; two alone; d: one of label 2."""
    labels = np.concatenate([batch[1] for batch in epoch_of(training("none", SUBJECTS, 3)[0], 0)])
    assert np.bincount(labels).tolist() == [3, 3, 3]
    weights = training("class_weights", SUBJECTS, 3)[0].notes["class_weights"]
    assert weights == dict.fromkeys(CLASSES, 1.0)


def held_out(split: pd.DataFrame, set_size: int | None) -> HeldOutExamples:
    return HeldOutExamples(cast(Features, Numbered()), split, shape_of(set_size))


def test_held_out_images_are_unchanged_and_in_order() -> None:
    examples = held_out(SLICES, None)
    batches = examples.batches(5)
    maps = np.concatenate([batches[i][0] for i in range(len(batches))])
    labels = np.concatenate([batches[i][1] for i in range(len(batches))])
    assert maps[:, 0, 0, 0].tolist() == SLICES.index.tolist()
    assert (maps[..., 1] == 0).all()
    assert labels.tolist() == SLICES["label"].tolist()
    assert len(examples) == 19
    logits = np.random.default_rng(0).random((19, 3))
    assert examples.per_image(logits) is logits


def test_all_images_of_a_set_have_its_prediction() -> None:
    examples = held_out(SUBJECTS, 3)
    sets = examples.batches(len(examples))[0][0]
    assert len(examples) == len(sets["present"]) == 8  # sets do not depend on labels here: b is one set
    logits = np.arange(8 * 3, dtype=np.float32).reshape(8, 3)
    by_image = examples.per_image(logits)
    assert by_image.shape == (len(SUBJECTS), 3)
    seen = []
    for maps, present, logits_of_set in zip(sets["features"], sets["present"], logits, strict=True):
        for image in maps[present][:, 0, 0, 0].astype(int):
            assert (by_image[SUBJECTS.index.get_loc(image)] == logits_of_set).all()
            seen.append(image)
    assert sorted(seen) == sorted(SUBJECTS.index)
    batches = examples.batches(3)
    labels = np.concatenate([batches[i][1] for i in range(len(batches))])
    first = sets["features"][:, 0, 0, 0, 0].astype(int)
    assert labels.tolist() == SUBJECTS["label"].loc[first].tolist()
    assert ABSENT not in seen
