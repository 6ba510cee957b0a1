"""Subjects and slice numbers read from file names.

A naming scheme returns the subject and slice of the images whose names follow it. It never guesses: a name that only
nearly follows a scheme is not read, and the names beside it are read all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath

import pandas as pd

from alzbench.data.parts import AUGMENTED, ORIGINAL
from alzbench.experiment.classes import plain

KAGGLE_SLICES = 32  # slices of each subject in the four-class Kaggle set

_LABELLED = re.compile(r"(?P<subject>OAS\d_\d{4}|sub-[A-Za-z0-9]+|\w+-subject\d+)(?=[_.-])")
_SLICE = re.compile(r"slice[-_]?(\d+)|mpr-\d_(\d+)")
_NUMBERED = re.compile(r"(?P<slice>\d+)(?: \((?P<subject>\d+)\))?\.[A-Za-z]+")
_SERIAL = re.compile(r"(?P<word>[A-Za-z]+?)(?P<serial>\d+)\.[A-Za-z]+")


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
            if named.empty:
                continue
            result.loc[named.index, ["subject", "slice"]] = named
            result.loc[named.index, "numbered"] = scheme is kaggle_names
    return result


def numbered_parts(files: pd.DataFrame) -> pd.Series[str]:
    """Return the part within which each file is numbered: train, validation, test and folds are one."""
    return files["part"].where(files["part"].isin([ORIGINAL, AUGMENTED]), "whole")


def labelled_names(files: pd.DataFrame) -> pd.DataFrame:
    """Read names with the subject in them: `OAS1_0028_MR1_mpr-1_100`, `sub-012_slice-05`, `...-subject03-slice02`."""
    stems = files["image"].map(lambda name: PurePath(name).name)
    subjects = stems.str.extract(_LABELLED)["subject"]
    slices = stems.str.extract(_SLICE).bfill(axis=1)[0].fillna("").astype(str)
    return pd.DataFrame({"subject": subjects, "slice": slices.str.replace(r"^0+(?=\d)", "", regex=True)}, dtype=str)[
        subjects.notna()
    ]


def kaggle_names(files: pd.DataFrame) -> pd.DataFrame:
    """Read the names of one class of the four-class Kaggle set, which encode subject and slice in a number.

    `S (K).jpg` is slice S of subject K, and `S.jpg` is slice S of subject 1. The others, such as `nonDem17.jpg`, are
    numbered from 0: slice 1 of all subjects, then slice 2, and so on. The subjects of a slice are in the text order of
    their names of the first form, without those that have such a name. The numbers can be read only if the class is
    complete, with 32 slices of every subject. Names of another form, or with another word than most, do not count.
    """
    names = files["image"].map(lambda name: PurePath(name).name)
    word = _usual_word(names)
    known: dict[tuple[int, int], int] = {}
    serial: dict[int, int] = {}
    count = 0
    for index, name in names.items():
        if (numbered := _NUMBERED.fullmatch(name)) and 1 <= int(numbered["slice"]) <= KAGGLE_SLICES:
            known[int(numbered["slice"]), int(numbered["subject"] or 1)] = int(str(index))
        elif (running := _SERIAL.fullmatch(name)) and running["word"] == word:
            serial[int(running["serial"])] = int(str(index))
        else:
            continue
        count += 1
    subjects, remainder = divmod(count, KAGGLE_SLICES)
    pairs = list(_in_serial_order(subjects))
    unnamed = [pair for pair in pairs if pair not in known]
    complete = not remainder and len(known) + len(serial) == count and set(known) <= set(pairs)
    if not complete or sorted(serial) != list(range(len(unnamed))):
        return pd.DataFrame(columns=["subject", "slice"], dtype=str)
    known |= {pair: serial[number] for number, pair in enumerate(unnamed)}
    title = plain(str(files["class"].iloc[0]))
    rows = {index: (f"{title}-{subject:03d}", str(number)) for (number, subject), index in known.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["subject", "slice"], dtype=str)


def _usual_word(names: pd.Series[str]) -> str:
    """Return the word before the number in most of the names that have one; empty if there are none."""
    words = names.str.extract(f"^{_SERIAL.pattern}$")["word"].value_counts()
    return str(words.index[0]) if len(words) else ""


def _in_serial_order(subjects: int) -> Iterator[tuple[int, int]]:
    """Yield each (slice, subject) in the order of the serial numbers."""
    for number in range(1, KAGGLE_SLICES + 1):
        subject_names = {f"{number}.jpg": 1} | {f"{number} ({k}).jpg": k for k in range(2, subjects + 1)}
        yield from ((number, subject_names[name]) for name in sorted(subject_names))
