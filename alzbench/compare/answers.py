"""What repetitions answered, stacked: the form in which figures and their uncertainty are computed.

Letters: `S` repetitions (seeds), `C` clusters (subjects; single images where subjects are not known), `K` classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from alzbench.compare.intervals import Sample
from alzbench.errors import DataError
from alzbench.evaluation.subject_counts import SubjectCounts, count_subjects
from alzbench.store import Run

NOT_TESTED = -1
HALF = 0.5


@dataclass(frozen=True)
class Answers:
    """The answers of the repetitions of one experiment.

    Attributes:
        by: What a cluster is: `subject` or `image`.
        clusters: (C,) names.
        seeds: (S,) the repetitions' seeds.
        counts: (S, C, K, K) images of each cluster by true and predicted class, of the smallest type that holds them;
            0 where it was not tested.
        labels, answered: (S, C) class of the cluster as a whole, and the one answered; `NOT_TESTED` where it was not.
        votes: (S, C) the one answered where its images vote; None where older versions have not stored it.
        demented: (S, C) mean probability of any class but the first, NaN where it was not tested; None likewise.
    """

    by: str
    clusters: tuple[str, ...]
    seeds: tuple[int, ...]
    counts: npt.NDArray[np.unsignedinteger]
    labels: npt.NDArray[np.int8]
    answered: npt.NDArray[np.int8]
    votes: npt.NDArray[np.int8] | None = None
    demented: npt.NDArray[np.float64] | None = None

    @cached_property
    def sample(self) -> Sample:
        """The counts as intervals are computed from them; what they need is computed once."""
        return Sample(self.counts)

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """(S, C) whether a cluster as a whole was tested and answered right."""
        right: npt.NDArray[np.bool_] = (self.labels == self.answered) & (self.labels != NOT_TESTED)
        return right

    @property
    def wholes(self) -> Sample:
        """The answers about whole clusters, each of which counts as one image."""
        return self._once(self.labels, self.answered, self.counts.shape[-1])

    @property
    def voted(self) -> Sample | None:
        """The same where the images of a cluster vote."""
        return None if self.votes is None else self._once(self.labels, self.votes, self.counts.shape[-1])

    @property
    def two_way(self) -> Sample | None:
        """The same of the question whether a cluster has the first class (healthy) or any other."""
        if self.demented is None:
            return None
        return self._once((self.labels > 0).astype(np.int8), (self.demented > HALF).astype(np.int8), 2)

    def _once(self, labels: npt.NDArray[np.int8], answered: npt.NDArray[np.int8], size: int) -> Sample:
        counts = np.zeros((*self.labels.shape, size, size), np.uint8)
        row, column = np.nonzero(self.labels != NOT_TESTED)
        counts[row, column, labels[row, column], answered[row, column]] = 1
        return Sample(counts)

    def placed(self, seeds: Sequence[int], clusters: Sequence[str]) -> Answers:
        """Return some of the repetitions, with clusters in places that may be more than its own."""
        if tuple(seeds) == self.seeds and tuple(clusters) == self.clusters:
            return self
        place = {name: k for k, name in enumerate(clusters)}
        kept = [k for k, name in enumerate(self.clusters) if name in place]
        columns = [place[self.clusters[k]] for k in kept]
        rows = [self.seeds.index(seed) for seed in seeds]
        counts = np.zeros((len(rows), len(clusters), *self.counts.shape[2:]), self.counts.dtype)
        labels, answered = (np.full(counts.shape[:2], NOT_TESTED, np.int8) for _ in range(2))
        counts[:, columns] = self.counts[np.ix_(rows, kept)]
        labels[:, columns], answered[:, columns] = self.labels[np.ix_(rows, kept)], self.answered[np.ix_(rows, kept)]
        return Answers(self.by, tuple(clusters), tuple(seeds), counts, labels, answered)

    def tested(self, seeds: Sequence[int]) -> set[str]:
        """Return the clusters that some of the repetitions have tested."""
        rows = [self.seeds.index(seed) for seed in seeds]
        there = np.any(self.labels[rows] != NOT_TESTED, axis=0)
        return {name for name, tested in zip(self.clusters, there.tolist(), strict=True) if tested}


def stack(repetitions: Mapping[int, Sequence[SubjectCounts]]) -> Answers | None:
    """Stack the counts of each seed, one for each fold; None where their clusters or classes are not the same kind."""
    every = [counts for folds in repetitions.values() for counts in folds]
    if not every or len({(counts.by, counts.counts.shape[-1]) for counts in every}) > 1:
        return None
    names = tuple(sorted({name for counts in every for name in counts.names}))
    place = {name: k for k, name in enumerate(names)}
    size = every[0].counts.shape[-1]
    most = max(int(counts.counts.max(initial=0)) for counts in every) * max(map(len, repetitions.values()))
    # as small as can be: of single images, a thousand runs are gigabytes as floating-point numbers
    stacked = np.zeros((len(repetitions), len(names), size, size), np.min_scalar_type(most))
    labels, answered, votes = (np.full((len(repetitions), len(names)), NOT_TESTED, np.int8) for _ in range(3))
    demented = np.full(labels.shape, np.nan)
    for row, folds in enumerate(repetitions.values()):
        for counts in folds:
            columns = slice(None) if counts.names == names else [place[name] for name in counts.names]
            stacked[row, columns] += counts.counts.astype(stacked.dtype)
            labels[row, columns], answered[row, columns] = counts.labels, counts.answers
            votes[row, columns] = NOT_TESTED if counts.votes is None else counts.votes
            demented[row, columns] = np.nan if counts.healthy is None else 1 - counts.healthy
    return Answers(
        every[0].by,
        names,
        tuple(repetitions),
        stacked,
        labels,
        answered,
        None if any(counts.votes is None for counts in every) else votes,
        None if any(counts.healthy is None for counts in every) else demented,
    )


def align(first: Answers, second: Answers) -> tuple[Answers, Answers] | None:
    """Return both with their common seeds and the same clusters; None where they cannot be paired, see `obstacle`."""
    return None if obstacle(first, second) else align_all([(first, second)])[0]


def align_all(pairs: Sequence[tuple[Answers, Answers]]) -> list[tuple[Answers, Answers]]:
    """Return pairs with the seeds that all of them have and with one set of clusters: those that any of them tested.

    Empty where no seed is common to all.
    """
    every = [answers for pair in pairs for answers in pair]
    seeds = [seed for seed in every[0].seeds if all(seed in answers.seeds for answers in every)] if every else []
    if not seeds:
        return []
    if len({(answers.seeds, answers.clusters) for answers in every}) == 1:
        return list(pairs)
    names = sorted(set().union(*(answers.tested(seeds) for answers in every)))
    return [(first.placed(seeds, names), second.placed(seeds, names)) for first, second in pairs]


def obstacle(first: Answers, second: Answers) -> str:
    """Return why two experiments cannot be paired; empty where they can."""
    if first.by != second.by:
        return "the subjects of the test images are known for one of the two only"
    if first.counts.shape[2:] != second.counts.shape[2:]:
        return "they have different numbers of classes"
    aligned = align_all([(first, second)])
    if not aligned:
        return "they have no seed in common"
    one, two = (answers.sample.truth for answers in aligned[0])
    if np.array_equal(one, two):
        return ""
    same = np.array_equal(one.sum(-1), two.sum(-1))
    return (
        "they have other labels for the same test images"
        if same
        else "they have other test images, or other names of their subjects"
    )


def read_counts(run: Run) -> SubjectCounts | None:
    """Return a run's answers by subject, from its file, or from its predictions where it is of an older version."""
    try:
        return SubjectCounts.from_json(run.json("subjects.json"))
    except FileNotFoundError:
        pass
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(f"{run.path / 'subjects.json'} is damaged ({error}); remove it, or run it again.") from None
    if not (run.path / "predictions.csv").is_file():
        return None
    return count_subjects(run.predictions())
