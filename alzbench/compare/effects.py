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
    found = []
    for change, candidates in _candidates(answers, levels).items():
        matched = [(answers[a], answers[b]) for a, b in candidates if not obstacle(answers[a], answers[b])]
        # of one set of subjects, or a subject would be averaged with another one
        pairs = [(first.sample, second.sample) for first, second in align_all(matched)]
        if pairs:
            changes = (mean_difference(pairs, figure) for figure in (accuracy, macro_f1))
            found.append(Effect(*change, len(pairs), *changes))
    return tuple(found)


def left_out_pairs(answers: Mapping[str, Answers], levels: Mapping[str, Levels]) -> tuple[str, ...]:
    """Return a sentence about each pair of experiments, or all pairs of a level, that no effect is computed from."""
    found = []
    for (factor, level), candidates in _candidates(answers, levels).items():
        reasons = {pair: obstacle(*(answers[name] for name in pair)) for pair in candidates}
        of_level = f"effect of {factor}: {level}"
        found += [f"{of_level}: without {b} against {a}, as {why}" for (a, b), why in reasons.items() if why]
        matched = [(answers[a], answers[b]) for (a, b), why in reasons.items() if not why]
        if matched and not align_all(matched):
            found.append(f"{of_level}: not computed, as its pairs of experiments have no seed in common")
    return tuple(found)


def _candidates(
    answers: Mapping[str, Answers], levels: Mapping[str, Levels]
) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """Return, for each level of a factor, the experiments that differ in it alone: without it, and with it."""
    names = {on: name for name, on in levels.items() if name in answers}
    return {
        change: [
            (without, name) for on, name in names.items() if change in on and (without := names.get(on - {change}))
        ]
        for change in sorted({level for on in names for level in on})
    }
