"""Warnings and notes beside the scores, in the same words in every format."""

from __future__ import annotations

from collections.abc import Sequence

from alzbench.compare import AgainstAtrophy, ExperimentRow, Group, Pair
from alzbench.data.leakage import NOT_EXCLUDED
from alzbench.evaluation.intervals import FEWEST_CLUSTERS
from alzbench.evaluation.metrics import ACCURACY, CLASS_HEADLINE, DEMENTED_AUC
from alzbench.evaluation.significance import MOST
from alzbench.report.columns import worded
from alzbench.store import Card

DEMO = "DEMO on synthetic images: the scores say nothing about patients."
NO_LEAK = "no leakage found"

FEW = f"No interval is given if a class has fewer than {FEWEST_CLUSTERS} test subjects, or none in a seed."
PUBLISHED = (
    "The published score is one number with a test size. Its interval assumes independent images, which is not true, "
    "and ignores seeds. So the difference to it has no interval and no p-value."
)


def row_name(group: Group, row: ExperimentRow) -> str:
    """Return a row's name, marked if it differs from the rows beside it."""
    marks = []
    if group.leaks_differ and row.seeds and not row.sanity:
        marks.append(leak_mark(row.leaks) or "no leak")
    marks += ["by image"] if group.clusters_differ and row.by == "image" else []
    return f"{row.label} [{', '.join(marks)}]" if marks else row.label


def leak_mark(leaks: str) -> str:
    """Return the train/test leakage in two words, see `store.Card`; empty if there is none."""
    return "leaks unknown" if leaks.startswith(NOT_EXCLUDED) else "leaky" if leaks else ""


def leak_warning(leaks: str) -> str:
    """Return the train/test leakage as a sentence; empty if there is none."""
    if not leaks:
        return ""
    return f"Train/test leakage: {leaks}." if leak_mark(leaks) == "leaky" else f"{leaks[:1].upper()}{leaks[1:]}."


def run_warnings(card: Card) -> tuple[str, ...]:
    """Return the warnings about the scores of a run."""
    return warnings(card.demo, leak_warning(card.leaks))


def group_warnings(group: Group) -> tuple[str, ...]:
    """Return the warnings about the scores of a group; with the leakage of each row if rows differ in it."""
    if not group.leaks_differ:
        return warnings(group.demo, leak_warning(group.leaks))
    rows = [row for row in group.rows if row.seeds and not row.sanity]
    first = "Do not compare these rows, because their train/test leakage differs:"
    return warnings(group.demo, first, *(f"{row.label}: {row.leaks or NO_LEAK}." for row in rows))


def warnings(demo: bool, *others: str) -> tuple[str, ...]:
    """Return warnings without the empty ones, the one about synthetic images first."""
    return tuple(text for text in (DEMO if demo else "", *others) if text)


def group_notes(group: Group) -> tuple[str, ...]:
    """Return notes on runs that do not count, are not paired, or have less certain scores, with the reasons."""
    notes = [text for row in group.rows for text in row.left_out]
    notes += [f"{row.label}: {row.unpaired}" for row in group.rows if row.unpaired]
    notes += [text for row in group.rows for text in _untested(row)]
    notes += group.effects_without
    if by_image := [row.label for row in group.rows if row.by == "image"]:
        names = ", ".join(by_image)
        notes.append(
            f"By image, because subjects are unknown: {names}; intervals and p-values assume independent images"
        )
    notes += [f"Not complete: {text}" for row in group.rows for text in row.unfinished]
    return tuple(
        text for text in (atrophy_note(group), needed_note(group), FEW, PUBLISHED if group.references else "") if text
    ) + tuple(f"{note}." for note in notes)


def _untested(row: ExperimentRow) -> list[str]:
    """Return a note for each class that some seeds of a row do not test."""
    n, metric = len(row.seeds), CLASS_HEADLINE
    return [
        f"{row.label}: {metric.label} of {name} is a mean over {score.n} of {n} seeds, because the others have no test "
        "image of this class; a mean over classes uses the classes that each seed has"
        for name, score in row.class_scores.get(metric.name, {}).items()
        if score.n < n
    ]


def reference_sources(group: Group) -> tuple[str, ...]:
    """Return the sources of the published scores."""
    names = ", ".join(f"{r.name} ({r.source.rstrip('.')})" for r in group.references)
    return (f"Published: {names}.",) if names else ()


def atrophy_note(group: Group) -> str:
    """Return which experiments beat the area of the untrained dark share, and which do not; empty if it was not run."""
    if not group.atrophy:
        return ""
    untrained = group.atrophy[0].untrained
    beat, others = ([_change(found) for found in group.atrophy if found.beats is side] for side in (True, False))
    auc = worded(DEMENTED_AUC, group.classes, group.healthy).label
    parts = [f"it is beaten by {', '.join(beat)}"] if beat else []
    parts += [f"it is not shown to be beaten by {', '.join(others)}"] if others else []
    return (
        f"Against the untrained {untrained}, {auc} by subject, paired, with 95 % intervals that are not "
        f"corrected for their number: {'; '.join(parts)}."
    )


def _change(found: AgainstAtrophy) -> str:
    interval, digits = found.difference.interval, DEMENTED_AUC.digits
    ends = f"{interval.low:+.{digits}f} to {interval.high:+.{digits}f}"
    return f"{found.other} ({interval.value:+.{digits}f}, {ends})"


def needed_note(group: Group) -> str:
    """Return the numbers of subjects and seeds needed to detect the differences that are not shown."""
    needs = [need for pair in group.pairs if (need := _need(pair))]
    return f"To detect {points(group.pairs[0].min_effect)}, {'; '.join(needs)}." if needs else ""


def _need(pair: Pair) -> str:
    difference = pair.differences[ACCURACY.name]
    if pair.verdict != "no difference shown" or pair.by != "subject" or difference is None:
        return ""
    subjects, seeds, tested = pair.subjects_needed or 0, pair.seeds_needed or 0, difference.interval.clusters
    wanted = [f"about {how_many(subjects)} test subjects (there are {tested:,})"] if subjects > tested else []
    wanted += [f"{how_many(seeds)} seeds (there are {len(pair.seeds)})"] if seeds > len(pair.seeds) else []
    return f"{pair.other} needs {' and '.join(wanted)}" if wanted else ""


def points(difference: float) -> str:
    """Return a difference of accuracy, as the user gave it."""
    return f"{ACCURACY.scale * difference:g} points"


def how_many(number: float) -> str:
    """Return a needed number as text."""
    return f"{number:,.0f}" if number < MOST else f"more than {MOST // 1_000_000} million"


def without_predictions(labels: Sequence[str]) -> tuple[str, ...]:
    """Return a note about the experiments whose predictions are not all stored."""
    what = "Not in probabilities, curves and disagreements, because not all predictions are stored"
    return (f"{what}: {', '.join(labels)}.",) if labels else ()
