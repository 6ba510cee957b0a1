"""The document of two runs: in what they differ."""

from __future__ import annotations

from dataclasses import asdict

from alzbench import __version__
from alzbench.compare.diff import RunDiff
from alzbench.report.document import Column, Document, Section, Table, make_table

_PARTS = {
    "run": "Run", "settings": "Settings", "code": "Code and machine", "packages": "Packages", "data": "Data",
}  # fmt: skip


def diff_document(found: RunDiff) -> Document:
    """Return the document of two runs: a table for each kind of differences that there are."""
    tables = [table for part, title in _PARTS.items() if (table := _table(found, part, title)).rows]
    alike = [title.lower() for part, title in _PARTS.items() if not getattr(found, part)]
    if found.unknown:
        alike = [title for title in alike if title not in ("code and machine", "packages")]
    notes = (*found.unknown, *([f"Equal: {', '.join(alike)}."] if alike else []))
    section = Section(f"{found.first} and {found.second}", tables=tuple(tables), notes=notes)
    return Document("Two runs", f"alzbench {__version__}", (section,), data=asdict(found))


def _table(found: RunDiff, part: str, title: str) -> Table:
    # a run's name is too long for a heading of the terminal; the title has both, in this order
    columns = [
        Column("name", title), Column("first", found.first, short="first"),
        Column("second", found.second, short="second"),
    ]  # fmt: skip
    return make_table(title, columns, [vars(change) for change in getattr(found, part)])
