"""CSV and TSV files, read strictly as text: rows with a heading, and their lines for error messages."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from alzbench.errors import DataError

LINE = "line"  # name of the index of rows that were read from a file
_NAMED = 5  # rows or names in an error


def read_delimited(path: Path) -> pd.DataFrame:
    """Read a CSV file, or a TSV file if its name ends with `.tsv`, in UTF-8 and with a heading.

    Returns:
        The cells as text; the index is the last line of each row, counted as an editor does.

    Raises:
        DataError: The file cannot be read, has no rows, or a row does not fit the heading.
    """
    kind, separator = ("TSV", "\t") if path.suffix.lower() == ".tsv" else ("CSV", ",")
    text = _text(path, kind)
    rows, lines = [], []
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=separator)
    try:
        for row in reader:
            if row:
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        what = "a quote is not closed" if "end of data" in str(error) else str(error)
        raise DataError(f"{path} must be a {kind} file: {what}, line {reader.line_num:,}.") from None
    if not rows:
        raise DataError(f"{path} must be a {kind} file with a heading; it is empty.")
    heading = rows.pop(0)
    if heading[0].lower().startswith("sep="):
        raise DataError(
            f"{path} must begin with its heading; remove the first line, {separator.join(heading)}, of Excel."
        )
    _check_heading(heading, path, kind)
    wrong = [k for k, row in enumerate(rows) if len(row) != len(heading)]
    if wrong:
        raise DataError(
            f"{path}: every row must have {len(heading)} fields, one per column; wrong: "
            f"{lines_of([lines[k + 1] for k in wrong])} (the first has {len(rows[wrong[0]])})."
        )
    if not rows:
        raise DataError(f"{path} must have at least one row below its heading; it has no rows.")
    columns = zip(heading, zip(*rows, strict=True), strict=True)
    index = pd.Index(lines[1:], name=LINE)
    return pd.DataFrame({name: np.array(cells, dtype=object) for name, cells in columns}, index=index)


def _text(path: Path, kind: str) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} must be a readable {kind} file: {error.strerror}.") from None
    start = content[:1000]
    if start.startswith((b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ")):
        raise DataError(
            f"{path} must be a {kind} file; it is compressed, or a spreadsheet. Unpack or export it as {kind}."
        )
    if start[:2] in (b"\xff\xfe", b"\xfe\xff") or 3 * start.count(b"\0") > len(start):
        raise DataError(f"{path} must be a {kind} file in UTF-8; this one looks like UTF-16. Save it as UTF-8.")
    if b"\0" in content:
        raise DataError(
            f"{path} must be a {kind} file in UTF-8; byte {content.index(0):,} is not text. Is the file damaged?"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} must be a {kind} file in UTF-8; byte {error.start:,} is invalid. Save it as UTF-8."
        ) from None


def _check_heading(heading: list[str], path: Path, kind: str) -> None:
    expected = "tabs" if kind == "TSV" else "commas"
    for separator, name in ((";", "semicolons"), ("\t", "tabs"), (",", "commas")):
        if len(heading) == 1 and separator in heading[0]:
            raise DataError(f"{path} must have {expected} between its columns; it has {name}. Save it with {expected}.")
    twice = sorted({name for name in heading if heading.count(name) > 1})
    if twice:
        raise DataError(
            f"{path}: each column must have a different name; repeated: {quoted(twice)}. Remove all but one."
        )


def lines_of(lines: Sequence[int] | pd.Index) -> str:
    """Return lines of a file, for people."""
    named = ", ".join(f"{int(line):,}" for line in lines[:_NAMED])
    more = f" and {len(lines) - _NAMED:,} more" if len(lines) > _NAMED else ""
    return f"line{'s' if len(lines) > 1 else ''} {named}{more}"


def quoted(names: Sequence[object] | npt.NDArray[np.object_]) -> str:
    """Return the first names in quotes, and the number of the others."""
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(repr(str(name)) for name in names[:_NAMED]) + more
