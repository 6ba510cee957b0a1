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


def effects(answers: Mapping[str, Answers], levels: Mapping[str, Levels]) -> tuple[tuple[Effect, ...], tuple[str, ...]]:
    """Return the effect of each level that experiments differ in alone.

    Args:
        answers: Those of each experiment, by its name.
        levels: The levels that are on in each experiment of the study.

    Returns:
        The effects, and a sentence about each pair of experiments, or all pairs of a level, that is left out.
    """
    found: list[Effect] = []
    without: list[str] = []
    for (factor, level), candidates in _candidates(answers, levels).items():
        of_level = f"effect of {factor}: {level}"
        reasons = _reasons({(a, b): (answers[a], answers[b]) for a, b in candidates})
        without += [f"{of_level}: without {b} against {a}, as {why}" for (a, b), why in reasons.items() if why]
        matched = [(answers[a], answers[b]) for (a, b), why in reasons.items() if not why]
        # of one set of subjects, or a subject would be averaged with another one
        pairs = [(first.sample, second.sample) for first, second in align_all(matched)]
        if pairs:
            changes = (mean_difference(pairs, figure) for figure in (accuracy, macro_f1))
            found.append(Effect(factor, level, len(pairs), *changes))
        elif matched:
            without.append(f"{of_level}: not computed, as its pairs of experiments have no seed in common")
    return tuple(found), tuple(without)


def _reasons(pairs: Mapping[tuple[str, str], tuple[Answers, Answers]]) -> dict[tuple[str, str], str]:
    """Return why each pair cannot be averaged with the others; empty where it can."""
    reasons = {names: obstacle(*pair) for names, pair in pairs.items()}
    known = {names for names, (first, _) in pairs.items() if not reasons[names] and first.by == "subject"}
    unlike = "the subjects of their test images are not known, and those of other pairs are"
    return {names: why or (unlike if known and names not in known else "") for names, why in reasons.items()}


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
