"""Registries: the one way to plug in an implementation, by a decorator with its name.

PROTOCOLS = Registry("protocol", Entry[Assign])

@PROTOCOLS.register("slice", SliceProtocol)
def assign_slices(...): ...

PROTOCOLS["slice"].function(...)
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from alzbench.errors import ExperimentError


def did_you_mean(name: str, known: list[str]) -> str:
    """Return `` Did you mean 'x'?`` for the most similar known name; empty if none is similar."""
    similar = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f" Did you mean {similar[0]!r}?" if similar else ""


F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class Entry(Generic[F]):
    """A registered implementation; a kind whose entries have more fields subclasses this.

    Attributes:
        name: Name by which experiments and sweeps choose it.
        description: First line of the implementation's docstring, or else of its settings' docstring.
        settings: Schema of its own settings; None if it has none.
        function: The implementation; its signature is the same for all entries of a registry.
    """

    name: str
    description: str
    settings: type[BaseModel] | None
    function: F


E_co = TypeVar("E_co", bound=Entry[Any], covariant=True)


class Registry(Generic[E_co]):
    """Entries of one kind by name, in the order of registration.

    Args:
        kind: Name of the kind, as messages show it.
        entry: Class of the entries.
    """

    def __init__(self, kind: str, entry: Callable[..., E_co]) -> None:
        self.kind = kind
        self._entry = entry
        self._items: dict[str, E_co] = {}

    def register(
        self: Registry[Entry[F]], name: str, settings: type[BaseModel] | None = None, **fields: Any
    ) -> Callable[[F], F]:
        """Return a decorator that registers an implementation.

        Args:
            name: Its name; the decorator raises ValueError if the name is taken.
            settings: Schema of its own settings; None if it has none.
            fields: Values of the entry's other fields.
        """

        def decorate(function: F) -> F:
            if name in self._items:
                raise ValueError(f"the {self.kind} {name!r} is already registered")
            description = _first_line(function) or _first_line(settings)
            self._items[name] = self._entry(
                name=name, description=description, settings=settings, function=function, **fields
            )
            return function

        return decorate

    def remove(self, name: str) -> None:
        """Remove an entry."""
        del self._items[name]

    def __getitem__(self, name: str) -> E_co:
        try:
            return self._items[name]
        except KeyError:
            raise ExperimentError(
                f"Unknown {self.kind} {name!r}; must be one of {', '.join(self._items)}."
                + did_you_mean(name, list(self._items))
            ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)


def _first_line(documented: object) -> str:
    """Return the first line of an object's docstring; empty for None and for an object without a docstring."""
    return "" if documented is None else (documented.__doc__ or "").strip().split("\n")[0]
