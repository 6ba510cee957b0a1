"""Strategies against class imbalance: weights by hand, and synthetic feature maps between existing ones."""

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
        assert maps is not None, "the feature maps are not needed"
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
    by_class = weights(weights={"none": 3.0, "severe": 2.0, "mild": 1.0})
    np.testing.assert_allclose(by_class, np.array([3, 1, 2]) * 24 / 56)


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


def test_given_weights_must_name_exactly_the_classes() -> None:
    strategy("class_weights", weights={"none": 1.0, "mild": 2.0, "severe": 3.0}).check_classes(NAMES)
    strategy("class_weights").check_classes(NAMES)
    strategy("oversampling").check_classes(NAMES)
    start = "imbalance.weights must hold a weight for each of none, mild, severe; "
    for given_weights, problem in (
        ({"none": 1.0, "mild": 2.0, "sever": 3.0}, "there is no class sever."),
        ({"none": 1.0}, "mild, severe has none."),
    ):
        with pytest.raises(ExperimentError) as error:
            strategy("class_weights", weights=given_weights).check_classes(NAMES)
        assert str(error.value) == start + problem


def test_examples_are_unchanged_without_a_strategy() -> None:
    for name, balanced in (("none", False), ("balanced_batches", True)):
        done = rebalanced(name, maps=None)
        assert (done.rows == np.arange(24)).all()
        assert (done.labels == LABELS).all()
        assert (done.synthetic, done.weights, done.balanced, done.notes) == (None, None, balanced, {})


@given(labels=st.lists(st.integers(0, 2), min_size=1, max_size=40).map(np.array), seed=st.integers(0, 3))
@settings(deadline=None)  # the first example imports scikit-learn
def test_oversampling_equalises_classes_and_keeps_each_example(labels: np.ndarray, seed: int) -> None:
    done = rebalanced("oversampling", labels, None, seed)
    counts = np.bincount(labels, minlength=3)
    expected = np.where(counts > 0, counts.max(), 0)
    assert (np.bincount(done.labels, minlength=3) == expected).all()
    assert (labels[done.rows] == done.labels).all()
    assert set(done.rows.tolist()) == set(range(len(labels)))
    assert done.notes == {"imbalance": "oversampling", "examples": dict(zip(NAMES, expected.tolist(), strict=True))}


@pytest.mark.parametrize("name", SMOTES)
def test_synthetic_feature_maps_follow_the_originals(name: str) -> None:
    done = rebalanced(name, neighbours=3)
    assert done.synthetic is not None
    assert (done.rows == np.arange(24)).all()
    assert (done.labels[:24] == LABELS).all()
    assert (done.synthetic.dtype.name, done.synthetic.shape) == ("float16", (len(done.labels) - 24, *SHAPE))
    assert len(done.synthetic) > 0
    assert np.isfinite(done.synthetic).all()
    synthetic = np.bincount(done.labels[24:], minlength=3)
    assert done.notes == {"imbalance": name, "made": dict(zip(NAMES, synthetic.tolist(), strict=True))}
    assert synthetic[0] == 0
    if name == "smote":  # the others make about as many, and none for a class without a border
        assert synthetic.tolist() == [0, 8, 4]
    assert done.weights is None


def distance_to_segments(point: np.ndarray, ends: np.ndarray) -> float:
    """Return the distance of a point to the nearest segment between two of `ends`."""
    starts, directions = ends[:, None], ends[None] - ends[:, None]
    lengths = np.maximum((directions**2).sum(axis=-1), 1e-12)
    share = np.clip(((point - starts) * directions).sum(axis=-1) / lengths, 0, 1)
    return float(np.linalg.norm(starts + share[..., None] * directions - point, axis=-1).min())


def test_synthetic_feature_maps_lie_between_two_images_of_their_class() -> None:
    done = rebalanced("smote", neighbours=3)
    assert done.synthetic is not None
    flat = MAPS.reshape(24, -1).astype(np.float64)
    for synthetic, label in zip(
        done.synthetic.reshape(len(done.synthetic), -1).astype(np.float64), done.labels[24:], strict=True
    ):
        assert distance_to_segments(synthetic, flat[label == LABELS]) < 5e-3
        assert distance_to_segments(synthetic, flat[label != LABELS]) > 0.05  # so the distance distinguishes classes


def test_only_the_nearest_neighbours_are_used() -> None:
    """Two pairs of a class, far apart: with one neighbour, no feature map lies between the pairs."""
    maps = np.zeros((12, 1, 1, 1), np.float16)
    maps[8:, 0, 0, 0] = [0, 1, 100, 101]
    labels = np.array([0] * 8 + [1] * 4)
    done = rebalance(strategy("smote", neighbours=1), labels, ("a", "b"), lambda: maps, (1, 1, 1), 0)
    assert done.synthetic is not None
    synthetic = done.synthetic.ravel()
    assert len(synthetic) == 4
    assert (((synthetic >= 0) & (synthetic <= 1)) | ((synthetic >= 100) & (synthetic <= 101))).all()


def test_large_values_do_not_overflow() -> None:
    maps = np.full((12, 1, 1, 1), 60_000, np.float16)
    maps[9:, 0, 0, 0] = [-60_000, 0, 60_000]
    labels = np.array([0] * 9 + [1] * 3)
    done = rebalance(strategy("smote", neighbours=2), labels, ("a", "b"), lambda: maps, (1, 1, 1), 0)
    assert done.synthetic is not None
    assert np.isfinite(done.synthetic).all()


@pytest.mark.parametrize("name", ["oversampling", *SMOTES])
def test_the_seed_decides_the_random_examples(name: str) -> None:
    first, same, other = (rebalanced(name, seed=seed, **options(name)) for seed in (1, 1, 2))
    assert content_of(first) == content_of(same) != content_of(other)


def options(name: str) -> dict[str, Any]:
    return {"neighbours": 3} if name in SMOTES else {}


def content_of(done: Rebalanced) -> tuple[Any, ...]:
    synthetic = None if done.synthetic is None else done.synthetic.tobytes()
    return done.rows.tolist(), done.labels.tolist(), synthetic


def test_too_few_examples_are_refused_with_the_class() -> None:
    with pytest.raises(RunError) as error:
        rebalanced("smote", maps=None, neighbours=4)
    assert str(error.value) == (
        "imbalance smote needs more than 4 (imbalance.neighbours) training images of each class that it adds images "
        "to; mild has 4. Set imbalance.neighbours below 4, or use oversampling."
    )
    rebalanced("smote", neighbours=3)


def test_a_class_without_examples_is_left_out() -> None:
    labels = np.array([0] * 6 + [2] * 3)
    done = rebalanced("smote", labels, MAPS[:9], neighbours=2)
    assert np.bincount(done.labels).tolist() == [6, 0, 6]


@pytest.mark.parametrize("name", SMOTES)
def test_classes_of_equal_size_need_no_feature_maps(name: str) -> None:
    done = rebalanced(name, np.repeat([0, 2], 4), None, neighbours=5)
    assert done.synthetic is not None
    assert (len(done.synthetic), len(done.labels)) == (0, 8)
    assert done.synthetic.shape == (0, *SHAPE)


NEEDED = 1.15 * 4 * 6 * 2 * 36  # twice the 36 rows of 6 float32 that 24 become, times the measured factor


def test_too_little_memory_is_refused_before_feature_maps_are_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(RunError) as error:
        rebalanced("smote", maps=None, neighbours=3, memory_gib=1e-7)
    assert str(error.value) == (
        "imbalance smote needs about 1.9e-06 GiB of memory for 24 feature maps of 6 values, but only 1e-07 GiB may be "
        "used. Raise imbalance.memory_gib if more is available, or use oversampling or class_weights, which need none."
    )
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 99999999 kB\nMemAvailable:       1 kB\n")
    monkeypatch.setattr(imbalance, "_MEMINFO", meminfo)
    with pytest.raises(RunError, match=r"but only 9\.5e-07 GiB may be used"):
        rebalanced("smote", maps=None, neighbours=3)
    monkeypatch.setattr(imbalance, "_MEMINFO", tmp_path / "elsewhere")  # a system without this file
    rebalanced("smote", neighbours=3)


def test_the_limit_of_memory_by_hand() -> None:
    rebalanced("smote", neighbours=3, memory_gib=(NEEDED + 1) / 2**30)
    with pytest.raises(RunError, match=r"Raise imbalance\.memory_gib"):
        rebalanced("smote", maps=None, neighbours=3, memory_gib=(NEEDED - 1) / 2**30)


def test_an_error_of_a_sampler_is_one_sentence() -> None:
    """One synthetic feature map for eleven images is less than half of one for each, which ADASYN refuses."""
    labels = np.array([0] * 12 + [2] * 11)
    with pytest.raises(
        RunError,
        match=r"^imbalance adasyn cannot be used on these images: .* Use another strategy; smote has the fewest",
    ):
        rebalanced("adasyn", labels, MAPS[:23], neighbours=5)
