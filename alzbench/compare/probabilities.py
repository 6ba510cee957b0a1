"""How good an experiment's probabilities are: calibration error, and the areas under the curves of each class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from alzbench.compare.areas import Places, Scores, Truth, average_precision, roc_auc
from alzbench.compare.intervals import Interval, from_left_out
from alzbench.compare.predictions import Predictions, read_predictions, runs_of
from alzbench.compare.rows import ExperimentRow
from alzbench.evaluation.calibration import bin_sums, calibration_error
from alzbench.evaluation.predictions import PREFIX, class_names

MOST_SIDE_BY_SIDE = 9  # experiments whose predictions are read for tables and figures; more cannot be read by people
MOST_BLOCKS = 100  # more clusters are dealt into so many, which are left out as wholes: the delete-a-group jackknife


@dataclass(frozen=True)
class Estimate:
    """A figure in [0, 1]: its mean over the seeds, and its 95 % interval over seeds and subjects where it has one."""

    value: float
    interval: Interval | None


@dataclass(frozen=True)
class ProbabilityScores:
    """How good the probabilities of slices are; None for what is not defined.

    Attributes:
        calibration_error: The expected one, see `calibration.calibration_error`.
        roc_auc: Area under the ROC curve of each class against the others.
        mean_roc_auc: Its mean over the classes.
        average_precision: Mean precision of each class against the others, from the surest image on.
    """

    calibration_error: Estimate | None
    roc_auc: dict[str, Estimate | None]
    mean_roc_auc: Estimate | None
    average_precision: dict[str, Estimate | None]


@dataclass(frozen=True)
class Likely:
    """What the first experiments of a group answered.

    Attributes:
        tables: Predictions of each by its label.
        answers_only: Labels of those that came without probabilities.
        without: Labels of those whose predictions are not stored, or not of all their runs.
    """

    tables: dict[str, Predictions]
    answers_only: tuple[str, ...]
    without: tuple[str, ...] = ()

    @cached_property
    def scores(self) -> dict[str, ProbabilityScores]:
        """Those of each experiment that has probabilities, by its label."""
        likely = {label: of for label, of in self.tables.items() if label not in self.answers_only}
        return {label: probability_scores(of) for label, of in likely.items()}


def read_likely(rows: Sequence[ExperimentRow], classes: Sequence[str], most: int) -> Likely:
    """Read the predictions of the first `most` experiments; `classes` are the group's."""
    tables: dict[str, Predictions] = {}
    answers_only, without = [], []
    for row in [row for row in rows if row.seeds and not row.sanity][:most]:
        runs = runs_of(row)
        predictions = read_predictions(runs, classes)
        if predictions is None:
            without.append(row.label)
            continue
        tables[row.label] = predictions
        if any(run.metrics.get("answers_only") for run in runs):
            answers_only.append(row.label)
    return Likely(tables, tuple(answers_only), tuple(without))


def probability_scores(predictions: Predictions) -> ProbabilityScores:
    """Score an experiment's probabilities."""
    drawn = _Drawn.of(predictions)
    labels = range(len(drawn.classes))
    areas, precisions = ([drawn.areas(under, k) for k in labels] for under in (roc_auc, average_precision))
    errors = np.stack([of.calibration_errors(drawn.blocks) for of in drawn.seeds])
    clusters = [drawn.clusters(k) for k in labels]
    return ProbabilityScores(
        drawn.estimate(errors, int(drawn.there.sum())),
        {name: drawn.estimate(areas[k], clusters[k]) for k, name in enumerate(drawn.classes)},
        drawn.estimate(np.mean(areas, axis=0), min(clusters)),
        {name: drawn.estimate(precisions[k], clusters[k]) for k, name in enumerate(drawn.classes)},
    )


@dataclass(frozen=True)
class _OneSeed:
    """N answers.

    Attributes:
        probabilities: (N, K)
        labels: (N,) class indices.
        right: (N,) whether the answer is the label.
        block: (N,) what an image is left out with.
    """

    probabilities: Scores
    labels: Places
    right: Truth
    block: Places

    def calibration_errors(self, blocks: int) -> Scores:
        """Return the error (1 + blocks,) of all, then of all less each block."""
        sums = bin_sums(self.probabilities.max(1), self.right, self.block, blocks)
        whole = sums.sum(0, keepdims=True)
        return calibration_error(np.concatenate([whole, whole - sums]))


@dataclass(frozen=True)
class _Drawn:
    """The answers of all seeds, and the blocks of clusters that are left out."""

    classes: list[str]
    seeds: list[_OneSeed]
    names: int  # of clusters
    blocks: int

    @classmethod
    def of(cls, predictions: Predictions) -> _Drawn:
        tables = list(predictions.values())
        by = "image" if any((table["subject"] == "").any() for table in tables) else "subject"
        names = pd.Index(np.unique(np.concatenate([table[by].unique() for table in tables])))
        classes = class_names(tables[0])
        index = pd.Index(classes)
        blocks = min(len(names), MOST_BLOCKS)
        seeds = [
            _OneSeed(
                table[[PREFIX + name for name in classes]].to_numpy(np.float64),
                index.get_indexer(pd.Index(table["label"])),
                (table["label"] == table["predicted"]).to_numpy(),
                names.get_indexer(pd.Index(table[by])) % blocks,
            )
            for table in tables
        ]
        return cls(classes, seeds, len(names), blocks)

    @cached_property
    def there(self) -> Truth:
        """(blocks,) whether any seed has tested one."""
        tested = np.zeros(self.blocks, bool)
        tested[np.concatenate([of.block for of in self.seeds])] = True
        return tested

    def clusters(self, label: int) -> int:
        """Return of how many blocks there are images of a class, or of others where those are fewer."""
        labels, block = (np.concatenate([getattr(of, name) for of in self.seeds]) for name in ("labels", "block"))
        return min(len(np.unique(block[side])) for side in (labels == label, labels != label))

    def areas(self, under: Callable[[Scores, Truth, Places, int], Scores], label: int) -> Scores:
        """Return the area (S, 1 + blocks) under a curve of a class for each seed."""
        return np.stack(
            [under(of.probabilities[:, label], of.labels == label, of.block, self.blocks) for of in self.seeds]
        )

    def estimate(self, values: Scores, clusters: int) -> Estimate | None:
        """Return the mean over the seeds with its interval; None where it is not defined for one of them."""
        value = float(values[:, 0].mean())
        if not np.isfinite(value):
            return None
        found = from_left_out(values, self.there, clusters)
        # left out are blocks, and what they are of are the clusters in them
        return Estimate(value, replace(found, clusters=self.names) if found else None)
