"""How sure scores are: those of one run, or of the repetitions of an experiment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alzbench.compare.answers import NOT_TESTED, Answers, read_counts, stack
from alzbench.compare.areas import roc_auc
from alzbench.compare.intervals import (
    Figure,
    Interval,
    accuracy,
    balanced_accuracy,
    f1_of,
    from_left_out,
    intervals,
    macro_f1,
)
from alzbench.store import Run

_FIGURES: dict[str, Figure] = {"accuracy": accuracy, "balanced_accuracy": balanced_accuracy, "macro_f1": macro_f1}


def score_intervals(answers: Answers | None, classes: Sequence[str]) -> dict[str, Interval]:
    """Return accuracy, balanced_accuracy, macro_f1 and each f1_<class> with 95 % intervals; without those undefined."""
    if answers is None:
        return {}
    return intervals(answers.sample, _FIGURES | {f"f1_{name}": f1_of(label) for label, name in enumerate(classes)})


def subject_intervals(answers: Answers | None) -> dict[str, Interval]:
    """Return the 95 % intervals of the scores by subject, by their names in `rows.SubjectScores`.

    Without those that are not defined, whose answers older versions have not stored, or where subjects are not known.
    """
    if answers is None or answers.by != "subject":
        return {}
    found = intervals(answers.wholes, _FIGURES)
    if (voted := answers.voted) is not None:
        found |= intervals(voted, {"vote_accuracy": accuracy})
    if (two_way := answers.two_way) is not None:
        found |= intervals(two_way, {"demented_accuracy": accuracy})
    area = _two_way_area(answers)
    return found | ({"demented_auc": area} if area is not None else {})


def _two_way_area(answers: Answers) -> Interval | None:
    """Return the area under the ROC curve of the two-way question, the scores being those of whole subjects."""
    if answers.demented is None:
        return None
    tested, truth = answers.labels != NOT_TESTED, answers.labels > 0
    places = np.arange(tested.shape[1])
    values = [
        roc_auc(of[there], true[there], places[there], len(places))
        for of, true, there in zip(answers.demented, truth, tested, strict=True)
    ]
    sides = ((tested & side).any(0).sum() for side in (truth, ~truth))
    return from_left_out(np.array(values), tested.any(0), int(min(sides)))


@dataclass(frozen=True)
class RunIntervals:
    """The 95 % intervals of one run, over the test part alone: it says nothing about other seeds.

    Attributes:
        by: What they resample: `subject` or `image`.
        scores: See `score_intervals`.
        by_subject: See `subject_intervals`.
    """

    by: str
    scores: dict[str, Interval]
    by_subject: dict[str, Interval]


def run_intervals(run: Run) -> RunIntervals:
    """Return the intervals of a complete run.

    Raises:
        DataError: The run's files are damaged.
    """
    counts = read_counts(run)
    if counts is None:
        return RunIntervals("image", {}, {})
    answers = stack({run.card.seed: [counts]})
    classes = list(run.metrics["test"]["per_class"])
    return RunIntervals(counts.by, score_intervals(answers, classes), subject_intervals(answers))
