"""Documents for the terminal: cells are never cut; columns that do not fit are shown in further blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.console import Group as Lines
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from alzbench.report.document import ALL_ROWS, Column, Document, Section, Table, and_more, printable

MOST_ROWS = 50  # of a table; more are not readable on a terminal
NAME_WIDTH = 22  # names of rows up to this length are never wrapped
TEXT_WIDTH = 30  # nor are other texts up to this length
HEADING_WIDTH = 11  # nor headings
GAP = 2  # between columns


def render_terminal(document: Document) -> RenderableType:
    """Return the sections of a document, without what the terminal does not show."""
    return Lines(*(part for section in document.sections for part in _section(section)))


def _section(section: Section) -> Iterator[RenderableType]:
    yield Lines(_plain(section.title, "bold"), *map(_plain, section.answer), Text())
    for table in section.tables:
        if table.terminal:
            yield _Blocks(table)
            yield Text()
    for warning in section.warnings:  # below the tables, near the end of the output
        yield _plain(f"! {warning}", "yellow")
    for note in section.notes:
        yield _indented(_plain(note), 2)
    if section.warnings or section.notes:
        yield Text()


def _indented(content: RenderableType, columns: int) -> Padding:
    return Padding(content, (0, 0, 0, columns), expand=False)


def _plain(text: str, style: str = "") -> Text:
    """Return text in which nothing is markup or moves the cursor."""
    return Text(printable(text), style=style)


@dataclass(frozen=True)
class _Blocks:
    """A table as wide as the console; columns that do not fit are shown below, beside the names of the rows again."""

    table: Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        columns, texts = self._shown()
        headings = [column.short or column.label for column in columns]
        headings[0] = self.table.title or headings[0]
        widths = [_width(heading, texts[k], k, columns[k].form is None) for k, heading in enumerate(headings)]
        for number, block in enumerate(_blocks(widths, options.max_width - 1)):
            grid = Grid(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 0, 0, GAP - 1))
            for k in block:
                heading = _plain(headings[k])
                if k == 0 or columns[k].form is None:
                    grid.add_column(heading, min_width=widths[k], overflow="fold")
                else:
                    heading.justify = "right"
                    grid.add_column(heading, min_width=widths[k], max_width=widths[k], overflow="fold")
                    texts[k] = [text.rjust(widths[k]) for text in texts[k]]
            for place, row in enumerate(zip(*(texts[k] for k in block), strict=True)):
                grid.add_row(*map(_plain, row), style="italic" if place in self.table.weak else None)
            if number:
                yield Text()
            yield grid
        if len(self.table.rows) > MOST_ROWS:
            yield _indented(_plain(ALL_ROWS), 2)
        if self.table.note:
            yield _indented(_plain(self.table.note, "dim"), 2)

    def _shown(self) -> tuple[list[Column], list[list[str]]]:
        """Return the columns for the terminal, and the texts of the first rows in each of them."""
        places = [k for k, column in enumerate(self.table.columns) if column.terminal]
        columns, rows = [self.table.columns[k] for k in places], self.table.texts
        texts = [_aligned(columns[n], [row[k] for row in rows[:MOST_ROWS]]) for n, k in enumerate(places)]
        if len(rows) > MOST_ROWS:
            texts = [[*column, "" if n else and_more(len(rows) - MOST_ROWS)] for n, column in enumerate(texts)]
        return columns, texts


def _aligned(column: Column, texts: Sequence[str]) -> list[str]:
    """Pad the text after each number, so that the values are aligned."""
    if column.form is None:
        return list(texts)
    rests = [cell_len(text.partition(" ")[2]) for text in texts]
    widest = max(rests, default=0)
    return [text + " " * (widest - rest + (widest > 0 == rest)) for text, rest in zip(texts, rests, strict=True)]


def _width(heading: str, texts: Sequence[str], place: int, is_text: bool) -> int:
    """Return the width below which a column is never shown; longer names, texts and headings are folded."""
    widest = max(map(cell_len, texts), default=1)
    least = min(widest, NAME_WIDTH if place == 0 else TEXT_WIDTH) if is_text else widest
    longest_word = max(map(cell_len, heading.split()), default=1)
    whole = cell_len(heading)
    return max(least, whole if whole <= max(least, HEADING_WIDTH) else min(longest_word, HEADING_WIDTH))


def _blocks(widths: Sequence[int], available: int) -> list[list[int]]:
    """Return the places of the columns of each block: the first column, and those that fit beside it, in order."""
    blocks, used = [[0]], widths[0]
    for k, width in enumerate(widths[1:], start=1):
        if len(blocks[-1]) > 1 and used + GAP + width > available:
            blocks.append([0])
            used = widths[0]
        blocks[-1].append(k)
        used += GAP + width
    return blocks
