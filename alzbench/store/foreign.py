"""Read predictions of another program, such as a notebook, from a CSV file as a checked predictions table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from alzbench.delimited import lines_of, quoted, read_delimited
from alzbench.errors import DataError, ExperimentError
from alzbench.evaluation.predictions import PREFIX, class_names
from alzbench.experiment.classes import plain
from alzbench.registry import did_you_mean

ROLES = ("image", "label", "predicted", "subject", "slice")
ROUNDED = 0.005  # the most that rounding to two digits changes a probability
MOST_ROUNDED = 0.05  # with many classes, most probabilities are near 0 and change less
FAR_FROM_ONE = 0.1  # difference of a sum of probabilities from 1; too large for rounding
MOST_CLASSES = 50  # the memory of a comparison grows with the square of their number

OwnNames = Callable[[pd.DataFrame], Mapping[str, str]]  # the file's columns -> class of each of its own names of them


@dataclass(frozen=True)
class Foreign:
    """Predictions of another program.

    Attributes:
        table: A predictions table, see `predictions`.
        labels_only: True if the file has no probabilities; then the table has 1 for the predicted class.
    """

    table: pd.DataFrame
    labels_only: bool


def read_predictions(
    path: Path,
    classes: Sequence[str] | None = None,
    columns: Mapping[str, str] | None = None,
    own_names: OwnNames = lambda _: {},
) -> Foreign:
    """Read a CSV file with one row per image.

    Args:
        path: The file, UTF-8, with a heading. It must have `image` and `label`, and `predicted` or a probability
            `p_<class>` for each class; `subject` and `slice` are optional.
        classes: Names of the classes, in label order; by default those of the probabilities' columns.
        columns: Standard name -> name of the column in the file: ``{"image": "filename", "p_A": "prob_A"}``.
        own_names: Returns the class of each name of the file that is another one, such as a number. Names that differ
            from a class in case, spaces and punctuation only are read as this class.

    Raises:
        DataError: The file cannot be read or is invalid; the message names the first wrong rows.
        ExperimentError: The classes are neither given nor among the columns.
    """
    table = _renamed(read_delimited(path), dict(columns or {}), path)
    for role in ("image", "label"):
        if role not in table:
            raise DataError(_missing(path, role, table))
    table = _with_classes(table, own_names(table), classes or class_names(table))
    with_probability = class_names(table)
    if not with_probability and "predicted" not in table:
        raise DataError(_missing(path, "predicted", table))
    chosen = list(classes or with_probability)
    if len(chosen) < 2:
        raise ExperimentError("At least two class names must be known: give --classes A,B,... or --like RUN.")
    if len(chosen) > MOST_CLASSES:
        raise DataError(f"{path} must have at most {MOST_CLASSES} classes; it has {len(chosen)}.")
    _check_images(table, path)
    for role in ("label", "predicted"):
        if role in table:
            _check_classes(table, role, chosen, path)
    _check_subjects(table, path)
    if with_probability:
        probabilities = _probabilities(table, with_probability, chosen, path)
    else:
        probabilities = _certain(table, chosen)
    names = np.array(chosen, dtype=object)
    predicted = table["predicted"] if "predicted" in table else names[probabilities.argmax(axis=1)]
    about = {role: table.get(role, "") for role in ("subject", "slice")}
    labels = pd.DataFrame({"image": table["image"], **about, "label": table["label"], "predicted": predicted})
    columns_of_classes = {PREFIX + name: probabilities[:, k] for k, name in enumerate(chosen)}
    return Foreign(labels.assign(**columns_of_classes).reset_index(drop=True), not with_probability)


def _renamed(table: pd.DataFrame, columns: dict[str, str], path: Path) -> pd.DataFrame:
    unknown = [name for name in columns.values() if name not in table]
    if unknown:
        raise DataError(
            f"{path} has no column {unknown[0]!r}.{did_you_mean(unknown[0], list(map(str, table)))} "
            f"Its columns are {', '.join(map(str, table))}."
        )
    roles = {name: role for role, name in columns.items()}
    if len(roles) < len(columns):
        raise ExperimentError(f"--column must name a different column each time; got {', '.join(columns.values())}.")
    # drop a column of the file if --column gives its name to another column
    kept = [name for name in table if name in roles or name not in columns]
    return table[kept].rename(columns=roles)


def _with_classes(table: pd.DataFrame, own_names: Mapping[str, str], classes: Sequence[str]) -> pd.DataFrame:
    """Return the table with the names of the `classes` for the file's own ones and for other spellings."""
    values = {*table["label"], *table.get("predicted", ()), *class_names(table)}
    spelled = {plain(name): name for name in classes}
    unknown = {value for value in values if value not in classes} if len(spelled) == len(classes) else set()
    names = {**{value: spelled[plain(value)] for value in unknown if plain(value) in spelled}, **own_names}
    columns = {PREFIX + own: PREFIX + name for own, name in names.items()}
    taken = [own for own, name in columns.items() if name in table and name not in columns]  # two columns for one class
    table = table.rename(columns={own: name for own, name in columns.items() if own not in taken})
    roles = [role for role in ("label", "predicted") if role in table]
    return table.assign(**{role: table[role].map(lambda value: names.get(value, value)) for role in roles})


def _missing(path: Path, role: str, table: pd.DataFrame) -> str:
    what = "predicted, or a probability p_<class> for each class" if role == "predicted" else role
    columns = ", ".join(map(str, table.columns))
    return f"{path} must have a column {what}; its columns are {columns}. Use --column {role}=NAME for another name."


def _check_images(table: pd.DataFrame, path: Path) -> None:
    empty = table.index[table["image"] == ""]
    if len(empty):
        raise DataError(f"{path}: every row must name its image; missing: {lines_of(empty)}.")
    repeated = table.loc[table["image"].duplicated(), "image"].unique()
    if len(repeated):
        raise DataError(f"{path}: each image must have one row only; repeated: {quoted(repeated)}.")


def _check_classes(table: pd.DataFrame, role: str, classes: Sequence[str], path: Path) -> None:
    unknown = table.loc[~table[role].isin(list(classes)), role].unique()
    if len(unknown):
        raise DataError(
            f"{path}: {role} must be one of {', '.join(classes)}; found {quoted(unknown)}."
            f"{did_you_mean(str(unknown[0]), list(classes))} If these are names of the same classes, give all of them "
            "in this order with --classes."
        )


def _check_subjects(table: pd.DataFrame, path: Path) -> None:
    """Check that all images or none have a subject, and that all images of a subject have one class."""
    if "subject" not in table or (table["subject"] == "").all():
        return
    empty = table.index[table["subject"] == ""]
    if len(empty):
        raise DataError(f"{path}: all rows or none must name a subject; missing: {lines_of(empty)}.")
    labels = table.groupby("subject")["label"].nunique()
    several = labels.index[labels > 1].to_numpy()
    if len(several):
        raise DataError(f"{path}: all images of a subject must have one label; several labels: {quoted(several)}.")


def _certain(table: pd.DataFrame, classes: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return (n, K) with 1 for the predicted class and 0 for the others."""
    return np.eye(len(classes))[pd.Index(classes).get_indexer(pd.Index(table["predicted"]))]


def _probabilities(
    table: pd.DataFrame, with_probability: Sequence[str], classes: Sequence[str], path: Path
) -> npt.NDArray[np.float64]:
    """Return (n, K), each row summing to 1."""
    missing = [name for name in classes if name not in with_probability]
    if missing:
        one = len(classes) == 2 and len(missing) == 1  # as of a network that ends in one sigmoid
        raise DataError(
            f"{path} must have a probability for every class or for none; {PREFIX}{missing[0]} is missing."
            + (f" Add it as 1 - {PREFIX}{with_probability[0]}." if one else "")
        )
    unknown = [PREFIX + name for name in with_probability if name not in classes]
    if unknown:
        raise DataError(
            f"{path}: the classes must be {', '.join(classes)}; it has probabilities of other classes: "
            f"{quoted(unknown)}. If these are names of the same classes, give all of them in this order with --classes."
        )
    columns = [PREFIX + name for name in classes]
    numbers = table[columns].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    wrong = table.index[~np.isfinite(numbers).all(axis=1) | (numbers < 0).any(axis=1) | (numbers > 1).any(axis=1)]
    if len(wrong):
        raise DataError(f"{path}: probabilities must be numbers from 0 to 1; wrong: {lines_of(wrong)}.")
    sums = numbers.sum(axis=1)
    off = np.abs(sums - 1) > min(ROUNDED * len(columns), MOST_ROUNDED) + 1e-9
    if off.any():
        far = np.abs(sums - 1).max() > FAR_FROM_ONE
        raise DataError(
            f"{path}: the probabilities of a row must sum to 1, except for rounding; wrong: "
            f"{lines_of(table.index[off])} (the first: {sums[off][0]:.4g})."
            f"{' Are they logits? Apply a softmax first.' if far else ' Write them with more digits.'}"
        )
    _check_predicted(table, numbers, classes, path)
    probabilities: npt.NDArray[np.float64] = numbers / sums[:, None]
    return probabilities


def _check_predicted(table: pd.DataFrame, numbers: npt.NDArray[np.float64], classes: Sequence[str], path: Path) -> None:
    """Check that each predicted class, if given, is a most probable class."""
    if "predicted" not in table:
        return
    probability = numbers[np.arange(len(table)), pd.Index(classes).get_indexer(pd.Index(table["predicted"]))]
    wrong = table.index[probability < numbers.max(axis=1)]
    if len(wrong):
        raise DataError(
            f"{path}: predicted must be the most probable class; wrong: {lines_of(wrong)}. Leave out the column "
            "predicted, or the probabilities."
        )
