"""How sure scores are: those of one run, or of the repetitions of an experiment."""

from __future__ import annotations

from collections.abc import Sequence

from alzbench.compare.answers import Answers, read_counts, stack
from alzbench.compare.intervals import (
    Figure,
    Interval,
    accuracy,
    balanced_accuracy,
    f1_of,
    intervals,
    macro_f1,
)
from alzbench.store import Run


def score_intervals(answers: Answers | None, classes: Sequence[str]) -> dict[str, Interval]:
    """Return accuracy, balanced_accuracy, macro_f1 and each f1_<class> with 95 % intervals; without those undefined."""
    if answers is None:
        return {}
    figures: dict[str, Figure] = {"accuracy": accuracy, "balanced_accuracy": balanced_accuracy, "macro_f1": macro_f1}
    return intervals(answers.sample, figures | {f"f1_{name}": f1_of(label) for label, name in enumerate(classes)})


def run_intervals(run: Run) -> tuple[dict[str, Interval], str]:
    """Return the intervals of a complete run, see `score_intervals`, and what they are over: `subject` or `image`.

    They are over the test part alone: one run says nothing about other seeds.

    Raises:
        DataError: The run's files are damaged.
    """
    counts = read_counts(run)
    if counts is None:
        return {}, "image"
    answers = stack({run.card.seed: [counts]})
    return score_intervals(answers, list(run.metrics["test"]["per_class"])), counts.by
