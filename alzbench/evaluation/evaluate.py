"""The evaluator: from a predictions table to the scores in metrics.json.

The models here have the layout of metrics.json, in which the scores of a table are beside its other fields. If a stored
file lacks a newer metric, the metric is computed from the file's confusion matrix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_serializer, model_validator
from pydantic_core import PydanticCustomError

from alzbench.evaluation import predictions
from alzbench.evaluation.metrics import METRICS, Counts, Examples, Metric, metrics
from alzbench.evaluation.predictions import class_names
from alzbench.evaluation.subjects import combine, demented_or_not


def _finite(value: int | float | None) -> int | float | None:
    if value is not None and not np.isfinite(value):
        raise ValueError("must be a finite number or null")
    return value


Value = Annotated[int | float | None, AfterValidator(_finite)]  # None: undefined
Natural = Annotated[int, Field(ge=0)]
_ROUNDING = 1e-9


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class TableScores(_Stored):
    """The scores of one predictions table.

    Attributes:
        n: Number of images, or of subjects.
        classes: Class names in label order.
        scores: Metric -> value over all classes.
        per_class: Class -> metric -> value; and `support`, its number of images.
        undefined: Metric, or `class.metric`, -> the reason why it is undefined.
        confusion_matrix: (K, K) numbers of images, rows true, columns predicted.
    """

    n: Natural
    classes: list[str]
    scores: dict[str, Value]
    per_class: dict[str, dict[str, Value]]
    undefined: dict[str, str] = {}
    confusion_matrix: list[list[Natural]]

    @model_validator(mode="before")
    @classmethod
    def _from_file(cls, content: Any) -> Any:
        """Gather the scores, which are beside the other fields in a file, and add those of newer metrics."""
        if not isinstance(content, Mapping) or "scores" in content:
            return content
        overall = [metric.name for metric in metrics("image", per_class=False)]
        scores = {name: content[name] for name in overall if name in content}
        values = {**content, "scores": scores}
        try:
            missing = _missing(values)
            if missing:
                computed = _of_counts(np.array(content["confusion_matrix"]), content["classes"], missing)
                per_class = content["per_class"].items()
                values["scores"] = {**scores, **computed["scores"]}
                values["per_class"] = {name: {**known, **computed["per_class"][name]} for name, known in per_class}
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            return values  # the checks of the fields report the error
        return values

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if list(self.per_class) != self.classes:
            raise ValueError("classes and per_class must have the same classes")
        if [len(row) for row in self.confusion_matrix] != [len(self.classes)] * len(self.classes):
            raise ValueError("confusion_matrix must have a row and a column for each class")
        for name, value in (*self.scores.items(), *(pair for each in self.per_class.values() for pair in each.items())):
            if value is not None and name in METRICS:
                low, high = METRICS[name].bounds
                if not low - _ROUNDING <= value <= high + _ROUNDING:
                    raise ValueError(f"{name} must be from {low:g} to {high:g}, got {value:g}")
        return self

    @model_serializer
    def _to_file(self) -> dict[str, Any]:
        about = {"per_class": self.per_class, "undefined": self.undefined, "confusion_matrix": self.confusion_matrix}
        return {"n": self.n, "classes": self.classes, **self.scores, **about}

    @classmethod
    def from_matrix(cls, matrix: Counts, classes: Sequence[str]) -> TableScores:
        """Return the scores that follow from a confusion matrix (K, K) alone."""
        scores = _of_counts(matrix, classes, metrics("image", "counts"))
        support = zip(classes, matrix.sum(-1).tolist(), strict=True)
        per_class = {name: {**scores["per_class"][name], "support": int(images)} for name, images in support}
        about = {"n": int(matrix.sum()), "classes": list(classes), "confusion_matrix": matrix.astype(int).tolist()}
        return cls.model_validate({**about, **scores, "per_class": per_class})

    @classmethod
    def from_examples(cls, examples: Examples, classes: Sequence[str], probabilities: bool) -> TableScores:
        """Return the scores of predictions; without `probabilities` those of labels alone."""
        matrix = confusion_matrix(examples.labels, examples.predicted, len(classes))
        scores = cls.from_matrix(matrix, classes)
        more = metrics(level="image", needs="probabilities")
        return scores._with(more, examples) if probabilities else scores._without(more)

    def _with(self, more: Sequence[Metric], examples: Examples) -> TableScores:
        values = {metric: metric.function(examples)[0] for metric in more}
        return self._joined(_scores(values, self.classes))

    def _without(self, more: Sequence[Metric]) -> TableScores:
        nothing = np.full(len(self.classes), np.nan)
        values = {metric: nothing if metric.per_class else nothing[0] for metric in more}
        return self._joined({**_scores(values, self.classes), "undefined": {}})

    def _joined(self, more: Mapping[str, Any]) -> TableScores:
        per_class = {name: {**values, **more["per_class"][name]} for name, values in self.per_class.items()}
        changes = {
            "scores": {**self.scores, **more["scores"]},
            "per_class": per_class,
            "undefined": {**self.undefined, **more["undefined"]},
        }
        return self.model_copy(update=changes)


class TwoClassScores(_Stored):
    """The scores of subjects in two classes: that of healthy people, or any other (demented).

    Attributes:
        n: Number of subjects.
        scores: The key of a metric of this view -> value; the more probable side is predicted.
    """

    n: Natural = 0
    scores: dict[str, Value]

    @model_validator(mode="before")
    @classmethod
    def _from_file(cls, content: Any) -> Any:
        """Gather the scores, which stand beside `n` in a file; those of newer metrics are undefined."""
        if not isinstance(content, Mapping) or "scores" in content:
            return content
        missing = [name for name in ("accuracy", "roc_auc") if name not in content]
        if missing:
            raise PydanticCustomError("missing", "{name} is missing", {"name": missing[0]})
        return {**content, "scores": {key: content[name] for key, name in _two_class_names() if name in content}}

    @model_serializer
    def _to_file(self) -> dict[str, Any]:
        about = {"n": self.n} if "n" in self.model_fields_set else {}
        return about | {name: self.scores[key] for key, name in _two_class_names() if key in self.scores}

    @classmethod
    def from_examples(cls, examples: Examples, probabilities: bool = True) -> TwoClassScores:
        """Return the scores of two-class predictions, see `subjects.two_classes`."""
        matrix = confusion_matrix(examples.labels, examples.predicted, 2)
        scores: dict[str, float | None] = {}
        for metric in metrics(level="subject"):
            if metric.view == "demented" and metric.needs == "counts":
                scores[metric.key] = _defined(metric.function(matrix))
            elif metric.view == "demented":
                scores[metric.key] = _defined(metric.function(examples)[0]) if probabilities else None
        return cls(n=len(examples.labels), scores=scores)


def _two_class_names() -> list[tuple[str, str]]:
    """Return the key of each metric of two classes with its name in files."""
    keys = [metric.key for metric in metrics(level="subject") if metric.view == "demented"]
    return [(key, {"auc": "roc_auc"}.get(key, key)) for key in keys]


class SubjectScores(_Stored):
    """The scores of subjects, each classified once.

    Attributes:
        subjects: Number of subjects.
        mean: By the mean probabilities of a subject's images.
        vote: By the vote of a subject's images.
        demented: Demented or not, by the mean probabilities; None if no class is of healthy people.
    """

    subjects: Natural
    mean: TableScores
    vote: TableScores
    demented: TwoClassScores | None


class Evaluation(_Stored):
    """The scores of a predictions table, by image and, if all subjects are known, by subject."""

    images: TableScores
    subjects: SubjectScores | None

    def value(self, metric: Metric) -> float | None:
        """Return a metric that is not per class; None if it is undefined."""
        if metric.view == "images":
            return self.images.scores.get(metric.name)
        if self.subjects is None:
            return None
        view: TableScores | TwoClassScores | None = getattr(self.subjects, metric.view)
        return None if view is None else view.scores.get(metric.key)

    def class_values(self, metric: Metric) -> list[float | None]:
        """Return a metric of each class, in label order; None if it is undefined."""
        return [values.get(metric.name) for values in self.images.per_class.values()]


def evaluate(table: pd.DataFrame, probabilities: bool = True, healthy: int | None = 0) -> Evaluation:
    """Evaluate a predictions table.

    Args:
        table: See `predictions`.
        probabilities: False if the table has no real probabilities, only 0 and 1 for the predicted labels. Then
            metrics of probabilities are undefined.
        healthy: Label of the class of healthy people; None if there is none.
    """
    images = _table_scores(table, probabilities)
    if table.empty or (table["subject"] == "").any():
        return Evaluation(images=images, subjects=None)
    by_mean = combine(table, "mean")
    demented = None
    if healthy is not None:
        demented = TwoClassScores.from_examples(demented_or_not(examples_of(by_mean), healthy), probabilities)
    subjects = SubjectScores(
        subjects=len(by_mean),
        mean=_table_scores(by_mean, probabilities),
        vote=_table_scores(combine(table, "vote"), probabilities),
        demented=demented,
    )
    return Evaluation(images=images, subjects=subjects)


def confusion_matrix(
    labels: npt.NDArray[np.integer], predicted: npt.NDArray[np.integer], classes: int
) -> npt.NDArray[np.int64]:
    """Return the numbers (K, K) of each true class (row) that are predicted as each class (column)."""
    matrix = np.zeros((classes, classes), np.int64)
    np.add.at(matrix, (labels, predicted), 1)
    return matrix


def examples_of(table: pd.DataFrame) -> Examples:
    """Return a predictions table as arrays, with no groups to leave out."""
    index = pd.Index(class_names(table))
    labels, predicted = (index.get_indexer(pd.Index(table[column])) for column in ("label", "predicted"))
    return Examples(predictions.probabilities(table), labels, predicted, np.zeros(len(table), np.intp), 0)


def _table_scores(table: pd.DataFrame, probabilities: bool) -> TableScores:
    return TableScores.from_examples(examples_of(table), class_names(table), probabilities)


def _missing(content: Mapping[str, Any]) -> list[Metric]:
    """Return the metrics of counts that a file's content lacks."""
    first: Mapping[str, Any] = next(iter(content["per_class"].values()), {})
    return [
        metric
        for metric in metrics("image", "counts")
        if metric.name not in (first if metric.per_class else content["scores"])
    ]


def _of_counts(matrix: Counts, classes: Sequence[str], wanted: Sequence[Metric]) -> dict[str, Any]:
    """Return `scores`, `per_class` and `undefined` of a confusion matrix (K, K)."""
    return _scores({metric: metric.function(matrix) for metric in wanted}, classes)


def _scores(values: Mapping[Metric, Any], classes: Sequence[str]) -> dict[str, Any]:
    """Return the values of metrics as `scores`, `per_class` and `undefined` of a file."""
    overall = {metric.name: _defined(value) for metric, value in values.items() if not metric.per_class}
    per_class = {
        name: {metric.name: _defined(value[k]) for metric, value in values.items() if metric.per_class}
        for k, name in enumerate(classes)
    }
    undefined = {name: METRICS[name].reason for name, value in overall.items() if value is None}
    undefined |= {
        f"{name}.{metric}": METRICS[metric].reason
        for name, scores in per_class.items()
        for metric, value in scores.items()
        if value is None
    }
    return {"scores": overall, "per_class": per_class, "undefined": undefined}


def _defined(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
