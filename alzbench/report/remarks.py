"""What must be said beside the figures of a comparison, in the same words in every format."""

from __future__ import annotations

from alzbench.compare import ExperimentRow, Group
from alzbench.compare.intervals import FEWEST_CLUSTERS
from alzbench.compare.pairs import MOST
from alzbench.data.leakage import NOT_EXCLUDED

NO_LEAK = "no leak found"
FEW = f"none where a class has fewer than {FEWEST_CLUSTERS} test subjects, or none in a seed"


def row_name(group: Group, row: ExperimentRow) -> str:
    """Return a row's name, marked where it is not like the rows beside it."""
    marks = []
    if group.leaks_differ and row.seeds and not row.sanity:
        marks.append(leak_mark(row.leaks) or "no leak")
    marks += ["by image"] if group.clusters_differ and row.by == "image" else []
    return f"{row.label} [{', '.join(marks)}]" if marks else row.label


def row_names(group: Group) -> dict[str, str]:
    """Return the names of all rows by their label, see `row_name`."""
    return {row.label: row_name(group, row) for row in group.rows}


def leak_mark(leaks: str) -> str:
    """Return what training has seen of the test images in two words, see `store.Card`; empty where nothing."""
    return "leaks unknown" if leaks.startswith(NOT_EXCLUDED) else "leaky" if leaks else ""


def leak_warning(leaks: str) -> str:
    """Return the same as a sentence without its full stop; empty where nothing was seen."""
    if leak_mark(leaks) == "leaky":
        return f"Leaky protocol: {leaks}"
    return leaks[:1].upper() + leaks[1:]


def leak_warnings(group: Group) -> list[str]:
    """Return what training has seen of the test images: one line for all rows, or one a row where they differ."""
    if not group.leaks_differ:
        return [leak_warning(group.leaks)] if group.leaks else []
    rows = [row for row in group.rows if row.seeds and not row.sanity]
    return [
        "Not to be compared, as training has not seen the same of the test images",
        *(f"{row.label}: {row.leaks or NO_LEAK}" for row in rows),
    ]


def notes(group: Group) -> list[str]:
    """Return what does not count, is not paired, or is not sure in the same way as the rest, and why."""
    found = [text for row in group.rows for text in row.left_out]
    found += [f"{row.label}: {row.unpaired}" for row in group.rows if row.unpaired]
    found += [text for row in group.rows for text in _not_tested(group, row)]
    found += group.effects_without
    if any(row.by == "image" for row in group.rows):
        names = ", ".join(row.label for row in group.rows if row.by == "image")
        found.append(f"By image, as subjects are not known: {names}; intervals and p take images for independent")
    return [*found, *(f"Not complete: {text}" for row in group.rows for text in row.unfinished)]


def _not_tested(group: Group, row: ExperimentRow) -> list[str]:
    """Return what is said of classes that some seeds of a row do not test."""
    n = len(row.seeds)
    partly = [(name, f1.n) for name, f1 in zip(group.classes, row.f1, strict=True) if f1 is not None and f1.n < n]
    return [
        f"{row.label}: F1 of {name} is of {of} of {n} seeds, as the others have no test image of it; balanced accuracy "
        "and macro F1 are over the classes that each seed has"
        for name, of in partly
    ]


def reference_note(group: Group) -> str:
    """Return what a published figure cannot say."""
    names = ", ".join(f"{r.name} ({r.source})" for r in group.references)
    return (
        f"Published: {names}. One number and a test size: its interval takes the images for independent, which they "
        "are not, and says nothing about seeds; so the difference to it has no interval and no p-value."
    )


def how_many(number: int | None) -> str:
    """Return a number that is needed."""
    if number is None:
        return "–"
    return f"{number:,}" if number < MOST else f"more than {MOST // 1_000_000} million"


def signed(number: float, digits: int) -> str:
    """Return a number with its sign, and 0 without."""
    text = f"{number:+.{digits}f}"
    return text[1:] if float(text) == 0 else text
