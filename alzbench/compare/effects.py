"""Effects of a study's factors: the change with one level, all else equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alzbench.evaluation.differences import mean_difference, paired_metrics
from alzbench.evaluation.intervals import Interval, Jackknife
from alzbench.evaluation.stacked import StackedCounts, align_all, obstacle

Levels = frozenset[tuple[str, str]]  # (factor, level) pairs that are on in an experiment


@dataclass(frozen=True)
class Effect:
    """The mean change from the base's level of a factor to another.

    Attributes:
        factor, level: The factor and its level.
        pairs: Number of pairs of experiments that differ in this level only.
        changes: Metric -> mean paired change with its interval; None if there are too few test subjects.
    """

    factor: str
    level: str
    pairs: int
    changes: Mapping[str, Interval | None]


def effects(
    counts: Mapping[str, StackedCounts], levels: Mapping[str, Levels]
) -> tuple[tuple[Effect, ...], tuple[str, ...]]:
    """Return the effect of each level, over the pairs of experiments that differ in this level only.

    Args:
        counts: The predictions of each experiment, by its name.
        levels: The levels that are on in each experiment of the study.

    Returns:
        The effects, and a sentence about each pair of experiments, or all pairs of a level, that is left out.
    """
    known: list[Effect] = []
    without: list[str] = []
    for (factor, level), candidates in _candidates(counts, levels).items():
        name = f"effect of {factor}: {level}"
        reasons = _reasons({(a, b): (counts[a], counts[b]) for a, b in candidates})
        without += [
            f"{name}: the pair {a} and {b} is left out, because {why}" for (a, b), why in reasons.items() if why
        ]
        matched = [(counts[a], counts[b]) for (a, b), why in reasons.items() if not why]
        # align all pairs on one set of subjects, or different subjects would be averaged
        pairs = [(first.images, second.images) for first, second in align_all(matched)]
        if pairs:
            known.append(Effect(factor, level, len(pairs), _changes(pairs)))
        elif matched:
            without.append(f"{name}: not computed, because its pairs of experiments have no common seed")
    return tuple(known), tuple(without)


def _changes(pairs: Sequence[tuple[Jackknife, Jackknife]]) -> dict[str, Interval | None]:
    return {metric.name: mean_difference(pairs, metric) for metric in paired_metrics()}


def _reasons(pairs: Mapping[tuple[str, str], tuple[StackedCounts, StackedCounts]]) -> dict[tuple[str, str], str]:
    """Return the reason why each pair cannot be averaged with the others; empty if it can."""
    reasons = {names: obstacle(*pair) for names, pair in pairs.items()}
    known = {names for names, (first, _) in pairs.items() if not reasons[names] and first.by == "subject"}
    unlike = "the subjects of its test images are unknown, but those of other pairs are known"
    return {names: why or (unlike if known and names not in known else "") for names, why in reasons.items()}


def _candidates(
    counts: Mapping[str, StackedCounts], levels: Mapping[str, Levels]
) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """Return, for each level of a factor, the pairs of experiments that differ in it only: without and with it."""
    names = {on: name for name, on in levels.items() if name in counts}
    return {
        change: [
            (without, name) for on, name in names.items() if change in on and (without := names.get(on - {change}))
        ]
        for change in sorted({level for on in names for level in on})
    }
