"""Strategies against class imbalance: class weights, repeated images, interpolated feature maps, balanced batches.

They are applied to training examples only, never to validation or test images.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from alzbench.cache import GIB
from alzbench.errors import RunError
from alzbench.experiment.imbalance import (
    BalancedBatches,
    ClassWeights,
    ImbalanceSettings,
    NoRebalancing,
    Oversampling,
    Smote,
)
from alzbench.registry import Entry, Registry

_MEASURED = 1.15  # peak memory of imbalanced-learn by the size of its rows: 0.9 to 1.15 for 2,000 to 4,000 feature maps
_MEMINFO = Path("/proc/meminfo")


@dataclass(frozen=True)
class Examples:
    """`N` training examples before rebalancing.

    Attributes:
        labels: (N,) class index of each example.
        classes: Names of the classes, in label order.
        maps: Returns the feature maps (N, H, W, C); called only if they are needed.
        shape: Height, width and channels of a feature map.
        seed: Seed of the random resampling.
    """

    labels: npt.NDArray[np.integer]
    classes: Sequence[str]
    maps: Callable[[], npt.NDArray[np.float16]]
    shape: tuple[int, ...]
    seed: int

    @property
    def rows(self) -> npt.NDArray[np.integer]:
        """Positions (N,) of all examples."""
        return np.arange(len(self.labels))


@dataclass(frozen=True)
class Rebalanced:
    """Training examples after rebalancing: `n` selected examples, followed by `m` synthetic feature maps.

    Attributes:
        rows: (n,) positions of the selected examples, possibly repeated.
        labels: (n + m,) class indices.
        synthetic: (m, H, W, C) float16 synthetic feature maps; None if the strategy makes none.
        weights: (n + m,) float32 weight of each example's loss; None: equal weights.
        balanced: True if all classes must have the same number of examples in each batch.
        notes: Results of the strategy, for the run's metrics.
    """

    rows: npt.NDArray[np.integer]
    labels: npt.NDArray[np.integer]
    synthetic: npt.NDArray[np.float16] | None = None
    weights: npt.NDArray[np.float32] | None = None
    balanced: bool = False
    notes: dict[str, Any] = field(default_factory=dict)


# (settings, examples) -> the rebalanced examples
Strategy = Callable[[Any, Examples], Rebalanced]

STRATEGIES = Registry("imbalance strategy", Entry[Strategy])


def rebalance(
    settings: ImbalanceSettings,
    labels: npt.NDArray[np.integer],
    classes: Sequence[str],
    maps: Callable[[], npt.NDArray[np.float16]],
    shape: tuple[int, ...],
    seed: int,
) -> Rebalanced:
    """Rebalance training examples with a strategy; the other arguments are the fields of `Examples`.

    Raises:
        RunError: A class has too few examples for the strategy, or there is too little memory.
    """
    examples = Examples(labels.astype(np.int64), classes, maps, shape, seed)
    result = STRATEGIES[settings.name].function(settings, examples)
    return replace(result, notes={"imbalance": settings.name, **result.notes} if result.notes else {})


@STRATEGIES.register("none", NoRebalancing)
def _unchanged(settings: NoRebalancing, examples: Examples) -> Rebalanced:
    del settings
    return Rebalanced(examples.rows, examples.labels)


@STRATEGIES.register("class_weights", ClassWeights)
def _weighted(settings: ClassWeights, examples: Examples) -> Rebalanced:
    by_class = class_weights(settings, examples.labels, examples.classes)
    weights = by_class[examples.labels].astype(np.float32)
    notes = {"class_weights": dict(zip(examples.classes, by_class.round(6).tolist(), strict=True))}
    return Rebalanced(examples.rows, examples.labels, weights=weights, notes=notes)


@STRATEGIES.register("oversampling", Oversampling)
def _oversampled(settings: Oversampling, examples: Examples) -> Rebalanced:
    from imblearn.over_sampling import RandomOverSampler

    del settings
    rows = examples.rows
    if len(np.unique(examples.labels)) > 1:  # a single class is balanced, and the sampler refuses it
        sampler = RandomOverSampler(random_state=examples.seed)
        sampler.fit_resample(np.zeros((len(rows), 1)), examples.labels)
        rows = np.asarray(sampler.sample_indices_, np.int64)
    labels = examples.labels[rows]
    return Rebalanced(rows, labels, notes={"examples": _count(labels, examples.classes)})


@STRATEGIES.register("balanced_batches", BalancedBatches)
def _balanced(settings: BalancedBatches, examples: Examples) -> Rebalanced:
    del settings
    return Rebalanced(examples.rows, examples.labels, balanced=True)


@STRATEGIES.register("smote", Smote)
def _smote(settings: Smote, examples: Examples) -> Rebalanced:
    """Feature maps interpolated between any neighbours of a class."""
    from imblearn.over_sampling import SMOTE

    return _interpolated(settings, examples, lambda k, seed: SMOTE(k_neighbors=k, random_state=seed))


@STRATEGIES.register("borderline_smote", Smote)
def _borderline_smote(settings: Smote, examples: Examples) -> Rebalanced:
    """Feature maps interpolated near examples most of whose neighbours are of other classes."""
    from imblearn.over_sampling import BorderlineSMOTE

    return _interpolated(settings, examples, lambda k, seed: BorderlineSMOTE(k_neighbors=k, random_state=seed))


@STRATEGIES.register("svm_smote", Smote)
def _svm_smote(settings: Smote, examples: Examples) -> Rebalanced:
    """Feature maps interpolated near the support vectors of a class."""
    from imblearn.over_sampling import SVMSMOTE

    return _interpolated(settings, examples, lambda k, seed: SVMSMOTE(k_neighbors=k, random_state=seed))


@STRATEGIES.register("adasyn", Smote)
def _adasyn(settings: Smote, examples: Examples) -> Rebalanced:
    """Feature maps interpolated more often near examples with more neighbours of other classes."""
    from imblearn.over_sampling import ADASYN

    return _interpolated(settings, examples, lambda k, seed: ADASYN(n_neighbors=k, random_state=seed))


def class_weights(
    settings: ClassWeights, labels: npt.NDArray[np.integer], classes: Sequence[str]
) -> npt.NDArray[np.float64]:
    """Return the weight of each class (K,), scaled so that the mean over the examples is 1; 0 for an empty class.

    `balanced` is n / (K n_k), over the K classes with examples. `effective_number` is proportional to
    (1 - beta) / (1 - beta ** n_k), Cui et al. 2019, https://arxiv.org/abs/1901.05555, equation 5.
    """
    counts = np.bincount(labels, minlength=len(classes)).astype(np.float64)
    nonempty = counts > 0
    raw = np.zeros(len(classes))
    if settings.weights == "balanced":
        raw[nonempty] = 1 / counts[nonempty]
    elif settings.weights == "effective_number":
        raw[nonempty] = (1 - settings.beta) / (1 - settings.beta ** counts[nonempty])
    else:
        assert not isinstance(settings.weights, str)
        raw = np.array([settings.weights[name] for name in classes]) * nonempty
    weights: npt.NDArray[np.float64] = raw * counts.sum() / (raw * counts).sum()
    return weights


def _interpolated(settings: Smote, examples: Examples, sampler: Callable[[int, int], Any]) -> Rebalanced:
    """Add the synthetic feature maps of an imbalanced-learn sampler, `sampler(neighbours, seed)`."""
    labels, classes, shape = examples.labels, examples.classes, examples.shape
    synthetic, synthetic_labels = np.empty((0, *shape), np.float16), np.empty(0, np.int64)
    counts = np.bincount(labels, minlength=len(classes))
    if np.any(counts[counts > 0] < counts.max()):
        _require_neighbours(settings, counts, classes)
        _require_memory(settings, counts, math.prod(shape))
        # float32, because float16 could overflow
        flat = examples.maps().reshape(len(labels), -1).astype(np.float32)
        try:
            resampled, resampled_labels = sampler(settings.neighbours, examples.seed).fit_resample(flat, labels)
        except (ValueError, RuntimeError) as error:  # a class has too few examples, or none near other classes
            raise RunError(
                f"imbalance {settings.name} cannot be used on these images: {' '.join(str(error).split())} "
                "Use another strategy; smote has the fewest requirements."
            ) from error
        synthetic = resampled[len(flat) :].astype(np.float16).reshape(-1, *shape)  # the originals come first, unchanged
        synthetic_labels = np.asarray(resampled_labels[len(flat) :], np.int64)
    notes = {"made": _count(synthetic_labels, classes)}  # as in metrics.json
    return Rebalanced(examples.rows, np.concatenate([labels, synthetic_labels]), synthetic, notes=notes)


def _require_neighbours(settings: Smote, counts: npt.NDArray[np.integer], classes: Sequence[str]) -> None:
    for name, count in zip(classes, counts, strict=True):
        if 0 < count <= settings.neighbours and count < counts.max():
            raise RunError(
                f"imbalance {settings.name} needs more than {settings.neighbours} (imbalance.neighbours) training "
                f"images of each class that it adds images to; {name} has {count}. Set imbalance.neighbours below "
                f"{count}, or use oversampling."
            )


def _require_memory(settings: Smote, counts: npt.NDArray[np.integer], features: int) -> None:
    """Raise RunError if two copies of the resampled feature maps, in 4-byte values, do not fit into memory."""
    total, nonempty = int(counts.sum()), counts[counts > 0]
    added = int((nonempty.max() - nonempty).sum())
    needed = _MEASURED * 4 * features * 2 * (total + added)
    limit = min(settings.memory_gib * GIB, _available_memory())
    if needed > limit:
        raise RunError(
            f"imbalance {settings.name} needs about {needed / GIB:.2g} GiB of memory for {total:,} feature maps of "
            f"{features:,} values, but only {limit / GIB:.2g} GiB may be used. Raise imbalance.memory_gib if more is "
            "available, or use oversampling or class_weights, which need none."
        )


def _available_memory() -> float:
    """Return the bytes available without swapping; infinity if the system does not report them."""
    try:
        lines = dict(line.split(":", 1) for line in _MEMINFO.read_text().splitlines())
        return float(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return math.inf


def _count(labels: npt.NDArray[np.integer], classes: Sequence[str]) -> dict[str, int]:
    return dict(zip(classes, np.bincount(labels, minlength=len(classes)).tolist(), strict=True))
