"""Predictions of several seeds, stacked: the form in which scores and their uncertainty are computed.

Letters: `S` seeds, `C` clusters (subjects; single images if subjects are unknown), `K` classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from alzbench.evaluation.intervals import Interval, Jackknife, intervals, metric_intervals
from alzbench.evaluation.metrics import Examples, Metric, View
from alzbench.evaluation.subject_counts import SubjectCounts
from alzbench.evaluation.subjects import HALF, two_classes

NOT_TESTED = -1


@dataclass(frozen=True)
class StackedCounts:
    """The predictions of the seeds of one experiment.

    Attributes:
        by: Kind of cluster: `subject` or `image`.
        clusters: (C,) names.
        seeds: (S,) the seeds.
        counts: (S, C, K, K) images of each cluster by true and predicted class, of the smallest type that holds them;
            0 if it was not tested.
        labels, predicted: (S, C) true and predicted class of the whole cluster; `NOT_TESTED` if it was not tested.
        votes: (S, C) class predicted by the vote of its images; None if an older version did not store it.
        demented: (S, C) mean probability of any class but that of healthy people, NaN if it was not tested; None as for
            `votes`, or if no class is of healthy people.
        healthy: Label of the class of healthy people.
    """

    by: str
    clusters: tuple[str, ...]
    seeds: tuple[int, ...]
    counts: npt.NDArray[np.unsignedinteger]
    labels: npt.NDArray[np.int8]
    predicted: npt.NDArray[np.int8]
    votes: npt.NDArray[np.int8] | None = None
    demented: npt.NDArray[np.float64] | None = None
    healthy: int = 0
    _jackknives: dict[View, Jackknife | None] = field(default_factory=dict, repr=False, compare=False)

    @property
    def images(self) -> Jackknife:
        """The counts of images for the jackknife."""
        jackknife = self.jackknife("images")
        assert jackknife is not None  # they are always known
        return jackknife

    def jackknife(self, view: View) -> Jackknife | None:
        """Return the counts of a view for the jackknife, created once; None if they are unknown."""
        if view not in self._jackknives:
            self._jackknives[view] = self._jackknife(view)
        return self._jackknives[view]

    def _jackknife(self, view: View) -> Jackknife | None:
        if view == "images":
            return Jackknife(self.counts)
        if self.by != "subject":
            return None
        if view == "mean":
            return self._whole(self.labels, self.predicted, self.counts.shape[-1])
        if view == "vote":
            return None if self.votes is None else self._whole(self.labels, self.votes, self.counts.shape[-1])
        if self.demented is None:
            return None
        return self._whole((self.labels != self.healthy).astype(np.int8), (self.demented > HALF).astype(np.int8), 2)

    def _whole(self, labels: npt.NDArray[np.int8], predicted: npt.NDArray[np.int8], classes: int) -> Jackknife:
        """Return predictions of whole clusters, each of which counts as one image."""
        counts = np.zeros((*self.labels.shape, classes, classes), np.uint8)
        row, column = np.nonzero(self.labels != NOT_TESTED)
        counts[row, column, labels[row, column], predicted[row, column]] = 1
        return Jackknife(counts)

    def intervals(self, metric: Metric) -> list[Interval | None]:
        """Return the 95 % interval of a metric, or one per class; None if it has none."""
        if metric.needs == "counts":
            jackknife = self.jackknife(metric.view)
            return [None] if jackknife is None else intervals(jackknife, metric)
        jackknife = self.jackknife(metric.view) if metric.view == "demented" else None
        if jackknife is None:  # the probabilities of images are not among the counts
            return [None]
        return metric_intervals(metric, self.areas(metric), jackknife.tested, jackknife.clusters(metric))

    def areas(self, metric: Metric) -> npt.NDArray[np.float64]:
        """Return a metric of demented or not (S, 1 + C) by probability, over all subjects and without each of them."""
        return np.stack([metric.function(self._demented_examples(seed)) for seed in range(len(self.seeds))])

    def _demented_examples(self, seed: int) -> Examples:
        """Return the two-class predictions of one seed, each subject a group of its own."""
        assert self.demented is not None  # else there is no such view
        tested = self.labels[seed] != NOT_TESTED
        probability = self.demented[seed][tested]
        labels = self.labels[seed][tested] != self.healthy
        return two_classes(labels, probability, np.flatnonzero(tested), len(self.clusters))

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """(S, C) True if the whole cluster was tested and predicted correctly."""
        right: npt.NDArray[np.bool_] = (self.labels == self.predicted) & (self.labels != NOT_TESTED)
        return right

    def placed(self, seeds: Sequence[int], clusters: Sequence[str]) -> StackedCounts:
        """Return the given seeds, with the given clusters in order; those it does not have are not tested."""
        if tuple(seeds) == self.seeds and tuple(clusters) == self.clusters:
            return self
        place = {name: k for k, name in enumerate(clusters)}
        kept = [k for k, name in enumerate(self.clusters) if name in place]
        columns = [place[self.clusters[k]] for k in kept]
        rows = [self.seeds.index(seed) for seed in seeds]
        counts = np.zeros((len(rows), len(clusters), *self.counts.shape[2:]), self.counts.dtype)
        labels, predicted = (np.full(counts.shape[:2], NOT_TESTED, np.int8) for _ in range(2))
        counts[:, columns] = self.counts[np.ix_(rows, kept)]
        labels[:, columns] = self.labels[np.ix_(rows, kept)]
        predicted[:, columns] = self.predicted[np.ix_(rows, kept)]
        demented = None
        if self.demented is not None:
            demented = np.full(labels.shape, np.nan)
            demented[:, columns] = self.demented[np.ix_(rows, kept)]
        return StackedCounts(
            self.by, tuple(clusters), tuple(seeds), counts, labels, predicted, demented=demented, healthy=self.healthy
        )

    def tested(self, seeds: Sequence[int]) -> set[str]:
        """Return the clusters that any of the seeds has tested."""
        rows = [self.seeds.index(seed) for seed in seeds]
        by_any = np.any(self.labels[rows] != NOT_TESTED, axis=0)
        return {name for name, tested in zip(self.clusters, by_any.tolist(), strict=True) if tested}


def stack(seeds: Mapping[int, Sequence[SubjectCounts]]) -> StackedCounts | None:
    """Stack the counts of each seed, one for each fold; None if they differ in kind of cluster or classes."""
    every = [counts for folds in seeds.values() for counts in folds]
    if not every or len({(counts.by, counts.counts.shape[-1]) for counts in every}) > 1:
        return None
    names = tuple(sorted({name for counts in every for name in counts.names}))
    place = {name: k for k, name in enumerate(names)}
    size = every[0].counts.shape[-1]
    most = max(int(counts.counts.max(initial=0)) for counts in every) * max(map(len, seeds.values()))
    # the smallest type: by image, a thousand runs would need gigabytes as floating-point numbers
    stacked = np.zeros((len(seeds), len(names), size, size), np.min_scalar_type(most))
    labels, predicted, votes = (np.full((len(seeds), len(names)), NOT_TESTED, np.int8) for _ in range(3))
    demented = np.full(labels.shape, np.nan)
    for row, folds in enumerate(seeds.values()):
        for counts in folds:
            columns = slice(None) if counts.names == names else [place[name] for name in counts.names]
            stacked[row, columns] += counts.counts.astype(stacked.dtype)
            labels[row, columns], predicted[row, columns] = counts.labels, counts.predicted
            votes[row, columns] = NOT_TESTED if counts.votes is None else counts.votes
            demented[row, columns] = np.nan if counts.healthy is None else 1 - counts.healthy
    return StackedCounts(
        every[0].by,
        names,
        tuple(seeds),
        stacked,
        labels,
        predicted,
        None if any(counts.votes is None for counts in every) else votes,
        None if any(counts.healthy is None for counts in every) else demented,
        every[0].healthy_label or 0,
    )


def align(first: StackedCounts, second: StackedCounts) -> tuple[StackedCounts, StackedCounts] | None:
    """Return both with their common seeds and the same clusters; None if they cannot be paired, see `obstacle`."""
    return None if obstacle(first, second) else align_all([(first, second)])[0]


def align_all(pairs: Sequence[tuple[StackedCounts, StackedCounts]]) -> list[tuple[StackedCounts, StackedCounts]]:
    """Return pairs with the seeds that all have, and with one set of clusters: those that any of them has tested.

    Empty if there is no common seed.
    """
    every = [counts for pair in pairs for counts in pair]
    seeds = [seed for seed in every[0].seeds if all(seed in counts.seeds for counts in every)] if every else []
    if not seeds:
        return []
    if len({(counts.seeds, counts.clusters) for counts in every}) == 1:
        return list(pairs)
    names = sorted(set().union(*(counts.tested(seeds) for counts in every)))
    return [(first.placed(seeds, names), second.placed(seeds, names)) for first, second in pairs]


def obstacle(first: StackedCounts, second: StackedCounts) -> str:
    """Return the reason why two experiments cannot be paired; empty if they can."""
    if first.by != second.by:
        return "the subjects of the test images are known for only one of the two"
    if first.counts.shape[2:] != second.counts.shape[2:]:
        return "they have different numbers of classes"
    aligned = align_all([(first, second)])
    if not aligned:
        return "they have no common seed"
    one, two = (counts.counts.sum(-1) for counts in aligned[0])
    if np.array_equal(one, two):
        return ""
    same = np.array_equal(one.sum(-1), two.sum(-1))
    return (
        "they have different labels for the same test images"
        if same
        else ("they have different test images, or different subject names")
    )
