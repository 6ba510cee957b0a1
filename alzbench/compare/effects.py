"""Effects of a study's factors: what changes with one level, all else held equal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from alzbench.compare.answers import Answers, align_all, obstacle
from alzbench.compare.intervals import Interval, accuracy, macro_f1, mean_difference

Levels = frozenset[tuple[str, str]]  # (factor, level) pairs that are on in an experiment


@dataclass(frozen=True)
class Effect:
    """The mean change from the base's level of a factor to another.

    Attributes:
        factor, level: Which.
        pairs: Pairs of experiments that differ in it alone.
        accuracy, macro_f1: Mean paired change with its interval; None where there are too few test subjects.
    """

    factor: str
    level: str
    pairs: int
    accuracy: Interval | None
    macro_f1: Interval | None


def effects(answers: Mapping[str, Answers], levels: Mapping[str, Levels]) -> tuple[Effect, ...]:
    """Return the effect of each level that experiments differ in alone.

    Args:
        answers: Those of each experiment, by its name.
        levels: The levels that are on in each experiment of the study.
    """
    by_levels = {on: answers[name] for name, on in levels.items() if name in answers}
    found = []
    for change in sorted({pair for on in by_levels for pair in on}):
        matched = [
            (without, with_it)
            for on, with_it in by_levels.items()
            if change in on and (without := by_levels.get(on - {change})) and not obstacle(without, with_it)
        ]
        # of one set of subjects, or a subject would be averaged with another one
        pairs = [(first.sample, second.sample) for first, second in align_all(matched)]
        if pairs:
            changes = (mean_difference(pairs, figure) for figure in (accuracy, macro_f1))
            found.append(Effect(*change, len(pairs), *changes))
    return tuple(found)
