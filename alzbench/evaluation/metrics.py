"""Metrics, each declared once: its names, how it reads, its direction, its level, and the function that computes it.

The point value, the interval, the mean over seeds, the paired difference, the column of every table, and the key in
JSON and CSV all follow from the record. To add a metric, write its function and one `declare(Metric(...))`.

Letters: `N` images, `K` classes, `G` groups that the jackknife leaves out, `...` any leading axes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from alzbench.evaluation import curves
from alzbench.evaluation.calibration import bin_sums, calibration_error
from alzbench.evaluation.ratio import ratio
from alzbench.registry import Registry

Counts = npt.NDArray[np.number]  # confusion matrices (..., K, K), rows true, columns predicted; sums widen their type
Values = npt.NDArray[np.float64]

# the images as they are; a subject's mean probabilities; the vote of its images; demented or not by the mean
View = Literal["images", "mean", "vote", "demented"]
# the clusters (subjects, or images) whose number decides if there is an interval
RestsOn = Literal["all", "rarest_class", "class", "other_classes", "both_sides", "predicted"]

_UNDEFINED: dict[RestsOn, str] = {
    "all": "no image",
    "rarest_class": "no image",
    "class": "no image of this class",
    "other_classes": "no image of another class",
    "both_sides": "only images of this class, or none",
    "predicted": "never predicted",
}
_SMALLEST = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Examples:
    """Predictions with probabilities, in groups that the jackknife leaves out one at a time.

    Attributes:
        probabilities: (N, K), each row summing to 1.
        labels, predicted: (N,) class indices.
        group: (N,) the group of each image, in [0, groups).
        groups: G; 0 where only the value over all images is needed.
    """

    probabilities: Values
    labels: npt.NDArray[np.intp]
    predicted: npt.NDArray[np.intp]
    group: npt.NDArray[np.intp]
    groups: int

    def areas(self, area: Callable[..., Values], label: int) -> Values:
        """Return the area (1 + G,) under a curve of one class against the others; `area` is one of `curves`."""
        probability, true = self.probabilities[:, label], self.labels == label
        return area(probability, true, self.group, max(self.groups, 1))[: 1 + self.groups]

    @cached_property
    def roc_areas(self) -> list[Values]:
        """Areas under the ROC curve of each class, K times (1 + G,)."""
        return [self.areas(curves.roc_auc, label) for label in range(self.probabilities.shape[1])]


@dataclass(frozen=True)
class Metric:
    """A metric.

    Attributes:
        name: Key in metrics.json, JSON and CSV.
        label: Name for people.
        short: Name for a narrow column.
        function: Of confusion matrices (..., K, K) -> (...); of `Examples` -> (1 + G,), the value over all images and
            without each group, or (1,) where it has no interval. Per class with one more axis (K,). NaN: undefined.
        needs: `counts` (a confusion matrix) or `probabilities`.
        per_class: True for one value per class.
        scale: 100 where it is shown in per cent, else 1.
        digits: Digits shown after the decimal point.
        higher_is_better: Direction.
        bounds: Smallest and largest possible value; a metric without finite bounds has no interval.
        rests_on: The clusters whose number limits the interval, see `intervals.FEWEST_CLUSTERS`.
        undefined: The reason where it is undefined.
        headline: True if short tables, such as the terminal's, show it.
        view: The predictions it is computed on.
    """

    name: str
    label: str
    short: str
    function: Callable[[Any], Values]
    needs: Literal["counts", "probabilities"] = "counts"
    per_class: bool = False
    scale: Literal[1, 100] = 1
    digits: int = 3
    higher_is_better: bool = True
    bounds: tuple[float, float] = (0.0, 1.0)
    rests_on: RestsOn = "all"
    undefined: str = ""
    headline: bool = False
    view: View = "images"

    @property
    def level(self) -> Literal["image", "subject"]:
        """`image`, or `subject` where each subject is classified once."""
        return "image" if self.view == "images" else "subject"

    @property
    def key(self) -> str:
        """Name of the value among the scores of its view."""
        return self.name if self.view == "images" else self.name.removeprefix(f"{_PREFIX[self.view]}_")

    @property
    def reason(self) -> str:
        """The reason where it is undefined."""
        return self.undefined or _UNDEFINED[self.rests_on]

    @property
    def has_interval(self) -> bool:
        """True if an interval can be computed."""
        return all(math.isfinite(bound) for bound in self.bounds)

    @property
    def difference_bounds(self) -> tuple[float, float]:
        """Smallest and largest possible difference of two values."""
        low, high = self.bounds
        return low - high, high - low


METRICS: Registry[Metric] = Registry("metric")
_PREFIX: dict[View, str] = {"images": "", "mean": "subject", "vote": "subject_vote", "demented": "subject_demented"}


def declare(metric: Metric) -> Metric:
    """Register a metric; one of whole confusion matrices is registered by subject too. Return it."""
    METRICS.add(metric.name, metric)
    if metric.view == "images" and metric.needs == "counts" and not metric.per_class:
        METRICS.add(f"subject_{metric.name}", replace(metric, name=f"subject_{metric.name}", view="mean"))
    return metric


def metrics(
    level: Literal["image", "subject"] | None = None,
    needs: Literal["counts", "probabilities"] | None = None,
    per_class: bool | None = None,
) -> list[Metric]:
    """Return the metrics of a kind in the order of their declaration; None: of any."""
    every = [METRICS[name] for name in METRICS]
    return [
        metric
        for metric in every
        if level in (None, metric.level) and needs in (None, metric.needs) and per_class in (None, metric.per_class)
    ]


def _diagonal(matrices: Counts) -> Counts:
    diagonal: Counts = np.diagonal(matrices, axis1=-2, axis2=-1)
    return diagonal


def _mean_over_present(values: Values, matrices: Counts) -> Values:
    """Return the mean over the classes that have images."""
    present = matrices.sum(-1) > 0
    return ratio(np.where(present, values, 0).sum(-1), present.sum(-1))


def _accuracy(matrices: Counts) -> Values:
    return ratio(np.trace(matrices, axis1=-2, axis2=-1), matrices.sum((-1, -2)))


def _precision(matrices: Counts) -> Values:
    return ratio(_diagonal(matrices), matrices.sum(-2))


def _recall(matrices: Counts) -> Values:
    return ratio(_diagonal(matrices), matrices.sum(-1))


def _f1(matrices: Counts) -> Values:
    true, predicted = matrices.sum(-1), matrices.sum(-2)
    return ratio(2 * _diagonal(matrices), np.where(true > 0, true + predicted, 0))


def _specificity(matrices: Counts) -> Values:
    every, true = matrices.sum((-1, -2))[..., None], matrices.sum(-1)
    return ratio(every - true + _diagonal(matrices) - matrices.sum(-2), every - true)


def _balanced_accuracy(matrices: Counts) -> Values:
    return _mean_over_present(_recall(matrices), matrices)


def _macro_f1(matrices: Counts) -> Values:
    return _mean_over_present(_f1(matrices), matrices)


def _quadratic_kappa(matrices: Counts) -> Values:
    """Cohen's kappa with quadratic weights, 1968, https://doi.org/10.1037/h0026256: the classes are ordered."""
    place = np.arange(matrices.shape[-1])
    weights = (place[:, None] - place) ** 2
    seen = (matrices * weights).sum((-1, -2), dtype=np.float64)
    by_chance = np.einsum(
        "...i,ij,...j", matrices.sum(-1, dtype=np.float64), weights.astype(np.float64), matrices.sum(-2)
    )
    return 1 - ratio(seen * matrices.sum((-1, -2)), by_chance)


def _loss(examples: Examples) -> Values:
    true = examples.probabilities[np.arange(len(examples.labels)), examples.labels]
    losses = -np.log(np.clip(true, _SMALLEST, 1 - _SMALLEST))
    return np.array([losses.mean() if len(losses) else np.nan])


def _calibration_error(examples: Examples) -> Values:
    right = examples.labels == examples.predicted
    sums = bin_sums(examples.probabilities.max(1), right, examples.group, max(examples.groups, 1))
    whole = sums.sum(0, keepdims=True)
    return calibration_error(np.concatenate([whole, (whole - sums)[: examples.groups]]))


def _mean_roc_auc(examples: Examples) -> Values:
    mean: Values = np.mean(examples.roc_areas, axis=0)
    return mean


def _roc_auc(examples: Examples) -> Values:
    return np.stack(examples.roc_areas, axis=-1)


def _average_precision(examples: Examples) -> Values:
    labels = range(examples.probabilities.shape[1])
    return np.stack([examples.areas(curves.average_precision, label) for label in labels], axis=-1)


def _demented_auc(examples: Examples) -> Values:
    return examples.areas(curves.roc_auc, 1)


ACCURACY = declare(Metric("accuracy", "accuracy", "accuracy", _accuracy, scale=100, digits=2, headline=True))
declare(
    Metric(
        "balanced_accuracy", "balanced accuracy", "balanced", _balanced_accuracy, scale=100, digits=2,
        rests_on="rarest_class",
    )
)  # fmt: skip
declare(Metric("macro_f1", "macro F1", "macro F1", _macro_f1, rests_on="rarest_class", headline=True))
declare(
    Metric(
        "quadratic_kappa", "quadratic-weighted kappa", "kappa", _quadratic_kappa, bounds=(-1.0, 1.0),
        undefined="only one class, true and predicted",
    )
)  # fmt: skip
declare(
    Metric(
        "subject_vote_accuracy", "accuracy by vote", "by vote", _accuracy, scale=100, digits=2, view="vote",
    )
)  # fmt: skip
declare(
    Metric(
        "subject_demented_accuracy", "demented or not, accuracy", "demented", _accuracy, scale=100, digits=2,
        view="demented",
    )
)  # fmt: skip
declare(
    Metric(
        "subject_demented_auc", "demented or not, ROC AUC", "AUC", _demented_auc, needs="probabilities",
        rests_on="both_sides", headline=True, view="demented",
    )
)  # fmt: skip
declare(Metric("precision", "precision", "precision", _precision, per_class=True, rests_on="predicted"))
declare(Metric("recall", "recall", "recall", _recall, per_class=True, rests_on="class"))
declare(Metric("f1", "F1", "F1", _f1, per_class=True, rests_on="class", headline=True))
declare(Metric("specificity", "specificity", "specificity", _specificity, per_class=True, rests_on="other_classes"))
declare(
    Metric(
        "loss", "cross-entropy loss", "loss", _loss, needs="probabilities", higher_is_better=False,
        bounds=(0.0, math.inf),
    )
)  # fmt: skip
declare(
    Metric(
        "calibration_error", "expected calibration error", "ECE", _calibration_error, needs="probabilities",
        higher_is_better=False,
    )
)  # fmt: skip
declare(
    Metric(
        "mean_roc_auc", "mean ROC AUC", "ROC AUC", _mean_roc_auc, needs="probabilities", rests_on="both_sides",
        undefined="a class without images",
    )
)  # fmt: skip
declare(
    Metric(
        "roc_auc", "ROC AUC", "AUC", _roc_auc, needs="probabilities", per_class=True,
        rests_on="both_sides",
    )
)  # fmt: skip
declare(
    Metric(
        "average_precision", "average precision", "AP", _average_precision,
        needs="probabilities", per_class=True, rests_on="both_sides", undefined="no image of this class",
    )
)  # fmt: skip
