"""Counts of the predictions of each subject (subjects.json): a small file with all that a comparison needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from alzbench.evaluation.predictions import PREFIX, class_names
from alzbench.evaluation.subjects import combine

MOST_CLASSES = int(np.iinfo(np.int8).max)  # see `stacked`

Natural = Annotated[int, Field(ge=0)]


class _File(BaseModel):
    """The content of subjects.json, see `SubjectCounts.to_json`."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    by: Literal["subject", "image"]
    classes: int = Field(ge=1, le=MOST_CLASSES)
    names: list[str]
    labels: list[Natural]
    predicted: list[Natural] = Field(validation_alias=AliasChoices("predicted", "answers"))  # the older name
    counts: list[Natural]
    healthy: list[FiniteFloat] | None = None
    healthy_label: Natural | None = 0
    votes: list[Natural] | None = None

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        indices = [values for values in (self.labels, self.predicted, self.votes) if values is not None]
        lengths = [len(values) for values in indices] + ([] if self.healthy is None else [len(self.healthy)])
        if set(lengths) != {len(self.names)}:
            raise ValueError("names, labels, predicted, healthy and votes differ in length")
        if len(set(self.names)) < len(self.names):
            raise ValueError("a name is there twice")
        if any(max(values, default=0) >= self.classes for values in (*indices, [self.healthy_label or 0])):
            raise ValueError(f"a class is none of the {self.classes}")
        clusters, cells = self.counts[::3], self.counts[1::3]
        if len(self.counts) % 3 or max(clusters, default=-1) >= len(self.names):
            raise ValueError("counts must be triples of a cluster, a cell and a number")
        if max(cells, default=0) >= self.classes**2:
            raise ValueError(f"a cell of counts is none of the {self.classes**2}")
        return self


@dataclass(frozen=True)
class SubjectCounts:
    """The predictions of C clusters: subjects, or single images if the subject of an image is unknown.

    Attributes:
        by: `subject` or `image`.
        names: (C,) names of the clusters.
        counts: (C, K, K) images of each cluster by true and predicted class.
        labels, predicted: (C,) true class of each cluster, and that predicted from its images' mean probabilities.
        healthy: (C,) mean probability of the class of healthy people; None if there is none, and in files of older
            versions.
        votes: (C,) class predicted by the vote of its images; None in files of older versions.
        healthy_label: Label of the class of healthy people; None if there is none.
    """

    by: str
    names: tuple[str, ...]
    counts: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]
    healthy: npt.NDArray[np.float64] | None = None
    votes: npt.NDArray[np.int64] | None = None
    healthy_label: int | None = 0

    @property
    def knows_demented(self) -> bool:
        """False if there is a class of healthy people whose probabilities an older version did not store."""
        return self.healthy_label is None or self.healthy is not None

    def to_json(self) -> dict[str, Any]:
        """Return plain values; counts as triples (cluster, cell of the matrix, images), one after another."""
        flat = self.counts.reshape(len(self.names), -1)
        where = np.argwhere(flat)
        return {
            "by": self.by,
            "classes": self.counts.shape[-1],
            "names": list(self.names),
            "labels": self.labels.tolist(),
            "predicted": self.predicted.tolist(),
            "counts": np.column_stack([where, flat[flat > 0]]).ravel().tolist(),
            **({} if self.healthy is None else {"healthy": self.healthy.tolist()}),
            **({} if self.healthy_label == 0 else {"healthy_label": self.healthy_label}),
            **({} if self.votes is None else {"votes": self.votes.tolist()}),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> SubjectCounts:
        """Read what `to_json` returns; raises ValueError where it is damaged."""
        file = _File.model_validate(content)
        flat = np.zeros((len(file.names), file.classes**2), np.int64)
        triples = np.array(file.counts, np.int64).reshape(-1, 3)
        flat[triples[:, 0], triples[:, 1]] = triples[:, 2]
        return cls(
            file.by,
            tuple(file.names),
            flat.reshape(-1, file.classes, file.classes),
            np.array(file.labels, np.int64),
            np.array(file.predicted, np.int64),
            None if file.healthy is None else np.array(file.healthy, np.float64),
            None if file.votes is None else np.array(file.votes, np.int64),
            file.healthy_label,
        )


def count_subjects(table: pd.DataFrame, healthy: int | None = 0) -> SubjectCounts:
    """Count a predictions table; `healthy` is the label of the class of healthy people, None if there is none."""
    classes = class_names(table)
    by = "image" if table.empty or (table["subject"] == "").any() else "subject"
    index = {name: k for k, name in enumerate(classes)}
    # an image is a cluster of its own
    combined = combine(table, "mean") if by == "subject" else table.assign(subject=table["image"])
    names = pd.Index(combined["subject"])
    true, predicted = (table[column].map(index).to_numpy(np.int64) for column in ("label", "predicted"))
    size = len(classes)
    place = (names.get_indexer(table[by]) * size + true) * size + predicted
    counts = np.bincount(place, minlength=len(names) * size * size).reshape(len(names), size, size)
    voted = combine(table, "vote") if by == "subject" else combined
    labels, by_cluster, votes = (
        column.map(index).to_numpy().astype(np.int64)
        for column in (combined["label"], combined["predicted"], voted["predicted"])
    )
    probability = None if healthy is None else combined[PREFIX + classes[healthy]].to_numpy(np.float64)
    return SubjectCounts(by, tuple(names), counts.astype(np.int64), labels, by_cluster, probability, votes, healthy)
