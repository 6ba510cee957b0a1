"""What is done about classes of different sizes: weights by hand, and made feature maps between those there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from alzbench.errors import ExperimentError, RunError
from alzbench.experiment import ImbalanceSettings
from alzbench.experiment.imbalance import ClassWeights
from alzbench.training import imbalance
from alzbench.training.imbalance import Rebalanced, class_weights, rebalance

NAMES = ("none", "mild", "severe")
SHAPE = (2, 1, 3)
LABELS = np.array([0] * 12 + [1] * 4 + [2] * 8)[np.random.default_rng(3).permutation(24)]
MAPS = (np.random.default_rng(0).normal(size=(24, *SHAPE)) + LABELS[:, None, None, None]).astype(np.float16)
ADAPTER: TypeAdapter[ImbalanceSettings] = TypeAdapter(ImbalanceSettings)
SMOTES = ("smote", "borderline_smote", "svm_smote", "adasyn")


def strategy(name: str, **options: Any) -> ImbalanceSettings:
    return ADAPTER.validate_python({"name": name, **options})


def rebalanced(
    name: str, labels: np.ndarray = LABELS, maps: np.ndarray | None = MAPS, seed: int = 0, **options: Any
) -> Rebalanced:
    def own_maps() -> np.ndarray:
        assert maps is not None, "the maps are not needed"
        return maps

    return rebalance(strategy(name, **options), labels, NAMES, own_maps, SHAPE, seed)


def weights(labels: np.ndarray = LABELS, **options: Any) -> np.ndarray:
    return class_weights(ClassWeights(name="class_weights", **options), labels, NAMES)


def test_balanced_weights_are_inverse_to_the_sizes() -> None:
    np.testing.assert_allclose(weights(), [24 / (3 * 12), 24 / (3 * 4), 24 / (3 * 8)])


def test_weights_by_effective_number() -> None:
    raw = 0.1 / (1 - 0.9 ** np.array([12, 4, 8]))
    expected = raw * 24 / (raw * [12, 4, 8]).sum()
    np.testing.assert_allclose(weights(weights="effective_number", beta=0.9), expected)
    np.testing.assert_allclose(weights(weights="effective_number", beta=0.0), 1)
    np.testing.assert_allclose(weights(weights="effective_number", beta=1 - 1e-9), weights(), rtol=1e-6)


def test_given_weights_keep_their_ratios() -> None:
    """3, 1 and 2 weigh 12, 4 and 8 examples as 36 + 4 + 16 = 56, so that 24 / 56 scales them to a mean of 1."""
    found = weights(weights={"none": 3.0, "severe": 2.0, "mild": 1.0})
    np.testing.assert_allclose(found, np.array([3, 1, 2]) * 24 / 56)


def test_a_class_without_examples_has_no_weight() -> None:
    labels = np.array([0, 0, 0, 2])
    np.testing.assert_allclose(weights(labels), [4 / (2 * 3), 0, 4 / 2])
    assert weights(labels, weights={"none": 1.0, "mild": 9.0, "severe": 1.0}).tolist() == [1, 0, 1]


@given(
    labels=st.lists(st.integers(0, 2), min_size=1, max_size=60).map(np.array),
    options=st.sampled_from(["balanced", "effective_number", {"none": 0.1, "mild": 7.0, "severe": 2.5}]),
)
def test_the_mean_weight_of_the_examples_is_one(labels: np.ndarray, options: Any) -> None:
    done = rebalanced("class_weights", labels, None, weights=options)
    assert done.weights is not None
    assert done.weights.mean() == pytest.approx(1, rel=1e-5)
    assert (done.weights > 0).all()
    assert (done.labels == labels).all()
    assert (done.rows == np.arange(len(labels))).all()
    by_class = dict(zip(labels.tolist(), done.weights.tolist(), strict=True))
    assert done.notes["class_weights"] == pytest.approx(
        {name: by_class.get(k, 0) for k, name in enumerate(NAMES)}, abs=1e-5
    )


def test_given_weights_must_be_of_exactly_the_classes() -> None:
    strategy("class_weights", weights={"none": 1.0, "mild": 2.0, "severe": 3.0}).check_classes(NAMES)
    strategy("class_weights").check_classes(NAMES)
    strategy("oversampling").check_classes(NAMES)
    start = "imbalance.weights must hold a weight for each of none, mild, severe; "
    for given_weights, found in (
        ({"none": 1.0, "mild": 2.0, "sever": 3.0}, "there is no class sever."),
        ({"none": 1.0}, "mild, severe has none."),
    ):
        with pytest.raises(ExperimentError) as error:
            strategy("class_weights", weights=given_weights).check_classes(NAMES)
        assert str(error.value) == start + found


def test_nothing_is_done_where_nothing_is_asked() -> None:
    for name, balanced in (("none", False), ("balanced_batches", True)):
        done = rebalanced(name, maps=None)
        assert (done.rows == np.arange(24)).all()
        assert (done.labels == LABELS).all()
        assert (done.made, done.weights, done.balanced, done.notes) == (None, None, balanced, {})


@given(labels=st.lists(st.integers(0, 2), min_size=1, max_size=40).map(np.array), seed=st.integers(0, 3))
@settings(deadline=None)  # the first example imports scikit-learn
def test_oversampling_makes_classes_equal_and_keeps_each_example(labels: np.ndarray, seed: int) -> None:
    done = rebalanced("oversampling", labels, None, seed)
    counts = np.bincount(labels, minlength=3)
    expected = np.where(counts > 0, counts.max(), 0)
    assert (np.bincount(done.labels, minlength=3) == expected).all()
    assert (labels[done.rows] == done.labels).all()
    assert set(done.rows.tolist()) == set(range(len(labels)))
    assert done.notes == {"imbalance": "oversampling", "examples": dict(zip(NAMES, expected.tolist(), strict=True))}


@pytest.mark.parametrize("name", SMOTES)
def test_originals_come_first_and_made_ones_follow(name: str) -> None:
    done = rebalanced(name, neighbours=3)
    assert done.made is not None
    assert (done.rows == np.arange(24)).all()
    assert (done.labels[:24] == LABELS).all()
    assert (done.made.dtype.name, done.made.shape) == ("float16", (len(done.labels) - 24, *SHAPE))
    assert len(done.made) > 0
    assert np.isfinite(done.made).all()
    made = np.bincount(done.labels[24:], minlength=3)
    assert done.notes == {"imbalance": name, "made": dict(zip(NAMES, made.tolist(), strict=True))}
    assert made[0] == 0
    if name == "smote":  # the others make about as many, and none for a class that they find no border of
        assert made.tolist() == [0, 8, 4]
    assert done.weights is None


def distance_to_segments(point: np.ndarray, ends: np.ndarray) -> float:
    """The distance of a point to the nearest segment between two of `ends`."""
    starts, directions = ends[:, None], ends[None] - ends[:, None]
    lengths = np.maximum((directions**2).sum(axis=-1), 1e-12)
    share = np.clip(((point - starts) * directions).sum(axis=-1) / lengths, 0, 1)
    return float(np.linalg.norm(starts + share[..., None] * directions - point, axis=-1).min())


def test_made_maps_lie_between_two_images_of_their_class() -> None:
    done = rebalanced("smote", neighbours=3)
    assert done.made is not None
    flat = MAPS.reshape(24, -1).astype(np.float64)
    for made, label in zip(done.made.reshape(len(done.made), -1).astype(np.float64), done.labels[24:], strict=True):
        assert distance_to_segments(made, flat[label == LABELS]) < 5e-3
        assert distance_to_segments(made, flat[label != LABELS]) > 0.05  # so that the measure can tell


def test_neighbours_of_one_are_the_nearest() -> None:
    """Two pairs of a class, far apart: with one neighbour nothing is made between the pairs."""
    maps = np.zeros((12, 1, 1, 1), np.float16)
    maps[8:, 0, 0, 0] = [0, 1, 100, 101]
    labels = np.array([0] * 8 + [1] * 4)
    done = rebalance(strategy("smote", neighbours=1), labels, ("a", "b"), lambda: maps, (1, 1, 1), 0)
    assert done.made is not None
    made = done.made.ravel()
    assert len(made) == 4
    assert (((made >= 0) & (made <= 1)) | ((made >= 100) & (made <= 101))).all()


def test_large_values_do_not_overflow() -> None:
    maps = np.full((12, 1, 1, 1), 60_000, np.float16)
    maps[9:, 0, 0, 0] = [-60_000, 0, 60_000]
    labels = np.array([0] * 9 + [1] * 3)
    done = rebalance(strategy("smote", neighbours=2), labels, ("a", "b"), lambda: maps, (1, 1, 1), 0)
    assert done.made is not None
    assert np.isfinite(done.made).all()


@pytest.mark.parametrize("name", ["oversampling", *SMOTES])
def test_the_seed_decides_what_is_drawn(name: str) -> None:
    first, same, other = (rebalanced(name, seed=seed, **options(name)) for seed in (1, 1, 2))
    assert drawn(first) == drawn(same) != drawn(other)


def options(name: str) -> dict[str, Any]:
    return {"neighbours": 3} if name in SMOTES else {}


def drawn(done: Rebalanced) -> tuple[Any, ...]:
    made = None if done.made is None else done.made.tobytes()
    return done.rows.tolist(), done.labels.tolist(), made


def test_too_few_examples_name_the_class() -> None:
    with pytest.raises(RunError) as error:
        rebalanced("smote", maps=None, neighbours=4)
    assert str(error.value) == (
        "imbalance smote needs more than imbalance.neighbours = 4 training images of each class that it adds to; "
        "mild has 4. Lower neighbours below 4, or use oversampling."
    )
    rebalanced("smote", neighbours=3)


def test_a_class_without_examples_is_left_out() -> None:
    labels = np.array([0] * 6 + [2] * 3)
    done = rebalanced("smote", labels, MAPS[:9], neighbours=2)
    assert np.bincount(done.labels).tolist() == [6, 0, 6]


@pytest.mark.parametrize("name", SMOTES)
def test_equal_classes_need_nothing(name: str) -> None:
    done = rebalanced(name, np.repeat([0, 2], 4), None, neighbours=5)
    assert done.made is not None
    assert (len(done.made), len(done.labels)) == (0, 8)
    assert done.made.shape == (0, *SHAPE)


NEEDED = 1.15 * 4 * 6 * 2 * 36  # 24 rows of 6 float32 become 36, and twice of it all, times what was measured


def test_too_little_memory_is_said_before_the_maps_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(RunError) as error:
        rebalanced("smote", maps=None, neighbours=3, memory_gib=1e-7)
    assert str(error.value) == (
        "imbalance smote would need about 1.9e-06 GiB of memory for 24 feature maps of 6 values, and 1e-07 GiB may be "
        "used. Raise imbalance.memory_gib if there is more, or use oversampling or class_weights, which need none."
    )
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 99999999 kB\nMemAvailable:       1 kB\n")
    monkeypatch.setattr(imbalance, "_MEMINFO", meminfo)
    with pytest.raises(RunError, match=r"and 9\.5e-07 GiB may be used"):
        rebalanced("smote", maps=None, neighbours=3)
    monkeypatch.setattr(imbalance, "_MEMINFO", tmp_path / "elsewhere")  # a system that does not tell
    rebalanced("smote", neighbours=3)


def test_the_memory_that_is_needed_by_hand() -> None:
    rebalanced("smote", neighbours=3, memory_gib=(NEEDED + 1) / 2**30)
    with pytest.raises(RunError, match=r"Raise imbalance\.memory_gib"):
        rebalanced("smote", maps=None, neighbours=3, memory_gib=(NEEDED - 1) / 2**30)


def test_what_a_sampler_refuses_is_one_error() -> None:
    """One map for eleven images is less than half a map for each."""
    labels = np.array([0] * 12 + [2] * 11)
    with pytest.raises(
        RunError, match=r"^imbalance adasyn cannot be used on these images: .* smote makes fewer demand"
    ):
        rebalanced("adasyn", labels, MAPS[:23], neighbours=5)
