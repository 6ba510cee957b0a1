"""Labels of runs in W&B: charts average the runs of a label, so only repetitions of the same settings share one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alzbench.compare.labels import MARK, MOST_NAMED
from alzbench.compare.settings import find_differing, settings_of
from alzbench.errors import DataError
from alzbench.store import Card, Run, read_run


def label_of(folder: Path, card: Card) -> str:
    """Return the text that charts group by.

    Runs of one experiment under different protocols are no repetitions. Of settings that share a name, the oldest has
    the name alone, and each later one is named by what differs from the oldest; so a label stays as it is when further
    settings are run. The other runs are those beside the run's folder.
    """
    if card.trial is not None:
        return plain_label(f"{card.experiment} trial {card.trial}", card.protocol)
    plain = plain_label(card.experiment, card.protocol)
    oldest_first = _kinds(folder, card)
    first, used = next(iter(oldest_first.values())), {plain}
    for kind, run in oldest_first.items():
        label = plain
        if run is not first:
            label = f"{plain}{MARK}{_difference(first, run)}"
            label = f"{label} ({run.card.settings_hash[:6]})" if label in used else label
            used.add(label)
        if kind == _kind(card):
            return label
    return plain


def plain_label(name: str, protocol: str) -> str:
    """Return the label of a name and a protocol alone."""
    return f"{name} ({protocol})"


def _kind(card: Card) -> tuple[str, str]:
    return card.settings_hash, card.data


def _kinds(folder: Path, card: Card) -> dict[tuple[str, str], Run]:
    """Return the oldest run of each kind of settings and data with the name and the protocol of a run."""
    runs = {folder: Run(folder, card)}
    for path in folder.parent.glob("*/state.json"):
        try:
            runs.setdefault(path.parent, read_run(path.parent))
        except DataError:
            continue  # a damaged run cannot be sent
    alike = [
        run
        for run in runs.values()
        if run.card.trial is None and (run.card.experiment, run.card.protocol) == (card.experiment, card.protocol)
    ]
    kinds: dict[tuple[str, str], Run] = {}
    for run in sorted(alike, key=lambda run: (run.card.created, run.path.name)):
        kinds.setdefault(_kind(run.card), run)
    return kinds


def _difference(first: Run, other: Run) -> str:
    """Return in what settings and data differ: the first few settings, or else the hash of all of them."""
    sides: dict[str, dict[str, Any]] = {"first": settings_of([first]), "other": settings_of([other])}
    settings = find_differing(sides).between("other", "first") if all(sides.values()) else ()
    data = [f"data {other.card.data[:6]}"] if other.card.data != first.card.data else []
    more = [f"{len(settings) - MOST_NAMED} more"] if len(settings) > MOST_NAMED else []
    return ", ".join([*settings[:MOST_NAMED], *more, *data]) or other.card.settings_hash[:6]
