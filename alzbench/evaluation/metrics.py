"""Metrics, each declared once: its names, format, direction, level, and the function that computes it.

The point value, the interval, the mean over seeds, the paired difference, the column of every table, and the key in
JSON and CSV all follow from the record. To add a metric, write its function under one `@declare(...)`.

Letters: `N` images, `K` classes, `G` groups that the jackknife leaves out, `...` any leading axes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from alzbench.evaluation import curves
from alzbench.evaluation.calibration import bin_sums, calibration_error
from alzbench.evaluation.ratio import ratio
from alzbench.registry import Entry, Registry

Counts = npt.NDArray[np.number]  # confusion matrices (..., K, K), rows true, columns predicted; sums widen their type
Values = npt.NDArray[np.float64]

# each image; a subject by its mean probabilities, or by the vote of its images; demented or not by the mean
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
        groups: G; 0 if only the value over all images is needed.
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


# Confusion matrices (..., K, K) -> (...); or `Examples` -> (1 + G,), the value over all images and without each group,
# (1,) if it has no interval. Per class with one more axis (K,). NaN: undefined.
Function = Callable[[Any], Values]


@dataclass(frozen=True, kw_only=True)
class Metric(Entry[Function]):
    """A metric; its `name` is the key in metrics.json, JSON and CSV.

    Attributes:
        label: Name for people.
        short: Name for a narrow column.
        needs: `counts` (a confusion matrix) or `probabilities`.
        per_class: True for one value per class.
        scale: 100 if it is shown in per cent, else 1.
        digits: Digits shown after the decimal point.
        higher_is_better: Direction.
        bounds: Smallest and largest possible value; a metric without finite bounds has no interval.
        rests_on: The clusters whose number limits the interval, see `intervals.FEWEST_CLUSTERS`.
        undefined: The reason that is given if it is undefined; empty: by `rests_on`.
        headline: True if short tables, such as the terminal's, show it.
        view: The predictions it is computed on.
    """

    label: str
    short: str
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
        """The reason that is given if it is undefined."""
        return self.undefined or _UNDEFINED[self.rests_on]

    @property
    def has_interval(self) -> bool:
        """True if an interval can be computed."""
        return all(math.isfinite(bound) for bound in self.bounds)

    @property
    def unit(self) -> str:
        """Unit after a value: ` %`, or nothing."""
        return " %" if self.scale == 100 else ""

    def text(self, value: float) -> str:
        """Return a value with its unit: `66.86 %`, `0.471`."""
        return f"{self.scale * value:.{self.digits}f}{self.unit}"

    @property
    def difference_bounds(self) -> tuple[float, float]:
        """Smallest and largest possible difference of two values."""
        low, high = self.bounds
        return low - high, high - low


METRICS = Registry("metric", Metric)
_PREFIX: dict[View, str] = {"images": "", "mean": "subject", "vote": "subject_vote", "demented": "subject_demented"}


def declare(name: str, **fields: Any) -> Callable[[Function], Function]:
    """Return a decorator that registers a metric; a metric of whole confusion matrices is also registered by subject.

    Args:
        name: Its name; of a metric by subject, `subject_...` of the name by image, see `Metric.key`.
        fields: The other fields of `Metric`.
    """

    def decorate(function: Function) -> Function:
        METRICS.register(name, **fields)(function)
        metric = METRICS[name]
        if metric.view in ("mean", "vote") and metric.key not in METRICS:
            METRICS.remove(name)
            raise ValueError(f"{metric.key!r} must be a metric of images before {name!r} can be one of subjects")
        if metric.view == "images" and metric.needs == "counts" and not metric.per_class:
            METRICS.register(f"subject_{name}", **fields, view="mean")(function)
        return function

    return decorate


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


@declare("accuracy", label="accuracy", short="accuracy", scale=100, digits=2, headline=True)
def _accuracy(matrices: Counts) -> Values:
    """Share of predictions that are correct."""
    return ratio(np.trace(matrices, axis1=-2, axis2=-1), matrices.sum((-1, -2)))


@declare("balanced_accuracy", label="balanced accuracy", short="balanced", scale=100, digits=2, rests_on="rarest_class")
def _balanced_accuracy(matrices: Counts) -> Values:
    """Mean recall of the classes that have images."""
    return _mean_over_present(_recall(matrices), matrices)


@declare("macro_f1", label="macro F1", short="macro F1", rests_on="rarest_class", headline=True)
def _macro_f1(matrices: Counts) -> Values:
    """Mean F1 of the classes that have images."""
    return _mean_over_present(_f1(matrices), matrices)


@declare(
    "quadratic_kappa", label="quadratic-weighted kappa", short="kappa", bounds=(-1.0, 1.0),
    undefined="only one class, true and predicted",
)  # fmt: skip
def _quadratic_kappa(matrices: Counts) -> Values:
    """Cohen's kappa with quadratic weights, 1968, https://doi.org/10.1037/h0026256, for ordered classes."""
    place = np.arange(matrices.shape[-1])
    weights = (place[:, None] - place) ** 2
    seen = (matrices * weights).sum((-1, -2), dtype=np.float64)
    by_chance = np.einsum(
        "...i,ij,...j", matrices.sum(-1, dtype=np.float64), weights.astype(np.float64), matrices.sum(-2)
    )
    return 1 - ratio(seen * matrices.sum((-1, -2)), by_chance)


declare("subject_vote_accuracy", label="accuracy by vote", short="by vote", scale=100, digits=2, view="vote")(_accuracy)
declare(
    "subject_demented_accuracy", label="demented or not, accuracy", short="demented", scale=100, digits=2,
    view="demented",
)(_accuracy)  # fmt: skip


@declare(
    "subject_demented_auc", label="demented or not, ROC AUC", short="AUC", needs="probabilities",
    rests_on="both_sides", headline=True, view="demented",
)  # fmt: skip
def _demented_auc(examples: Examples) -> Values:
    """Area under the ROC curve of demented against non-demented subjects."""
    return examples.areas(curves.roc_auc, 1)


@declare("precision", label="precision", short="precision", per_class=True, rests_on="predicted")
def _precision(matrices: Counts) -> Values:
    """Share of the predictions of a class that are correct."""
    return ratio(_diagonal(matrices), matrices.sum(-2))


@declare("recall", label="recall", short="recall", per_class=True, rests_on="class")
def _recall(matrices: Counts) -> Values:
    """Share of the images of a class that are predicted correctly."""
    return ratio(_diagonal(matrices), matrices.sum(-1))


@declare("f1", label="F1", short="F1", per_class=True, rests_on="class", headline=True)
def _f1(matrices: Counts) -> Values:
    """Harmonic mean of precision and recall."""
    true, predicted = matrices.sum(-1), matrices.sum(-2)
    return ratio(2 * _diagonal(matrices), np.where(true > 0, true + predicted, 0))


@declare("specificity", label="specificity", short="specificity", per_class=True, rests_on="other_classes")
def _specificity(matrices: Counts) -> Values:
    """Share of the images of other classes that are not predicted as this one."""
    every, true = matrices.sum((-1, -2))[..., None], matrices.sum(-1)
    return ratio(every - true + _diagonal(matrices) - matrices.sum(-2), every - true)


@declare(
    "loss", label="cross-entropy loss", short="loss", needs="probabilities", higher_is_better=False,
    bounds=(0.0, math.inf),
)  # fmt: skip
def _loss(examples: Examples) -> Values:
    """Mean negative logarithm of the probability of the true class."""
    true = examples.probabilities[np.arange(len(examples.labels)), examples.labels]
    losses = -np.log(np.clip(true, _SMALLEST, 1 - _SMALLEST))
    return np.array([losses.mean() if len(losses) else np.nan])


@declare(
    "calibration_error", label="expected calibration error", short="ECE", needs="probabilities",
    higher_is_better=False,
)  # fmt: skip
def _calibration_error(examples: Examples) -> Values:
    """Mean distance between confidence and accuracy, over bins of confidence."""
    right = examples.labels == examples.predicted
    sums = bin_sums(examples.probabilities.max(1), right, examples.group, max(examples.groups, 1))
    whole = sums.sum(0, keepdims=True)
    return calibration_error(np.concatenate([whole, (whole - sums)[: examples.groups]]))


@declare(
    "mean_roc_auc", label="mean ROC AUC", short="ROC AUC", needs="probabilities", rests_on="both_sides",
    undefined="a class without images",
)  # fmt: skip
def _mean_roc_auc(examples: Examples) -> Values:
    """Mean over the classes of the area under the ROC curve of each against the others."""
    mean: Values = np.mean(examples.roc_areas, axis=0)
    return mean


@declare("roc_auc", label="ROC AUC", short="AUC", needs="probabilities", per_class=True, rests_on="both_sides")
def _roc_auc(examples: Examples) -> Values:
    """Area under the ROC curve of a class against the others."""
    return np.stack(examples.roc_areas, axis=-1)


@declare(
    "average_precision", label="average precision", short="AP", needs="probabilities", per_class=True,
    rests_on="both_sides", undefined="no image of this class",
)  # fmt: skip
def _average_precision(examples: Examples) -> Values:
    """Area under the curve of precision and recall of a class against the others."""
    labels = range(examples.probabilities.shape[1])
    return np.stack([examples.areas(curves.average_precision, label) for label in labels], axis=-1)


ACCURACY = METRICS["accuracy"]
DEMENTED_AUC = METRICS["subject_demented_auc"]
CLASS_HEADLINE = next(metric for metric in metrics(needs="counts", per_class=True) if metric.headline)
