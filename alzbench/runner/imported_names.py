"""Names of images and classes in the predictions of another program, as a stored run names them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from alzbench.errors import DataError, ExperimentError
from alzbench.evaluation.predictions import class_names

_NUMBER = re.compile(r"\d+(\.0+)?")


def full_names(images: pd.Series, known: pd.Series) -> pd.Series:
    """Return the known name of each image; empty if there is none or several.

    The image's name is the known one or its end, or a whole path that ends with it, of any system.
    """
    endings: dict[str, str] = {}
    whole: dict[str, str] = {}
    for name in known:
        parts = _parts(name)
        for start in range(len(parts)):
            names = whole if start == 0 else endings
            ending = "/".join(parts[start:])
            names[ending] = "" if ending in names else name

    def find(image: str) -> str:
        parts = _parts(image)
        ends = ("/".join(parts[start:]) for start in range(1, len(parts)))
        plain = "/".join(parts)
        return whole.get(plain) or endings.get(plain) or next((whole[end] for end in ends if end in whole), "")

    return images.map(find)


def _parts(path: str) -> list[str]:
    return [part for part in path.replace("\\", "/").split("/") if part != "."]


def given_classes(given: Sequence[str], classes: Sequence[str], like: str) -> dict[str, str]:
    """Return the class of each name that --classes gives, beside a run with the `classes`.

    Args:
        given: The classes themselves, or the file's own names of them, in the same order.
        classes: The classes of the run, in label order.
        like: Name of the run, for errors.

    Raises:
        ExperimentError: They are the classes in another order, or of another number.
    """
    if list(given) != list(classes) and (set(given) == set(classes) or len(given) != len(classes)):
        raise ExperimentError(
            f"The classes must be those of {like}, in their order: {', '.join(classes)}; got {', '.join(given)}. Leave "
            "out --classes, or give the file's own names of these classes in this order."
        )
    return dict(zip(given, classes, strict=True))


def numbered_classes(table: pd.DataFrame, known: pd.DataFrame, path: object) -> Mapping[str, str]:
    """Return the class of each number that stands for one in a file, from the labels of the same images.

    Args:
        table: The file's columns image, label, and predicted or probabilities.
        known: Predictions of a stored run on the same images.
        path: The file, for errors.

    Returns:
        Number, as the file writes it -> class; empty if the file does not number the classes.

    Raises:
        DataError: The images of a number are of several classes, or those of a class have several numbers.
    """
    classes = class_names(known)
    values = {*table["label"], *table.get("predicted", ()), *class_names(table)}
    if values <= set(classes) or not all(_NUMBER.fullmatch(value) for value in values):
        return {}
    label_of = dict(zip(known["image"], known["label"], strict=True))
    labels = full_names(table["image"], known["image"]).map(label_of)
    pairs = pd.DataFrame({"number": table["label"].map(_whole), "label": labels}).dropna().drop_duplicates()
    if pairs["number"].duplicated().any() or pairs["label"].duplicated().any():
        listed = "; ".join(f"{number}: {', '.join(of['label'])}" for number, of in pairs.groupby("number"))
        raise DataError(
            f"{path}: each number must stand for one class, and by the run's labels of the images they stand for "
            f"{listed}. Are image and label of a row of different images, as after shuffling?"
        )
    found = dict(zip(pairs["number"], pairs["label"], strict=True))
    others = {_whole(value) for value in values} - set(found)
    left = [name for name in classes if name not in found.values()]
    if len(others) == len(left) == 1:  # a class without test images
        found[others.pop()] = left[0]
    return {value: found[_whole(value)] for value in values if _whole(value) in found}


def _whole(number: str) -> int:
    return int(float(number))
