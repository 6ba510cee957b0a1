"""A row of a comparison: what an experiment scored over its complete seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from alzbench.compare.answers import Answers, stack
from alzbench.compare.intervals import Interval
from alzbench.compare.one_run import score_intervals, subject_intervals
from alzbench.compare.references import Reference
from alzbench.compare.repetitions import Repetition, complete_repetitions
from alzbench.store import Run


@dataclass(frozen=True)
class Spread:
    """A figure over the seeds of an experiment.

    Attributes:
        mean: Its mean.
        sd: Its sample standard deviation over the seeds; None for fewer than two.
        n: Number of seeds for which it is defined.
    """

    mean: float
    sd: float | None
    n: int

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Spread | None:
        """Summarise the values that are defined; None where none is."""
        defined = [value for value in values if value is not None]
        if not defined:
            return None
        n, first = len(defined), defined[0]
        apart = [value - first for value in defined]  # so that equal values do not deviate; `statistics` is slow
        mean = math.fsum(apart) / n
        sd = math.sqrt(math.fsum((value - mean) ** 2 for value in apart) / (n - 1)) if n > 1 else None
        return cls(first + mean, sd, n)


@dataclass(frozen=True)
class SubjectScores:
    """An experiment's scores when each subject is classified once, from the mean of its slices' probabilities.

    Attributes:
        subjects: Test subjects a seed; the smallest where the seeds differ.
        accuracy, balanced_accuracy, macro_f1: Over subjects.
        vote_accuracy: Accuracy when the slices vote instead.
        demented_accuracy, demented_auc: The two-way question, healthy or not; the area under the ROC curve.
        intervals: Each of them -> 95 % interval over seeds and subjects; without those that are not defined.
    """

    subjects: int
    accuracy: Spread | None
    balanced_accuracy: Spread | None
    macro_f1: Spread | None
    vote_accuracy: Spread | None
    demented_accuracy: Spread | None
    demented_auc: Spread | None
    intervals: dict[str, Interval] = field(default_factory=dict)


@dataclass(frozen=True)
class ExperimentRow:
    """An experiment's complete seeds, and the runs that are not.

    Attributes:
        label: The experiment's name, with a hash of its settings where two settings share the name.
        description: The experiment's line about itself.
        sanity: Whether it is a sanity row.
        leaks: What its training has seen of the test images, for the first seed; empty where nothing.
        seeds: Seeds of which every fold is complete.
        accuracy, balanced_accuracy, macro_f1: On the test part, all folds of a seed together; None while no seed is
            complete.
        f1: F1 of each class, in the group's order; None where undefined.
        by: What the intervals resample: `subject`, or `image` where subjects are not known; empty where there are none.
        intervals: accuracy, balanced_accuracy, macro_f1 and each f1_<class> -> 95 % interval over seeds and subjects;
            without those that are not defined.
        by_subject: The scores by subject; None where a test image's subject is not known.
        difference: Accuracy less each reference's, by its name.
        left_out: A sentence about each complete run that does not count.
        unfinished: Runs that failed or were interrupted, as ``name: state``.
        folders: Of the runs that are counted.
        unpaired: Why it is not compared with the baseline, where it is not; empty for the baseline.
    """

    label: str
    description: str
    sanity: bool
    leaks: str
    seeds: tuple[int, ...]
    accuracy: Spread | None
    balanced_accuracy: Spread | None
    macro_f1: Spread | None
    f1: tuple[Spread | None, ...]
    by: str
    intervals: dict[str, Interval]
    by_subject: SubjectScores | None
    difference: dict[str, float]
    left_out: tuple[str, ...]
    unfinished: tuple[str, ...]
    folders: tuple[str, ...]
    unpaired: str = ""


@dataclass(frozen=True)
class Experiment:
    """An experiment's runs, and what is read of them once.

    Attributes:
        runs: All of them, oldest first.
        repetitions: Its complete seeds, without their counts.
        answers: Those of all complete seeds; None where they are not stored, or not of one kind.
        left_out: A sentence about each complete run that does not count.
    """

    runs: tuple[Run, ...]
    repetitions: tuple[Repetition, ...]
    answers: Answers | None
    left_out: tuple[str, ...]

    @classmethod
    def of(cls, runs: Sequence[Run]) -> Experiment:
        """Read the runs of one experiment."""
        found, left_out = complete_repetitions(runs)
        known = {repetition.seed: repetition.counts for repetition in found}
        stacked = {seed: counts for seed, counts in known.items() if counts is not None}
        # stacked they take a third of the memory
        light = tuple(replace(repetition, counts=None) for repetition in found)
        return cls(tuple(runs), light, stack(stacked) if len(stacked) == len(known) else None, tuple(left_out))


def make_row(
    label: str, experiment: Experiment, classes: Sequence[str], references: Sequence[Reference]
) -> ExperimentRow:
    """Summarise an experiment over its complete seeds.

    Args:
        label: What tables call it.
        experiment: It.
        classes: The group's class names.
        references: Published results that it is set beside.
    """
    repetitions, first = experiment.repetitions, experiment.runs[0].card
    tests = [repetition.test for repetition in repetitions]
    accuracy = Spread.of(test["accuracy"] for test in tests)
    return ExperimentRow(
        label=label,
        description=first.description,
        sanity=first.sanity,
        leaks=next((run.card.leaks for run in experiment.runs if run.card.leaks), ""),
        seeds=tuple(repetition.seed for repetition in repetitions),
        accuracy=accuracy,
        balanced_accuracy=Spread.of(test["balanced_accuracy"] for test in tests),
        macro_f1=Spread.of(test["macro_f1"] for test in tests),
        # by position: runs on the same images may spell the classes differently
        f1=tuple(Spread.of(list(test["per_class"].values())[k]["f1"] for test in tests) for k in range(len(classes))),
        by=experiment.answers.by if experiment.answers else "",
        intervals=score_intervals(experiment.answers, classes),
        by_subject=_subject_scores([repetition.by_subject for repetition in repetitions], experiment.answers),
        # a sanity row is no attempt at the published figure
        difference={r.name: accuracy.mean - r.accuracy for r in references} if accuracy and not first.sanity else {},
        left_out=experiment.left_out,
        unfinished=tuple(f"{run.name}: {run.card.state}" for run in experiment.runs if run.card.state != "complete"),
        folders=tuple(str(run.path) for repetition in repetitions for run in repetition.runs),
    )


def _subject_scores(repetitions: Sequence[dict[str, Any] | None], answers: Answers | None) -> SubjectScores | None:
    known = [scores for scores in repetitions if scores is not None]
    if not known or len(known) < len(repetitions):
        return None
    scores = SubjectScores(
        subjects=min(scores["subjects"] for scores in known),
        accuracy=Spread.of(scores["mean"]["accuracy"] for scores in known),
        balanced_accuracy=Spread.of(scores["mean"]["balanced_accuracy"] for scores in known),
        macro_f1=Spread.of(scores["mean"]["macro_f1"] for scores in known),
        vote_accuracy=Spread.of(scores["vote"]["accuracy"] for scores in known),
        demented_accuracy=Spread.of(scores["demented"]["accuracy"] for scores in known),
        demented_auc=Spread.of(scores["demented"]["roc_auc"] for scores in known),
    )
    # answers without probabilities have no area, though one could be computed from them
    found = subject_intervals(answers)
    return replace(scores, intervals={name: of for name, of in found.items() if getattr(scores, name) is not None})
