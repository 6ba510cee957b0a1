"""Counts of the predictions of each subject (subjects.json): a small file with all that a comparison needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alzbench.evaluation.predictions import PREFIX, class_names
from alzbench.evaluation.subjects import combine


@dataclass(frozen=True)
class SubjectCounts:
    """The predictions of C clusters: subjects, or single images if the subject of an image is unknown.

    Attributes:
        by: `subject` or `image`.
        names: (C,) names of the clusters.
        counts: (C, K, K) images of each cluster by true and predicted class.
        labels, predicted: (C,) true class of each cluster, and that predicted from its images' mean probabilities.
        healthy: (C,) mean probability of the first class; None in files of older versions.
        votes: (C,) class predicted by the vote of its images; None in files of older versions.
    """

    by: str
    names: tuple[str, ...]
    counts: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]
    healthy: npt.NDArray[np.float64] | None = None
    votes: npt.NDArray[np.int64] | None = None

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
            **({} if self.votes is None else {"votes": self.votes.tolist()}),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> SubjectCounts:
        """Read what `to_json` returns; raises KeyError, TypeError, ValueError or IndexError if it is damaged."""
        names, classes = tuple(content["names"]), int(content["classes"])
        flat = np.zeros((len(names), classes * classes), np.int64)
        triples = np.array(content["counts"], np.int64).reshape(-1, 3)
        flat[triples[:, 0], triples[:, 1]] = triples[:, 2]
        key = "predicted" if "predicted" in content else "answers"  # its name in older versions
        labels, predicted = (np.array(content[name], np.int64) for name in ("labels", key))
        healthy = np.array(content["healthy"], np.float64) if "healthy" in content else None
        votes = np.array(content["votes"], np.int64) if "votes" in content else None
        given = [values for values in (labels, predicted, healthy, votes) if values is not None]
        if any(len(values) != len(names) for values in given):
            raise ValueError("names, labels, predicted, healthy and votes differ in length")
        return cls(content["by"], names, flat.reshape(-1, classes, classes), labels, predicted, healthy, votes)


def count_subjects(table: pd.DataFrame) -> SubjectCounts:
    """Count a predictions table."""
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
    healthy = combined[PREFIX + classes[0]].to_numpy(np.float64)
    return SubjectCounts(by, tuple(names), counts.astype(np.int64), labels, by_cluster, healthy, votes)
