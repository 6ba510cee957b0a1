"""Short names of classes and runs, for figures and columns."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alzbench.store import Card


def short_names(classes: Sequence[str]) -> list[str]:
    """Return class names without the last words they share: `NonDemented`, `MildDemented` -> `Non`, `Mild`."""
    ending = os.path.commonprefix([name[::-1] for name in classes])[::-1]  # noqa: RUF071 - letters, not paths
    words = re.search(r"([A-Z][a-z]|[ _-]).*", ending)
    stripped = [name.removesuffix(words.group()) for name in classes] if words else []
    return stripped if all(stripped) and stripped else list(classes)


def run_names(cards: Sequence[Card]) -> list[str]:
    """Return the names of runs without what all of them share; the seed and the folder's hash only where needed.

    `attention, seed 0` and `attention, seed 1`; `attention, reference` and `baseline, subject`.
    """
    parts = [
        (card.experiment, card.protocol, f"seed {card.seed}", "" if card.fold is None else f"fold {card.fold}",
         card.hash[:6])
        for card in cards
    ]  # fmt: skip
    differ = [len(set(values)) > 1 for values in zip(*parts, strict=True)] if parts else []
    *shown, by_hash = differ or [False]
    by_hash = by_hash and len({tuple(part[:-1]) for part in parts}) < len(parts)
    kept = [True, *shown[1:], by_hash]
    return [", ".join(text for text, keep in zip(part, kept, strict=True) if keep and text) for part in parts]


def shortened(text: str, most: int) -> str:
    """Return a text of at most `most` characters, whose middle is left out if it is longer."""
    if len(text) <= most:
        return text
    start = (most - 1) // 2
    return f"{text[:start]}…{text[len(text) - (most - 1 - start) :]}"
