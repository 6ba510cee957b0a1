"""Tables that describe images or participants: CSV or TSV files with one row for each.

Columns have standard names; all others are kept as covariates, with names that `alzbench compare --where` can use.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import pandas as pd

from alzbench.delimited import LINE, lines_of, quoted, read_delimited
from alzbench.errors import DataError
from alzbench.registry import did_you_mean

# standard name -> headings that are read as it, compared without case, spaces and dashes
HEADINGS = {
    "image": ("image", "file", "filename", "file_name", "path", "image_id"),
    "subject": ("subject", "subject_id", "participant", "participant_id", "patient", "patient_id"),
    "slice": ("slice", "slice_number"),
    "label": ("label", "class", "diagnosis"),
    "split": ("split", "part", "subset"),
    "age": ("age",),
    "sex": ("sex", "gender"),
}
NOT_COVARIATES = ("image", "subject", "slice", "label", "split")
OLDEST = 130  # years

_STANDARD = {heading: name for name, headings in HEADINGS.items() for heading in headings}
_MISSING = ("", "n/a", "nan")
_PARTS = {
    "train": "train", "training": "train", "validation": "validation", "valid": "validation", "val": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip


def read_table(path: Path, of: Literal["image", "subject"] = "image") -> pd.DataFrame:
    """Read a table with one row for each image, or for each participant.

    Args:
        path: The file, see `read_delimited`.
        of: What a row describes.

    Returns:
        Text columns ('' where a value is missing) under their standard names, and the covariates; the index is the line
        of each row. `split` is `train`, `validation` and `test`, or another text as it is.

    Raises:
        DataError: The file cannot be read, lacks a column, or has a wrong value; the message names the lines.
    """
    table = _renamed(read_delimited(path), path)
    if of not in table:
        raise DataError(
            f"{path} must have a column {of} (or {', '.join(HEADINGS[of][1:])}); its columns are "
            f"{', '.join(map(str, table))}.{did_you_mean(of, list(map(str, table)))}"
        )
    if not {"subject", "label"} & set(table):
        raise DataError(
            f"{path} must have a column subject or label; its columns are {', '.join(map(str, table))}. Rename one."
        )
    return checked(table, str(path), of)


def checked(table: pd.DataFrame, where: str, of: str) -> pd.DataFrame:
    """Return a table of texts with missing values as '', and with checked ages, slices and parts.

    Args:
        table: Columns with standard names; the index is the line of each row.
        where: The file, for errors.
        of: The column that every row must have, once.
    """
    table = table.apply(lambda column: column.str.strip())
    table = table.mask(table.apply(lambda column: column.str.lower().isin(_MISSING)), "")
    empty = table.index[table[of] == ""]
    if len(empty):
        raise DataError(f"{where}: every row must name its {of}; missing: {lines_of(empty)}.")
    repeated = table.loc[table[of].duplicated(), of].unique()
    if len(repeated):
        raise DataError(f"{where}: each {of} must have one row only; repeated: {quoted(repeated)}.")
    if "age" in table:
        table["age"] = ages(table["age"], where)
    if "slice" in table:
        table["slice"] = table["slice"].str.replace(r"^0+(?=\d+$)", "", regex=True)
    if "split" in table:
        table["split"] = table["split"].map(lambda part: _PARTS.get(part.lower(), part))
    return table


def ages(column: pd.Series[str], where: str) -> pd.Series[str]:
    """Return ages as text; BIDS' `89+` is read as 89. Raises DataError for one that is not a number of years."""
    plain = column.str.removesuffix("+")
    numbers = pd.to_numeric(plain, errors="coerce")
    wrong = column[(column != "") & ~numbers.between(0, OLDEST)]
    if len(wrong):
        at = f", {lines_of(wrong.index)}" if wrong.index.name == LINE else ""
        raise DataError(
            f"{where}: an age must be a number of years from 0 to {OLDEST}, or empty; found "
            f"{quoted(wrong.unique())}{at}."
        )
    return plain


def covariate_names(table: pd.DataFrame) -> list[str]:
    """Return the columns that are covariates: age and sex first."""
    names = [str(name) for name in table if name not in NOT_COVARIATES]
    return sorted(names, key=lambda name: (name != "age", name != "sex"))


def standard_name(heading: str) -> str:
    """Return the standard name of a heading, or else the heading as a lower-case name."""
    plain = re.sub(r"\W+", "_", heading.strip().lower()).strip("_")
    return _STANDARD.get(plain, plain)


def _renamed(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return a table with standard names; raises DataError if two columns have the same."""
    names: dict[str, str] = {}
    for heading in map(str, table):
        name = standard_name(heading)
        if not name:
            raise DataError(f"{path}: every column must have a name; the heading has {heading!r}.")
        if name in names:
            raise DataError(
                f"{path}: only one column may give the {name}; {names[name]!r} and {heading!r} do. Rename one of them."
            )
        names[name] = heading
    return table.set_axis(list(names), axis=1)
