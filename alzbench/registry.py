"""A table of named things that refuses duplicates and, on a miss, says what there is."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Generic, TypeVar

from alzbench.errors import ExperimentError


def did_you_mean(name: str, known: list[str]) -> str:
    """Return `` Did you mean 'x'?`` for the nearest known name, or an empty text when none is near."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""


T = TypeVar("T")


class Registry(Generic[T]):
    """Named things of one kind, in the order in which they were registered."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._items: dict[str, T] = {}

    def add(self, name: str, item: T) -> None:
        """Register `item`; raises ValueError where the name is taken."""
        if name in self._items:
            raise ValueError(f"the {self.kind} {name!r} is registered already")
        self._items[name] = item

    def remove(self, name: str) -> None:
        """Take back a registration."""
        del self._items[name]

    def __getitem__(self, name: str) -> T:
        try:
            return self._items[name]
        except KeyError:
            raise ExperimentError(
                f"Unknown {self.kind} {name!r}; there are {', '.join(self._items)}."
                + did_you_mean(name, list(self._items))
            ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)
