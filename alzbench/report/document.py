"""A document: sections of tables with declared columns. Renderers write it, and add no words or digits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from alzbench.evaluation.differences import Difference
from alzbench.evaluation.intervals import Interval
from alzbench.evaluation.scores import Score

UNDEFINED = "–"
MOST_UNKNOWN_DF = 1.5  # an interval with fewer degrees of freedom has about one
ALL_ROWS = "For all rows, use --csv, --html or --json."  # below a table that is cut


@dataclass(frozen=True)
class Form:
    """The format of numbers.

    Attributes:
        digits: Digits of a value after the point; the ends of an interval in per cent have one fewer.
        scale: Factor: 100 for per cent.
        signed: True if positive values have a plus sign.
        spread: True if the standard deviation over the seeds is shown.
        words: Returns the text of a value, instead of the digits.
    """

    digits: int = 0
    scale: int = 1
    signed: bool = False
    spread: bool = False
    words: Callable[[float], str] | None = None

    def text(self, cell: Cell) -> str:
        """Return the text of a number: `0.471 ±0.024 (0.426–0.516)`."""
        value = number(cell.value)
        if value is None:
            return UNDEFINED
        if self.words:
            return self.words(value)
        parts = [self._digits(value, self.digits)]
        if self.spread and cell.sd is not None:
            parts.append(f"±{self.scale * cell.sd:.{self.digits}f}")
        ends = [end for end in map(number, (cell.low, cell.high)) if end is not None]
        if cell.unknown:
            parts.append(f"({cell.unknown})")
        elif len(ends) == 2:
            digits = max(0, self.digits - 1) if self.scale == 100 else self.digits
            low, high = (self._digits(end, digits) for end in ends)
            # a dash beside a sign cannot be read
            parts.append(f"({low} to {high})" if self.signed or low.startswith("-") else f"({low}–{high})")
        return " ".join(parts)

    def _digits(self, value: float, digits: int) -> str:
        text = f"{self.scale * value:{'+' if self.signed else ''},.{digits}f}"
        return text if any(digit in text for digit in "123456789") else text.lstrip("+-")


@dataclass(frozen=True)
class Cell:
    """A full-precision number or a text; None if it is undefined.

    Attributes:
        value: The number or text.
        low, high: Ends of its 95 % interval.
        sd: Its standard deviation over the seeds.
        form: Its format, if it differs from that of the column.
        unknown: The reason why its interval says nothing; shown instead of the interval.
    """

    value: float | str | None = None
    low: float | None = None
    high: float | None = None
    sd: float | None = None
    form: Form | None = None
    unknown: str = ""


@dataclass(frozen=True)
class Column:
    """A declared column.

    Attributes:
        key: Its name in CSV, and the key of its cells in records.
        label: Its heading.
        form: The format of its numbers; None for a column of text.
        short: Its heading on a terminal; empty: `label`.
        terminal: True if it is shown on a terminal.
        spread: True if CSV has a column for its standard deviation even if no cell has one.
    """

    key: str
    label: str
    form: Form | None = None
    short: str = ""
    terminal: bool = True
    spread: bool = False

    def text(self, cell: Cell) -> str:
        """Return the text of a cell."""
        if isinstance(cell.value, str):
            return cell.value
        return (cell.form or self.form or Form()).text(cell)


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        title: Its caption.
        columns: Its columns; the first one names the rows.
        rows: A cell for each column.
        weak: Positions of the rows that are shown only for reference, such as sanity baselines.
        note: How to read it.
        key: The name by which figures are placed beside it.
        terminal: True if it is shown on a terminal.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    weak: frozenset[int] = frozenset()
    note: str = ""
    key: str = ""
    terminal: bool = True

    @property
    def texts(self) -> list[list[str]]:
        """Texts of all cells."""
        return [[column.text(cell) for column, cell in zip(self.columns, row, strict=True)] for row in self.rows]


@dataclass(frozen=True)
class Section:
    """A part of a document, such as the experiments that can be compared with each other.

    Attributes:
        title: Its heading.
        warnings: Warnings about the scores: demo, leakage.
        tables: The scores.
        notes: Other remarks.
        sources: Further remarks, which the terminal does not show.
        answer: Sentences that come first: what is shown, and what is not.
    """

    title: str
    warnings: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    answer: tuple[str, ...] = ()


@dataclass(frozen=True)
class Document:
    """A comparison, a run, a sweep or an audit, for every renderer.

    Attributes:
        title, about: Its heading, and the line below.
        sections: Its parts.
        export: The wide table that CSV is written from.
        data: The typed values that JSON is written from.
    """

    title: str
    about: str
    sections: tuple[Section, ...]
    export: Table | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


def make_table(
    title: str,
    columns: Iterable[Column],
    records: Iterable[Mapping[str, Any]],
    note: str = "",
    key: str = "",
    terminal: bool = True,
) -> Table:
    """Return the table of some columns of records.

    Args:
        title: Its caption.
        columns: The columns; their keys are those of the records.
        records: One per row: key -> cell or value. A missing key is an undefined cell; see `Table.weak` for `weak`.
        note, key, terminal: See `Table`.
    """
    columns, records = tuple(columns), list(records)
    rows = tuple(tuple(as_cell(record.get(column.key)) for column in columns) for record in records)
    weak = frozenset(k for k, record in enumerate(records) if record.get("weak"))
    return Table(title, columns, rows, weak, note, key, terminal)


def as_cell(value: Any) -> Cell:
    """Return a value as a cell: a score or an interval with its ends, a number or a text as it is."""
    match value:
        case Cell():
            return value
        case Score(mean=mean, sd=sd, interval=None):
            return Cell(mean, sd=sd)
        case Score(mean=mean, sd=sd, interval=Interval(low=low, high=high) as interval):
            return Cell(mean, low, high, sd, unknown=_unknown(interval))
        case Difference(interval=interval):
            return as_cell(interval)
        case Interval(value=mean, low=low, high=high):
            return Cell(mean, low, high, unknown=_unknown(value))
    return Cell(value)


def _unknown(interval: Interval) -> str:
    """Return why an interval says nothing: it rests on the difference of two seeds; empty if it says something."""
    return f"{interval.seeds} seeds: not known" if interval.seeds == 2 and interval.df < MOST_UNKNOWN_DF else ""


def and_more(number: int) -> str:
    """Return the number of rows that are not shown, for the place where they would stand."""
    return f"and {number:,} more"


def number(value: float | str | None) -> float | None:
    """Return a number that is defined; None for a text, None and NaN."""
    if value is None or isinstance(value, str) or not math.isfinite(value):
        return None
    return float(value)


def printable(text: str) -> str:
    """Return text in which every character that cannot be shown, such as one that moves a cursor, is a space."""
    return "".join(character if character.isprintable() else " " for character in text)
