"""Scores over seeds: the mean of each metric, its spread and its 95 % interval.

Letters: `S` seeds, `C` clusters, `K` classes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from alzbench.evaluation.evaluate import Evaluation, examples_of
from alzbench.evaluation.intervals import Interval, Resting, clusters_of, count_resting, metric_intervals
from alzbench.evaluation.metrics import Examples, Metric, Values, metrics
from alzbench.evaluation.predictions import class_names
from alzbench.evaluation.stacked import StackedCounts, stack
from alzbench.evaluation.subject_counts import SubjectCounts

MOST_BLOCKS = 100  # more clusters are put into so many blocks, each left out as a whole: delete-a-group jackknife

Tables = Mapping[int, pd.DataFrame]  # seed -> predictions table of all its folds


@dataclass(frozen=True)
class Score:
    """A metric over the seeds of an experiment.

    Attributes:
        mean: Its mean.
        sd: Its sample standard deviation over the seeds; None for fewer than two.
        n: Number of seeds in which it is defined.
        interval: Its 95 % interval over seeds and subjects; None if it has none.
    """

    mean: float
    sd: float | None
    n: int
    interval: Interval | None = None

    @classmethod
    def over_seeds(cls, values: Iterable[float | None], interval: Interval | None = None) -> Score | None:
        """Summarise the values that are defined; None if there are none."""
        defined = [value for value in values if value is not None]
        if not defined:
            return None
        n, first = len(defined), defined[0]
        apart = [value - first for value in defined]  # so that the sd of equal values is 0; `statistics` is slow
        mean = math.fsum(apart) / n
        sd = math.sqrt(math.fsum((value - mean) ** 2 for value in apart) / (n - 1)) if n > 1 else None
        return cls(first + mean, sd, n, interval)


@dataclass(frozen=True)
class Scores:
    """The scores of an experiment, or of one run; an undefined one is absent.

    Attributes:
        by: Unit that the intervals resample: `subject`, or `image` if subjects are unknown; empty if there are no
            intervals.
        subjects: Test subjects of a seed, the smallest number if seeds differ; None if they are unknown.
        overall: Metric -> score over all classes.
        by_class: Metric -> class -> score.
    """

    by: str = ""
    subjects: int | None = None
    overall: Mapping[str, Score] = field(default_factory=dict)
    by_class: Mapping[str, Mapping[str, Score]] = field(default_factory=dict)

    def joined(self, other: Scores) -> Scores:
        """Return these scores with those of other metrics."""
        overall, by_class = {**self.overall, **other.overall}, {**self.by_class, **other.by_class}
        return replace(self, overall=overall, by_class=by_class)


def scores_over_seeds(
    evaluations: Sequence[Evaluation], counts: StackedCounts | None, classes: Sequence[str]
) -> Scores:
    """Summarise the evaluations of an experiment's seeds.

    Args:
        evaluations: One per seed.
        counts: The predictions of the same seeds, for the intervals; None: no intervals.
        classes: Class names; seeds may spell them differently, so they are taken by their position.
    """
    if counts is not None:
        counts.images.prepare(metrics(level="image", needs="counts"))
    all_by_subject = bool(evaluations) and all(evaluation.subjects is not None for evaluation in evaluations)
    overall: dict[str, Score] = {}
    for metric in metrics(per_class=False):
        if metric.level == "image" or all_by_subject:
            values = [evaluation.value(metric) for evaluation in evaluations]
            if (score := Score.over_seeds(values)) is not None:
                overall[metric.name] = replace(score, interval=_intervals(counts, metric, 1)[0])
    by_class: dict[str, dict[str, Score]] = {}
    for metric in metrics(per_class=True):
        each = [evaluation.class_values(metric) for evaluation in evaluations]
        ends = _intervals(counts, metric, len(classes))
        scores = [Score.over_seeds((values[k] for values in each), ends[k]) for k in range(len(classes))]
        by_class[metric.name] = {name: s for name, s in zip(classes, scores, strict=True) if s is not None}
    subjects = [evaluation.subjects.subjects for evaluation in evaluations if evaluation.subjects is not None]
    return Scores(counts.by if counts is not None else "", min(subjects) if all_by_subject else None, overall, by_class)


def _intervals(counts: StackedCounts | None, metric: Metric, number: int) -> list[Interval | None]:
    known: list[Interval | None] = [] if counts is None else counts.intervals(metric)
    return known if len(known) == number else [None] * number


def scores_of_run(
    seed: int, evaluation: Evaluation, counts: SubjectCounts | None, table: pd.DataFrame | None = None
) -> Scores:
    """Return the scores of one run; its intervals are over the test part alone and say nothing about other seeds.

    Args:
        seed: The run's seed.
        evaluation: Evaluation of its test part.
        counts: Its predictions by subject; None: no intervals.
        table: Its predictions with probabilities, for calibration and areas under curves with their intervals.
    """
    classes = evaluation.images.classes
    stacked = None if counts is None else stack({seed: [counts]})
    scores = scores_over_seeds([evaluation], stacked, classes)
    return scores if table is None else scores.joined(probability_scores({seed: table}))


def probability_scores(tables: Tables) -> Scores:
    """Return the metrics of image probabilities over an experiment's seeds, with intervals.

    Clusters are left out in up to MOST_BLOCKS blocks.
    """
    drawn = _Blocks.of(tables)
    overall: dict[str, Score] = {}
    by_class: dict[str, dict[str, Score]] = {}
    for metric in metrics(level="image", needs="probabilities"):
        if not metric.has_interval:
            continue  # stored with the run
        values = np.stack([metric.function(examples) for examples in drawn.seeds])
        scores = drawn.scores(metric, values)
        if metric.per_class:
            named = zip(drawn.classes, scores, strict=True)
            by_class[metric.name] = {name: score for name, score in named if score is not None}
        elif scores[0] is not None:
            overall[metric.name] = scores[0]
    return Scores(overall=overall, by_class=by_class)


@dataclass(frozen=True)
class _Blocks:
    """The predictions of all seeds, in blocks of clusters that are left out."""

    classes: list[str]
    seeds: list[Examples]
    clusters: int  # number before they were put into blocks

    @classmethod
    def of(cls, tables: Tables) -> _Blocks:
        by = "image" if any((table["subject"] == "").any() for table in tables.values()) else "subject"
        names = pd.Index(np.unique(np.concatenate([table[by].unique() for table in tables.values()])))
        blocks = min(len(names), MOST_BLOCKS)
        seeds = [
            replace(examples_of(table), group=names.get_indexer(pd.Index(table[by])) % blocks, groups=blocks)
            for table in tables.values()
        ]
        return cls(class_names(next(iter(tables.values()))), seeds, len(names))

    def scores(self, metric: Metric, values: Values) -> list[Score | None]:
        """Return the score of a metric, or one per class, from its jackknife values (S, 1 + blocks[, K])."""
        tested = np.zeros(self.seeds[0].groups, bool)
        tested[np.concatenate([examples.group for examples in self.seeds])] = True
        ends = metric_intervals(metric, values, tested, clusters_of(metric, self._resting))
        each = [values[:, 0, k] for k in range(len(self.classes))] if metric.per_class else [values[:, 0]]
        return [self._score(column, end) for column, end in zip(each, ends, strict=True)]

    def _score(self, values: Values, interval: Interval | None) -> Score | None:
        mean = float(values.mean())
        if not np.isfinite(mean):
            return None
        spread = Score.over_seeds(values.tolist())
        whole = replace(interval, clusters=self.clusters) if interval else None  # blocks stand for the clusters in them
        return replace(spread, mean=mean, interval=whole) if spread else None

    @cached_property
    def _resting(self) -> Resting:
        """The number of blocks that metrics rest on."""
        shape = self.seeds[0].groups, len(self.classes)
        true, predicted = np.zeros(shape, bool), np.zeros(shape, bool)
        for examples in self.seeds:
            true[examples.group, examples.labels] = True
            predicted[examples.group, examples.predicted] = True
        return count_resting(true, predicted, int(true.any(1).sum()))
