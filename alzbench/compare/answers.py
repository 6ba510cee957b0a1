"""What repetitions answered, stacked: the form in which figures and their uncertainty are computed.

Letters: `S` repetitions (seeds), `C` clusters (subjects; single images where subjects are not known), `K` classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from alzbench.errors import DataError
from alzbench.evaluation.subject_counts import SubjectCounts, count_subjects
from alzbench.store import Run

NOT_TESTED = -1


@dataclass(frozen=True)
class Answers:
    """The answers of the repetitions of one experiment.

    Attributes:
        by: What a cluster is: `subject` or `image`.
        clusters: (C,) names.
        seeds: (S,) the repetitions' seeds.
        counts: (S, C, K, K) images of each cluster by true and predicted class; 0 where it was not tested.
        right: (S, C) whether the cluster as a whole was answered right, 1 or 0; `NOT_TESTED` where it was not tested.
    """

    by: str
    clusters: tuple[str, ...]
    seeds: tuple[int, ...]
    counts: npt.NDArray[np.float64]
    right: npt.NDArray[np.int64]

    def of_seeds(self, seeds: Sequence[int]) -> Answers:
        """Return some of the repetitions."""
        rows = [self.seeds.index(seed) for seed in seeds]
        return Answers(self.by, self.clusters, tuple(seeds), self.counts[rows], self.right[rows])


def stack(repetitions: Mapping[int, Sequence[SubjectCounts]]) -> Answers | None:
    """Stack the counts of each seed, one for each fold; None where their clusters or classes are not the same kind."""
    every = [counts for folds in repetitions.values() for counts in folds]
    if not every or len({(counts.by, counts.counts.shape[-1]) for counts in every}) > 1:
        return None
    names = sorted({name for counts in every for name in counts.names})
    place = {name: k for k, name in enumerate(names)}
    size = every[0].counts.shape[-1]
    stacked = np.zeros((len(repetitions), len(names), size, size))
    right = np.full((len(repetitions), len(names)), NOT_TESTED, np.int64)
    for row, folds in enumerate(repetitions.values()):
        for counts in folds:
            columns = [place[name] for name in counts.names]
            stacked[row, columns] += counts.counts
            right[row, columns] = counts.labels == counts.answers
    return Answers(every[0].by, tuple(names), tuple(repetitions), stacked, right)


def align(first: Answers, second: Answers) -> tuple[Answers, Answers] | None:
    """Return both with their common seeds and the same clusters.

    None where they share no seed, or their test images have other labels: those of the sanity row with shuffled ones.
    """
    seeds = [seed for seed in first.seeds if seed in second.seeds]
    if not seeds or first.by != second.by or first.counts.shape[2:] != second.counts.shape[2:]:
        return None
    names = sorted({*first.clusters, *second.clusters})  # either may have tested more, with other seeds
    both = _with_clusters(first.of_seeds(seeds), names), _with_clusters(second.of_seeds(seeds), names)
    return both if np.array_equal(both[0].counts.sum(-1), both[1].counts.sum(-1)) else None


def _with_clusters(answers: Answers, names: Sequence[str]) -> Answers:
    place = {name: k for k, name in enumerate(names)}
    columns = [place[name] for name in answers.clusters]
    counts = np.zeros((len(answers.seeds), len(names), *answers.counts.shape[2:]))
    right = np.full((len(answers.seeds), len(names)), NOT_TESTED, np.int64)
    counts[:, columns], right[:, columns] = answers.counts, answers.right
    return replace(answers, clusters=tuple(names), counts=counts, right=right)


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
