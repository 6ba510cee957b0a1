"""What is done about classes of different sizes: weights, repeated images, made feature maps, balanced batches.

It is given training examples only; validation and test images never come here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from alzbench.errors import ExperimentError, RunError
from alzbench.experiment.imbalance import ClassWeights, ImbalanceSettings, Smote

GIB = 2**30
_MEASURED = 1.15  # peak memory of imbalanced-learn beyond its rows: 0.9 to 1.15 times for 2,000 to 4,000 feature maps
_MEMINFO = Path("/proc/meminfo")


@dataclass(frozen=True)
class Rebalanced:
    """Training examples after rebalancing: the `n` of the rows, then the `m` made ones.

    Attributes:
        rows: (n,) positions among the examples that were there; the same one may come several times.
        made: (m, H, W, C) float16 feature maps of no image, or None.
        labels: (n + m,) class indices.
        weights: (n + m,) float32 weight of each example's loss, or None for 1.
        balanced: Whether each batch holds the classes equally.
        notes: What was done, for the run's metrics.
    """

    rows: npt.NDArray[np.integer]
    made: npt.NDArray[np.float16] | None
    labels: npt.NDArray[np.integer]
    weights: npt.NDArray[np.float32] | None
    balanced: bool
    notes: dict[str, Any]


def rebalance(
    settings: ImbalanceSettings,
    labels: npt.NDArray[np.integer],
    classes: Sequence[str],
    maps: Callable[[], npt.NDArray[np.float16]],
    shape: tuple[int, ...],
    seed: int,
) -> Rebalanced:
    """Rebalance training examples.

    Args:
        settings: The strategy.
        labels: (N,) class index of each example.
        classes: Names of the classes, in label order.
        maps: Returns the examples' own feature maps (N, H, W, C); called only where they are needed.
        shape: Height, width and channels of a feature map.
        seed: Seed of what is drawn at random.

    Raises:
        RunError: A class has too few examples for the strategy, or its memory would not fit.
    """
    labels = labels.astype(np.int64)
    rows: npt.NDArray[np.integer] = np.arange(len(labels))
    made, weights = None, None
    notes: dict[str, Any] = {}
    if isinstance(settings, ClassWeights):
        by_class = class_weights(settings, labels, classes)
        weights = by_class[labels].astype(np.float32)
        notes = {"class_weights": dict(zip(classes, by_class.round(6).tolist(), strict=True))}
    elif settings.name == "oversampling":
        rows = _oversample(labels, seed)
        notes = {"examples": _count(labels[rows], classes)}
    elif isinstance(settings, Smote):
        made, made_labels = _interpolate(settings, labels, classes, maps, shape, seed)
        labels = np.concatenate([labels, made_labels])
        notes = {"made": _count(made_labels, classes)}
    all_labels = labels if made is not None else labels[rows]
    balanced = settings.name == "balanced_batches"
    return Rebalanced(rows, made, all_labels, weights, balanced, {"imbalance": settings.name, **notes} if notes else {})


def check_class_weights(settings: ImbalanceSettings, classes: Sequence[str]) -> None:
    """Raise ExperimentError where given weights are not those of exactly the classes."""
    if not isinstance(settings, ClassWeights) or isinstance(settings.weights, str):
        return
    unknown = [name for name in settings.weights if name not in classes]
    missing = [name for name in classes if name not in settings.weights]
    if unknown or missing:
        found = f"there is no class {', '.join(unknown)}" if unknown else f"{', '.join(missing)} has none"
        raise ExperimentError(f"imbalance.weights must hold a weight for each of {', '.join(classes)}; {found}.")


def class_weights(
    settings: ClassWeights, labels: npt.NDArray[np.integer], classes: Sequence[str]
) -> npt.NDArray[np.float64]:
    """Return the weight of each class (K,), scaled so that the mean over the examples is 1; 0 for a class without any.

    `balanced` is n / (K n_k), over the K classes that are there. `effective_number` is proportional to
    (1 - beta) / (1 - beta ** n_k), Cui et al. 2019, https://arxiv.org/abs/1901.05555, equation 5.
    """
    counts = np.bincount(labels, minlength=len(classes)).astype(np.float64)
    there = counts > 0
    raw = np.zeros(len(classes))
    if settings.weights == "balanced":
        raw[there] = 1 / counts[there]
    elif settings.weights == "effective_number":
        raw[there] = (1 - settings.beta) / (1 - settings.beta ** counts[there])
    else:
        assert not isinstance(settings.weights, str)
        raw = np.array([settings.weights[name] for name in classes]) * there
    weights: npt.NDArray[np.float64] = raw * counts.sum() / (raw * counts).sum()
    return weights


def _oversample(labels: npt.NDArray[np.integer], seed: int) -> npt.NDArray[np.integer]:
    from imblearn.over_sampling import RandomOverSampler

    sampler = RandomOverSampler(random_state=seed)
    if len(np.unique(labels)) > 1:  # it refuses a single class, which is balanced already
        sampler.fit_resample(np.zeros((len(labels), 1)), labels)
        return np.asarray(sampler.sample_indices_, np.int64)
    return np.arange(len(labels))


def _interpolate(
    settings: Smote,
    labels: npt.NDArray[np.integer],
    classes: Sequence[str],
    maps: Callable[[], npt.NDArray[np.float16]],
    shape: tuple[int, ...],
    seed: int,
) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.integer]]:
    """Return made feature maps (m, H, W, C) and their labels (m,)."""
    counts = np.bincount(labels, minlength=len(classes))
    if np.all(counts[counts > 0] == counts.max()):
        return np.empty((0, *shape), np.float16), np.empty(0, np.int64)
    _require_neighbours(settings, counts, classes)
    _require_memory(settings, counts, math.prod(shape))
    flat = maps().reshape(len(labels), -1).astype(np.float32)  # interpolating integers would wrap, float16 overflow
    try:
        grown, grown_labels = _sampler(settings, seed).fit_resample(flat, labels)
    except (ValueError, RuntimeError) as error:  # its ways to say that a class has too few, or no near, examples
        raise RunError(
            f"imbalance {settings.name} cannot be used on these images: {' '.join(str(error).split())} "
            "smote makes fewer demands."
        ) from error
    made = grown[len(flat) :].astype(np.float16).reshape(-1, *shape)  # what was there comes first, as it was
    return made, np.asarray(grown_labels[len(flat) :], np.int64)


def _sampler(settings: Smote, seed: int) -> Any:
    from imblearn import over_sampling

    if settings.name == "adasyn":
        return over_sampling.ADASYN(n_neighbors=settings.neighbours, random_state=seed)
    kinds = {
        "smote": over_sampling.SMOTE,
        "borderline_smote": over_sampling.BorderlineSMOTE,
        "svm_smote": over_sampling.SVMSMOTE,
    }
    return kinds[settings.name](k_neighbors=settings.neighbours, random_state=seed)


def _require_neighbours(settings: Smote, counts: npt.NDArray[np.integer], classes: Sequence[str]) -> None:
    for name, count in zip(classes, counts, strict=True):
        if 0 < count <= settings.neighbours and count < counts.max():
            raise RunError(
                f"imbalance {settings.name} needs more than imbalance.neighbours = {settings.neighbours} training "
                f"images of each class that it adds to; {name} has {count}. Lower neighbours below {count}, or use "
                "oversampling."
            )


def _require_memory(settings: Smote, counts: npt.NDArray[np.integer], features: int) -> None:
    """Refuse what would not fit: 4-byte values, the rows before and after, and the made ones once more."""
    total, there = int(counts.sum()), counts[counts > 0]
    made = int((there.max() - there).sum())
    needed = _MEASURED * 4 * features * 2 * (total + made)
    limit = min(settings.memory_gib * GIB, _available_memory())
    if needed > limit:
        raise RunError(
            f"imbalance {settings.name} would need about {needed / GIB:.2g} GiB of memory for {total:,} feature maps "
            f"of {features:,} values, and {limit / GIB:.2g} GiB may be used. Raise imbalance.memory_gib where there "
            "is more, or use oversampling or class_weights, which need none."
        )


def _available_memory() -> float:
    """Return the bytes that can be had without swapping; no bound where the system does not tell."""
    try:
        lines = dict(line.split(":", 1) for line in _MEMINFO.read_text().splitlines())
        return float(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return math.inf


def _count(labels: npt.NDArray[np.integer], classes: Sequence[str]) -> dict[str, int]:
    return dict(zip(classes, np.bincount(labels, minlength=len(classes)).tolist(), strict=True))
