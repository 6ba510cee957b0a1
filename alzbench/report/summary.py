"""The summary of a comparison on the terminal: at most 24 lines a group, and never wider than the console."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from alzbench.compare import Comparison
from alzbench.report.answer import Answer, AnswerRow, answer
from alzbench.report.document import UNDEFINED, printable
from alzbench.report.remarks import DEMO

WIDTH, LINES = 80, 24  # at most, of a group
_GAP = "  "
_HEADINGS = ("", "accuracy %", "AUC", "F1", "change")
_MOST_EXPERIMENTS = 4  # of each of several groups
_FEWEST_ROWS = 2
_MORE = ("Everything: alzbench compare --full; page and tables: --report NAME", "More: --full, or --report NAME")

_ALWAYS = (0, len(_HEADINGS) - 1)

Line = tuple[str, str]  # text and style


@dataclass(frozen=True)
class Summary:
    """The summary of a comparison.

    Attributes:
        comparison: The comparison.
        cautions: Sentences about the scores of all groups.
    """

    comparison: Comparison
    cautions: tuple[str, ...] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for text, style in self.lines(min(options.max_width, WIDTH)):
            yield Text(text, style=style, no_wrap=True, overflow="ignore")

    def lines(self, width: int) -> list[Line]:
        """Return the lines, none wider than `width` columns, and their styles."""
        groups = [answer(group) for group in self.comparison.groups]
        end = [line for text in (*self.cautions, *self.comparison.left_out) for line in _wrapped(text, width, "yellow")]
        # how to read the columns, once for all groups that have the same
        legends = dict.fromkeys(group.legend for group in groups if group.legend)
        end += [line for text in legends for line in _wrapped(text, width, "dim")]
        end += _fitting(_MORE, width, "dim") if groups else []
        lines: list[Line] = []
        for place, group in enumerate(groups):
            last = place == len(groups) - 1
            several = len(groups) > 1
            room = LINES - (len(end) if last else 0) - several
            lines += group_lines(group, width, room, _MOST_EXPERIMENTS if several else len(group.experiments))
            lines += [("", "")] if several and not last else []
        return lines + end


def group_lines(group: Answer, width: int, room: int, most: int) -> list[Line]:
    """Return the lines of a group: at most `room`, unless its sentences leave too few for baseline and best.

    Args:
        group: The answer of the group.
        width: Columns of a line.
        room: Number of lines.
        most: Number of experiments that are shown.
    """
    head = _fitting(group.headlines, width, "bold")
    demo = [DEMO] if group.headlines[0].startswith("DEMO") else []
    below = [line for text in (group.shown, group.not_shown) for line in _wrapped(text, width)]
    below += [line for text in (*demo, group.best_f1) for line in _wrapped(text, width)]
    return [*head, *_rows(group, width, room - len(head) - len(below), most), *below]


def _rows(group: Answer, width: int, room: int, most: int) -> list[Line]:
    """Return the rows that fit: the experiments, published results, and then what should be beaten."""
    table = _Table.of([*group.experiments, *group.published, *group.to_beat], width)
    other = [*group.published, *group.to_beat]
    # the first two, baseline and best, and what they must be compared with come before further experiments
    shown, beside = list(group.experiments[:_FEWEST_ROWS]), list(other)
    while beside and len(_laid_out(table, group, shown, beside)) > room:
        beside.pop()
    for row in group.experiments[_FEWEST_ROWS:most]:
        if len(_laid_out(table, group, [*shown, row], beside)) > room:
            break
        shown.append(row)
    return _laid_out(table, group, shown, beside)


def _laid_out(table: _Table, group: Answer, shown: Sequence[AnswerRow], beside: Sequence[AnswerRow]) -> list[Line]:
    lines = table.heading()
    lines += [line for row in shown for line in table.row(row)]
    hidden = len(group.experiments) - len(shown)
    lines += _wrapped(f"and {hidden} more (--full)", table.width, "dim") if hidden else []
    lines += [line for row in beside if row in group.published for line in table.row(row, "italic")]
    to_beat = [row for row in beside if row not in group.published]
    if to_beat:
        lines.append(("should be beaten:", "dim"))
        lines += [line for row in to_beat for line in table.row(row, "italic")]
    left = len(group.published) + len(group.to_beat) - len(beside)
    return lines + (_wrapped(f"and {left} more rows (--full)", table.width, "dim") if left else [])


@dataclass(frozen=True)
class _Table:
    """The layout of rows: in columns if they fit, else with the numbers of each row below its name."""

    shown: tuple[int, ...]  # places of name and change, and of the columns that have a value in any row
    widths: tuple[int, ...]  # of these
    width: int  # of the console
    least: int  # columns that hold the first setting of each row

    @classmethod
    def of(cls, rows: Sequence[AnswerRow], width: int) -> _Table:
        columns = list(zip(*(_cells(row) for row in rows), strict=True))
        shown = tuple(k for k, texts in enumerate(columns) if set(texts) != {UNDEFINED} or k in _ALWAYS)
        widths = tuple(max(map(cell_len, (_HEADINGS[k], *columns[k]))) for k in shown)
        least = (cell_len(elided(row.differs[:1], width)) for row in rows if row.differs)
        more = len(", 9 more") if any(len(row.differs) > 1 for row in rows) else 0
        return cls(shown, widths, width, max(least, default=0) + more)

    @property
    def fits(self) -> bool:
        return bool(self.widths) and self._used <= self.width

    @property
    def _used(self) -> int:
        return sum(self.widths) + len(_GAP) * (len(self.widths) - 1)

    @property
    def _beside(self) -> int:
        """Columns beside the table for the settings that differ; 0 if the first one of a row does not fit."""
        rest = self.width - self._used - len(_GAP)
        return rest if rest >= self.least else 0

    def heading(self) -> list[Line]:
        return [(self._aligned(_HEADINGS), "dim")] if self.fits else []

    def row(self, row: AnswerRow, style: str = "") -> list[Line]:
        if not self.fits:
            return self._stacked(row, style)
        text = self._aligned(_cells(row))
        if row.differs and self._beside:
            text += " " * (self._used - cell_len(text)) + _GAP + elided(row.differs, self._beside)
        lines = [(text, style)]
        if row.differs and not self._beside:
            lines += self._below(row.differs, style or "dim")
        return lines

    def _below(self, settings: Sequence[str], style: str) -> list[Line]:
        width = self.width - len(_GAP)
        text = elided(settings, width) or settings[0]
        return [(_GAP + line, style) for line, _ in _wrapped(text, width)]

    def _aligned(self, cells: Sequence[str]) -> str:
        name, *numbers, change = (cells[k] for k in self.shown)
        parts = [name + " " * (self.widths[0] - cell_len(name))]
        parts += [text.rjust(width) for text, width in zip(numbers, self.widths[1:], strict=False)]
        return _GAP.join([*parts, change]).rstrip()

    def _stacked(self, row: AnswerRow, style: str) -> list[Line]:
        name = printable(row.name)
        beside = elided(row.differs, self.width - cell_len(name) - 2)
        lines = _wrapped(f"{name}: {beside}" if beside else name, self.width, style)
        lines += self._below(row.differs, style or "dim") if row.differs and not beside else []
        _, accuracy, auc, macro_f1, change = _cells(row)
        named = [("", accuracy), ("AUC ", auc), ("F1 ", macro_f1), ("", change)]
        items = [heading + text for heading, text in named if text != UNDEFINED]
        return lines + [(_GAP + text, style) for text in _packed(items, self.width - len(_GAP))]


def _cells(row: AnswerRow) -> tuple[str, str, str, str, str]:
    return printable(row.name), row.accuracy, row.auc, row.macro_f1, row.change


def elided(settings: Sequence[str], width: int) -> str:
    """Return as many settings as fit into `width` columns and the number of the others; empty if one alone is wider."""
    settings = [printable(text) for text in settings]
    if not settings:
        return ""
    for number in range(len(settings), 0, -1):
        more = len(settings) - number
        text = ", ".join([*settings[:number], *([f"{more} more"] if more else [])])
        if cell_len(text) <= width:
            return text
    return f"{len(settings)} settings" if len(settings) > 1 else ""


def _packed(items: Sequence[str], width: int) -> list[str]:
    """Return items in lines, as many as fit in each."""
    lines: list[str] = []
    for item in items:
        if lines and cell_len(lines[-1]) + len(_GAP) + cell_len(item) <= width:
            lines[-1] += _GAP + item
        else:
            lines += [text for text, _ in _wrapped(item, width)]
    return lines


def _fitting(texts: Sequence[str], width: int, style: str) -> list[Line]:
    """Return the first text that fits into one line, or else the last one, wrapped."""
    fitting = next((text for text in map(printable, texts) if cell_len(text) <= width), None)
    return [(fitting, style)] if fitting is not None else _wrapped(texts[-1], width, style)


def _wrapped(text: str, width: int, style: str = "") -> list[Line]:
    return [(line, style) for line in _wrap(printable(text), max(1, width))]


def _wrap(text: str, width: int) -> Iterator[str]:
    """Wrap a text at its spaces, by the columns that it takes; a word that is wider than a line is folded."""
    line = ""
    for word in text.split():
        if line and cell_len(line) + 1 + cell_len(word) > width:
            yield line
            line = ""
        line = f"{line} {word}" if line else word
        while cell_len(line) > width:
            cut = next(k for k in range(len(line), 0, -1) if cell_len(line[:k]) <= width or k == 1)
            yield line[:cut]
            line = line[cut:]
    if line:
        yield line
