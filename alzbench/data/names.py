"""Subjects and slices that file names tell.

A scheme reads the names of a set and returns subject and slice of each image, or None where the names are not its own.
It never guesses: names that nearly fit are not read at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import PurePath

import pandas as pd

from alzbench.experiment.schema import plain

Scheme = Callable[[pd.DataFrame], pd.DataFrame | None]

KAGGLE_SLICES = 32  # of each subject of the four-class Kaggle set

_LABELLED = re.compile(r"(?P<subject>OAS\d_\d{4}|sub-[A-Za-z0-9]+|\w+-subject\d+)(?=[_.-])")
_SLICE = re.compile(r"slice[-_]?(\d+)|mpr-\d_(\d+)")
_NUMBERED = re.compile(r"(?P<slice>\d+)(?: \((?P<subject>\d+)\))?\.[A-Za-z]+")
_SERIAL = re.compile(r"[A-Za-z]+?(?P<serial>\d+)\.[A-Za-z]+")


def read_names(files: pd.DataFrame) -> pd.DataFrame:
    """Return subject and slice ('' where the names do not tell) of each file, with the index of `files`.

    `numbered` is True where they follow from a numbering that the pixels must confirm, not from a subject's own name.

    Args:
        files: Columns image (path), class (name), part.
    """
    result = pd.DataFrame("", index=files.index, columns=["subject", "slice"], dtype=str).assign(numbered=False)
    for scheme in (labelled_names, kaggle_names):
        rest = files[result["subject"] == ""]
        for rows in _groups(rest):
            found = scheme(rows)
            if found is not None:
                result.loc[found.index, ["subject", "slice"]] = found
                result.loc[found.index, "numbered"] = scheme is kaggle_names
    return result


def labelled_names(files: pd.DataFrame) -> pd.DataFrame | None:
    """Read names that hold the subject: `OAS1_0028_MR1_mpr-1_100`, `sub-012_slice-05`, `...-subject03-slice02`."""
    stems = files["image"].map(lambda name: PurePath(name).name)
    subjects = stems.str.extract(_LABELLED)["subject"]
    if subjects.isna().any():
        return None
    slices = stems.str.extract(_SLICE).bfill(axis=1)[0].fillna("")
    return pd.DataFrame({"subject": subjects, "slice": slices.str.lstrip("0")}, dtype=str)


def kaggle_names(files: pd.DataFrame) -> pd.DataFrame | None:
    """Read the names of one class of the four-class Kaggle set, whose numbering hides subject and slice.

    `S (K).jpg` is slice S of subject K and `S.jpg` slice S of subject 1. All others, such as `nonDem17.jpg`, are
    numbered from 0 through slices 1, 2, ...; within a slice through the names that are not taken, sorted as plain text.
    The class must be whole, 32 slices of every subject, or the numbers cannot be read.
    """
    names = files["image"].map(lambda name: PurePath(name).name)
    known: dict[tuple[int, int], int] = {}
    serial: dict[int, int] = {}
    for index, name in names.items():
        if numbered := _NUMBERED.fullmatch(name):
            known[int(numbered["slice"]), int(numbered["subject"] or 1)] = int(str(index))
        elif running := _SERIAL.fullmatch(name):
            serial[int(running["serial"])] = int(str(index))
    count, rest = divmod(len(names), KAGGLE_SLICES)
    free = [place for place in _places(count) if place not in known]
    whole = not rest and len(known) + len(serial) == len(names) and set(known) <= set(_places(count))
    if not whole or sorted(serial) != list(range(len(free))):
        return None
    known |= {place: serial[number] for number, place in enumerate(free)}
    title = plain(str(files["class"].iloc[0]))
    rows = {index: (f"{title}-{subject:03d}", str(number)) for (number, subject), index in known.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["subject", "slice"], dtype=str)


def _places(subjects: int) -> Iterator[tuple[int, int]]:
    """Yield (slice, subject) in the order of the serial numbers."""
    for number in range(1, KAGGLE_SLICES + 1):
        subject_names = {f"{number}.jpg": 1} | {f"{number} ({k}).jpg": k for k in range(2, subjects + 1)}
        yield from ((number, subject_names[name]) for name in sorted(subject_names))


def _groups(files: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield the files that are numbered together: a class of one part, or of train and test."""
    parts = files["part"].replace({"train": "whole", "test": "whole"})
    for _, rows in files.groupby([parts, files["class"]], sort=False):
        yield rows
