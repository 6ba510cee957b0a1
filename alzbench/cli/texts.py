"""The texts of options turned into columns, classes and numbers."""

from __future__ import annotations

import csv
from collections.abc import Sequence

from alzbench.errors import ExperimentError
from alzbench.evaluation.predictions import PREFIX
from alzbench.store.foreign import ROLES


def column_names(texts: Sequence[str]) -> dict[str, str]:
    """Return ``COLUMN=NAME`` texts as a mapping; raises ExperimentError if a text is malformed or repeated."""
    columns: dict[str, str] = {}
    for text in texts:
        role, equals, name = text.partition("=")
        if not equals or not (role in ROLES or role.startswith(PREFIX)) or not name:
            raise ExperimentError(
                f"--column takes COLUMN=NAME, where COLUMN is {', '.join(ROLES)} or {PREFIX}CLASS; got {text!r}."
            )
        if role in columns:
            raise ExperimentError(f"--column must name {role} once; got {columns[role]} and {name}.")
        columns[role] = name
    return columns


def class_list(texts: Sequence[str]) -> list[str] | None:
    """Return the names of --classes: a single text is split at its commas; several texts are one name each.

    Raises:
        ExperimentError: A name is empty or repeated.
    """
    if not texts:
        return None
    # a name with a comma in it may be quoted, as in a CSV file
    names = next(csv.reader(texts), []) if len(texts) == 1 else list(texts)
    if not names or "" in names:
        raise ExperimentError(f"--classes must be names separated by commas; one is empty in {','.join(texts)!r}.")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ExperimentError(f"--classes must name each class once; {', '.join(repeated)} is repeated.")
    return names


def slice_numbers(text: str | None) -> tuple[int, ...] | None:
    """Return the numbers of slices in `80`, `80-110` or `80,85,90`; None for no text."""
    if text is None:
        return None
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        ends = [end.strip() for end in (first, last if dash else first)]
        if not all(end.isascii() and end.isdigit() and len(end) < 7 for end in ends) or int(ends[0]) > int(ends[1]):
            raise ExperimentError(f"--slices takes numbers from 1 and ranges, e.g. 80, 80-110 or 80,85; got {text!r}.")
        numbers += range(int(ends[0]), int(ends[1]) + 1)
    return tuple(dict.fromkeys(numbers))
