"""Predictions from elsewhere, as a checked predictions table: a notebook's, or another framework's, from a CSV file."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from alzbench.errors import DataError
from alzbench.evaluation.predictions import PREFIX
from alzbench.registry import did_you_mean

ROLES = ("image", "label", "predicted", "subject", "slice")
SUM_TOLERANCE = 1e-3  # of a row of probabilities, as files round them
_NAMED = 5  # rows or names in an error


def read_predictions(path: Path, classes: Sequence[str], columns: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Read a CSV file with a row an image and return a predictions table, see `predictions`.

    Args:
        path: The file, UTF-8, with a heading. It must have `image` and `label`, and `predicted` or a probability
            `p_<class>` for each class; `subject` and `slice` are taken where they are there.
        classes: Names of the classes, in label order.
        columns: The file's own names of columns, by what they are here: ``{"image": "filename", "p_A": "prob_A"}``.

    Raises:
        DataError: It cannot be read, or is not such a table; the first rows that are wrong are named.
    """
    table = _renamed(_read(path), dict(columns or {}), path)
    for role in ("image", "label"):
        if role not in table:
            raise DataError(_missing(path, role, table))
    table = table.reset_index(drop=True)
    _check_images(table, path)
    _check_classes(table, "label", classes, path)
    probabilities = _probabilities(table, classes, path)
    if probabilities is None:
        if "predicted" not in table:
            raise DataError(_missing(path, "predicted", table))
        _check_classes(table, "predicted", classes, path)
        index = {name: k for k, name in enumerate(classes)}
        probabilities = np.eye(len(classes))[table["predicted"].map(index).to_numpy()]
    elif "predicted" in table:
        _check_classes(table, "predicted", classes, path)
    names = np.array(classes, dtype=object)
    predicted = table["predicted"] if "predicted" in table else names[probabilities.argmax(axis=1)]
    about = {role: table.get(role, "") for role in ("subject", "slice")}
    found = pd.DataFrame({"image": table["image"], **about, "label": table["label"], "predicted": predicted})
    return found.assign(**{PREFIX + name: probabilities[:, k] for k, name in enumerate(classes)})


def _read(path: Path) -> pd.DataFrame:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} must be a readable CSV file: {error.strerror}.") from None
    if content[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in content[:1000]:
        raise DataError(f"{path} must be a CSV file in UTF-8; this one looks like UTF-16. Save it as UTF-8.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} must be a CSV file in UTF-8; byte {error.start:,} is not. Save it as UTF-8.") from None
    try:
        table = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"{path} must be a CSV file with a heading: {' '.join(str(error).split())}.") from None
    if table.empty:
        raise DataError(f"{path} must have a row an image; it has none.")
    return table


def _renamed(table: pd.DataFrame, columns: dict[str, str], path: Path) -> pd.DataFrame:
    unknown = [name for name in columns.values() if name not in table]
    if unknown:
        raise DataError(
            f"{path} has no column {unknown[0]!r};{did_you_mean(unknown[0], list(map(str, table)))} "
            f"It has {', '.join(map(str, table))}."
        )
    taken = [role for role in columns if role in table and columns[role] != role]
    return table.drop(columns=taken).rename(columns={name: role for role, name in columns.items()})


def _missing(path: Path, role: str, table: pd.DataFrame) -> str:
    what = "predicted, or a probability p_<class> for each class" if role == "predicted" else role
    there = ", ".join(map(str, table.columns))
    return f"{path} must have a column {what}; it has {there}. --column {role}=NAME names another one."


def _check_images(table: pd.DataFrame, path: Path) -> None:
    empty = table.index[table["image"] == ""]
    if len(empty):
        raise DataError(f"{path}: every row must name its image; {_rows(empty)} do not.")
    repeated = table.loc[table["image"].duplicated(), "image"].unique()
    if len(repeated):
        raise DataError(f"{path}: an image must come once; more often there: {_list(repeated)}.")


def _check_classes(table: pd.DataFrame, role: str, classes: Sequence[str], path: Path) -> None:
    unknown = table.loc[~table[role].isin(list(classes)), role].unique()
    if len(unknown):
        raise DataError(
            f"{path}: {role} must be one of {', '.join(classes)}; found {_list(unknown)}."
            f"{did_you_mean(str(unknown[0]), list(classes))} --classes names others."
        )


def _probabilities(table: pd.DataFrame, classes: Sequence[str], path: Path) -> npt.NDArray[np.float64] | None:
    """Return (n, K), each row summing to 1; None where the table has none."""
    columns = [PREFIX + name for name in classes]
    there = [column for column in columns if column in table]
    if not there:
        return None
    if len(there) < len(columns):
        missing = next(column for column in columns if column not in table)
        raise DataError(f"{path} must have a probability for every class or for none; {missing} is missing.")
    numbers = table[columns].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    wrong = table.index[~np.isfinite(numbers).all(axis=1) | (numbers < 0).any(axis=1) | (numbers > 1).any(axis=1)]
    if len(wrong):
        raise DataError(f"{path}: probabilities must be numbers from 0 to 1; not so: {_rows(wrong)}.")
    sums = numbers.sum(axis=1)
    wrong = table.index[np.abs(sums - 1) > SUM_TOLERANCE]
    if len(wrong):
        raise DataError(
            f"{path}: the probabilities of a row must sum to 1; not so: {_rows(wrong)} (the first: "
            f"{sums[wrong[0]]:.4g}). Are they logits? Apply a softmax first."
        )
    probabilities: npt.NDArray[np.float64] = numbers / sums[:, None]
    return probabilities


def _rows(index: pd.Index) -> str:
    """Return which lines of the file, counted as an editor does, with the heading as line 1."""
    lines = ", ".join(f"{int(row) + 2:,}" for row in index[:_NAMED])
    more = f" and {len(index) - _NAMED:,} more" if len(index) > _NAMED else ""
    return f"line{'s' if len(index) > 1 else ''} {lines}{more}"


def _list(names: Sequence[object] | npt.NDArray[np.object_]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(repr(str(name)) for name in names[:_NAMED]) + more
