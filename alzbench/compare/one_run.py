"""How sure the scores of one run are."""

from __future__ import annotations

from alzbench.compare.answers import read_counts, stack
from alzbench.compare.intervals import Figure, Interval, accuracy, balanced_accuracy, f1_of, intervals, macro_f1
from alzbench.store import Run

F1 = "f1/"  # in front of a class
_FIGURES: dict[str, Figure] = {"accuracy": accuracy, "balanced_accuracy": balanced_accuracy, "macro_f1": macro_f1}


def run_intervals(run: Run) -> tuple[dict[str, Interval], str]:
    """Return the 95 % intervals of a complete run's test scores, and what they are over: `subject` or `image`.

    By `accuracy`, `balanced_accuracy`, `macro_f1` and `f1/<class>`; without those that have none. They are over the
    test part alone: one run says nothing about other seeds.

    Raises:
        DataError: The run's files are damaged.
    """
    counts = read_counts(run)
    answers = None if counts is None else stack({run.card.seed: [counts]})
    if counts is None or answers is None:
        return {}, "image"
    classes = run.metrics["test"]["per_class"]
    figures = {**_FIGURES, **{F1 + name: f1_of(label) for label, name in enumerate(classes)}}
    return intervals(answers.counts, figures), counts.by
