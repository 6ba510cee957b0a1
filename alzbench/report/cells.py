"""Figures as the cells of a document's tables: rounded alike everywhere, and sorted by what they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from alzbench.compare import ExperimentRow, Interval, Spread
from alzbench.compare.probabilities import Estimate
from alzbench.report.remarks import signed

UNDEFINED = "–"


@dataclass(frozen=True)
class Cell:
    """A cell: what is read, and what it is sorted by where that is a number."""

    text: str
    value: float | None = None


def percent(share: float) -> Cell:
    """Return a share as per cent."""
    return Cell(f"{100 * share:.2f}", share)


def mean(spread: Spread | None, scale: int) -> Cell:
    """Return a mean over seeds, in per cent for a scale of 100."""
    if spread is None:
        return Cell(UNDEFINED)
    return Cell(f"{scale * spread.mean:.{2 if scale == 100 else 3}f}", spread.mean)


def interval_of(row: ExperimentRow, name: str, scale: int) -> Cell:
    """Return the interval of a row's figure by its name."""
    found = row.intervals.get(name)
    return span(found.low, found.high, scale) if found else Cell(UNDEFINED)


def with_interval(intervals: Mapping[str, Interval], name: str, spread: Spread | None, scale: int) -> Cell:
    """Return a mean over seeds, and its interval where it has one."""
    cell, found = mean(spread, scale), intervals.get(name)
    return Cell(f"{cell.text} ({span(found.low, found.high, scale).text})", cell.value) if found else cell


def span(low: float, high: float, scale: int) -> Cell:
    """Return an interval; it is sorted by its lower end."""
    digits = 1 if scale == 100 else 3
    return Cell(f"{scale * low:.{digits}f} to {scale * high:.{digits}f}", low)


def change_with_span(found: Interval | None, scale: int) -> list[Cell]:
    """Return a paired change and its interval, with their signs."""
    if found is None:
        return [Cell(UNDEFINED), Cell(UNDEFINED)]
    digits = 2 if scale == 100 else 3
    ends = f"{signed(scale * found.low, digits)} to {signed(scale * found.high, digits)}"
    return [Cell(signed(scale * found.value, digits), found.value), Cell(ends, found.low)]


def change(points: float | None) -> Cell:
    """Return a difference of shares in points."""
    return Cell(UNDEFINED) if points is None else Cell(signed(100 * points, 2), points)


def p_value(p: float | None) -> Cell:
    """Return a p-value."""
    if p is None:
        return Cell(UNDEFINED)
    return Cell(f"{p:.3f}" if p >= 0.001 else "< 0.001", p)


def count(number: int | None) -> Cell:
    """Return a whole number."""
    return Cell(UNDEFINED) if number is None else Cell(f"{number:,}", number)


def estimate(found: Estimate | None) -> Cell:
    """Return a figure of probabilities, and its interval where it has one."""
    if found is None:
        return Cell(UNDEFINED)
    ends = f" ({span(found.interval.low, found.interval.high, 1).text})" if found.interval else ""
    return Cell(f"{found.value:.3f}{ends}", found.value)
