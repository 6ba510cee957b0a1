"""Subjects and slice numbers read from file names.

A naming scheme returns the subject and slice of each image, or None if the names do not follow it. It never guesses:
names that only nearly follow a scheme are not read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import PurePath

import pandas as pd

from alzbench.experiment.schema import plain

KAGGLE_SLICES = 32  # slices of each subject in the four-class Kaggle set

_LABELLED = re.compile(r"(?P<subject>OAS\d_\d{4}|sub-[A-Za-z0-9]+|\w+-subject\d+)(?=[_.-])")
_SLICE = re.compile(r"slice[-_]?(\d+)|mpr-\d_(\d+)")
_NUMBERED = re.compile(r"(?P<slice>\d+)(?: \((?P<subject>\d+)\))?\.[A-Za-z]+")
_SERIAL = re.compile(r"[A-Za-z]+?(?P<serial>\d+)\.[A-Za-z]+")


def text_of(name: str) -> str:
    """Return the name of a file as text that can be written: bytes that are not UTF-8 become `\\xff` and so on."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def read_names(files: pd.DataFrame) -> pd.DataFrame:
    """Read the subject and slice of each file from its name.

    Args:
        files: Columns image (path), class (name), part.

    Returns:
        subject and slice ('' if unknown), and numbered (True if they follow from a numbering, which the pixels must
        confirm), with the index of `files`.
    """
    result = pd.DataFrame("", index=files.index, columns=["subject", "slice"], dtype=str).assign(numbered=False)
    for scheme in (labelled_names, kaggle_names):
        remaining = files[result["subject"] == ""]
        for _, rows in remaining.groupby([numbered_parts(remaining), remaining["class"]], sort=False):
            named = scheme(rows)
            if named is not None:
                result.loc[named.index, ["subject", "slice"]] = named
                result.loc[named.index, "numbered"] = scheme is kaggle_names
    return result


def numbered_parts(files: pd.DataFrame) -> pd.Series[str]:
    """Return the part within which each file is numbered: train and test are one."""
    return files["part"].replace({"train": "whole", "test": "whole"})


def labelled_names(files: pd.DataFrame) -> pd.DataFrame | None:
    """Read names with the subject in them: `OAS1_0028_MR1_mpr-1_100`, `sub-012_slice-05`, `...-subject03-slice02`."""
    stems = files["image"].map(lambda name: PurePath(name).name)
    subjects = stems.str.extract(_LABELLED)["subject"]
    if subjects.isna().any():
        return None
    slices = stems.str.extract(_SLICE).bfill(axis=1)[0].fillna("")
    return pd.DataFrame({"subject": subjects, "slice": slices.str.lstrip("0")}, dtype=str)


def kaggle_names(files: pd.DataFrame) -> pd.DataFrame | None:
    """Read the names of one class of the four-class Kaggle set, which encode subject and slice in a number.

    `S (K).jpg` is slice S of subject K, and `S.jpg` is slice S of subject 1. The others, such as `nonDem17.jpg`, are
    numbered from 0: slice 1 of all subjects, then slice 2, and so on. The subjects of a slice are in the text order of
    their names of the first form, without those that have such a name. The numbers can be read only if the class is
    complete, with 32 slices of every subject.
    """
    names = files["image"].map(lambda name: PurePath(name).name)
    known: dict[tuple[int, int], int] = {}
    serial: dict[int, int] = {}
    for index, name in names.items():
        if numbered := _NUMBERED.fullmatch(name):
            known[int(numbered["slice"]), int(numbered["subject"] or 1)] = int(str(index))
        elif running := _SERIAL.fullmatch(name):
            serial[int(running["serial"])] = int(str(index))
    count, remainder = divmod(len(names), KAGGLE_SLICES)
    unnamed = [pair for pair in _in_serial_order(count) if pair not in known]
    complete = not remainder and len(known) + len(serial) == len(names) and set(known) <= set(_in_serial_order(count))
    if not complete or sorted(serial) != list(range(len(unnamed))):
        return None
    known |= {pair: serial[number] for number, pair in enumerate(unnamed)}
    title = plain(str(files["class"].iloc[0]))
    rows = {index: (f"{title}-{subject:03d}", str(number)) for (number, subject), index in known.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["subject", "slice"], dtype=str)


def _in_serial_order(subjects: int) -> Iterator[tuple[int, int]]:
    """Yield each (slice, subject) in the order of the serial numbers."""
    for number in range(1, KAGGLE_SLICES + 1):
        subject_names = {f"{number}.jpg": 1} | {f"{number} ({k}).jpg": k for k in range(2, subjects + 1)}
        yield from ((number, subject_names[name]) for name in sorted(subject_names))
