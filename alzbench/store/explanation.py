"""What a model looks at: the folder `explain` of a run, written once and read without TensorFlow.

    explanation.json    the methods, and the checks of their maps
    images.csv          a row for each explained image: image, subject, slice, label, predicted, confidence, group
    slices/0000.png     the image itself, in its own size; the number is its row in images.csv
    <method>.npy        float16 (n, h, w) maps, each divided by its largest value
    <method>/0000.png   the map over the image, in the image's own size
    attention_weights.npy   float16 (n, heads, queries, positions), for a head that attends over positions
    slice_weights.npy   float32 (n,), for a head that attends over a subject's slices: the weight of each image

Letters: `n` images, `h, w` height and width of the maps of a method.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from alzbench import __version__, atomic
from alzbench.arrays import open_array
from alzbench.errors import DataError
from alzbench.evaluation.intervals import Interval

FOLDER = "explain"
IMAGE_COLUMNS = ["image", "subject", "slice", "label", "predicted", "confidence", "group"]
Group = Literal["error", "right", "sample"]
Verdict = Literal["passed", "failed", "unclear"]
Maps = npt.NDArray[np.float16]
_LARGEST = 1 + 1e-3  # of maps and weights, with their rounding
_NAME = r"^[A-Za-z0-9_-]+$"  # of a method, and so of its files: never a path that leaves the folder


MethodName = Annotated[str, StringConstraints(pattern=_NAME)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Estimate(_Model):
    """A mean with its 95 % interval over subjects; the ends are None where there are too few subjects."""

    value: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, interval: Interval) -> Estimate:
        """Return an interval as an estimate."""
        return cls(value=interval.value, low=interval.low, high=interval.high)


class Check(_Model):
    """The result of one check of the maps of one method.

    Attributes:
        name: Name of the check, for example `randomisation`.
        method: Name of the method.
        label: What is measured, for people.
        value, baseline, difference: The measured value, the same of what it is compared with, and their paired
            difference, value minus baseline.
        against: What it is compared with, for people.
        verdict: `passed` or `failed` if the interval of the difference shows it, else `unclear`.
        sentence: The result in plain words.
        images, subjects: How many it rests on.
        steps: Further values by name, such as the similarity after each step of a randomisation.
    """

    name: str
    method: str
    label: str
    value: Estimate
    against: str
    baseline: Estimate | None = None
    difference: Estimate | None = None
    verdict: Verdict
    sentence: str
    images: int
    subjects: int
    steps: dict[str, float] = {}


class MethodInfo(_Model):
    """A method whose maps are stored: its label, and its reference (paper)."""

    label: str
    reference: str = ""


class Contents(_Model):
    """The content of explanation.json.

    Attributes:
        methods: Name -> method, in the order in which they are shown.
        checks: The checks of their maps.
        subject: True if the model classifies subjects, with all their slices at once.
        seconds: Step -> time.
        version: Version of alzbench.
    """

    methods: dict[MethodName, MethodInfo]
    checks: list[Check] = []
    subject: bool = False
    seconds: dict[str, float] = {}
    version: str = __version__


@dataclass(frozen=True)
class Explanation:
    """A stored explanation of a run.

    Attributes:
        path: Its folder.
        contents: Its methods and checks.
        images: One row per explained image, see IMAGE_COLUMNS.
    """

    path: Path
    contents: Contents
    images: pd.DataFrame

    def maps(self, method: str) -> Maps:
        """Return the maps (n, h, w) of a method, in [0, 1]; raises DataError if the file is damaged."""
        maps: Maps = self._array(f"{method}.npy", 3)
        return maps

    @cached_property
    def attention_weights(self) -> Maps | None:
        """Weights (n, heads, queries, positions), each row of the last axis summing to 1; None if there are none."""
        name = "attention_weights.npy"
        return self._array(name, 4) if (self.path / name).is_file() else None

    @cached_property
    def slice_weights(self) -> npt.NDArray[np.floating] | None:
        """Weight (n,) of each image among the slices of its subject; None if there are none."""
        name = "slice_weights.npy"
        return self._array(name, 1) if (self.path / name).is_file() else None

    def picture(self, row: int) -> npt.NDArray[np.uint8]:
        """Return an image, (height, width) for grey or (height, width, 3), in its own size."""
        path = self.picture_file(row)
        try:
            with Image.open(path, formats=["PNG"]) as image:
                return np.asarray(image.convert("L" if image.mode == "L" else "RGB"), np.uint8)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise damaged(path, error) from None

    def picture_file(self, row: int, method: str = "slices") -> Path:
        """Return the file of an image, or of the map of a method over it."""
        return self.path / method / f"{row:04d}.png"

    def row_of(self, image: str) -> int | None:
        """Return the row of an image; None if it is not explained."""
        return self._rows.get(image)

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {str(name): row for row, name in enumerate(self.images["image"])}

    def _array(self, name: str, dimensions: int) -> Any:
        path = self.path / name
        try:
            stored = open_array(path)
            if stored.ndim != dimensions or len(stored) != len(self.images) or 0 in stored.shape[1:]:
                raise ValueError(f"it has the shape {stored.shape}, for {len(self.images)} images")
            array = np.array(stored)
            if array.dtype.kind != "f" or not ((array >= 0) & (array <= _LARGEST)).all():
                raise ValueError("it must hold numbers from 0 to 1")
        except (OSError, ValueError) as error:
            raise damaged(path, error) from None
        return array


def read_explanation(run_folder: Path) -> Explanation | None:
    """Return the stored explanation of a run; None if it has none.

    Raises:
        DataError: A file is damaged.
    """
    folder = run_folder / FOLDER
    path = folder / "explanation.json"
    if not path.is_file():
        return None
    try:
        contents = Contents.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise damaged(path, error) from None
    path = folder / "images.csv"
    try:
        text = dict.fromkeys(("image", "subject", "slice", "label", "predicted", "group"), str)
        images = pd.read_csv(path, keep_default_na=False, dtype=text)
        missing = [name for name in IMAGE_COLUMNS if name not in images]
        if missing:
            raise ValueError(f"it has no column {missing[0]}")
        if not np.isfinite(pd.to_numeric(images["confidence"])).all():
            raise ValueError("confidence must hold finite numbers")
    except (OSError, ValueError) as error:
        raise damaged(path, error) from None
    return Explanation(folder, contents, images)


def fingerprint(run_folder: Path) -> str:
    """Return a hash of a run's stored explanation, which another one does not have; '' if it has none."""
    try:
        content = (run_folder / FOLDER / "explanation.json").read_bytes()
        return hashlib.sha256(content + (run_folder / FOLDER / "images.csv").read_bytes()).hexdigest()[:16]
    except OSError:
        return ""


def damaged(path: Path, error: Exception) -> DataError:
    """Return the error of a damaged file of an explanation."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return DataError(f"{path} is damaged ({reason}); run `alzbench explain` again.")


class ExplanationWriter:
    """Writer of an explanation into a temporary folder; see `writing_explanation`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write_images(self, images: pd.DataFrame) -> None:
        """Write images.csv."""
        images[IMAGE_COLUMNS].to_csv(self.folder / "images.csv", index=False, lineterminator="\n")

    def write_array(self, name: str, array: npt.NDArray[np.floating]) -> None:
        """Write an array, named without `.npy`."""
        np.save(self.folder / f"{name}.npy", array, allow_pickle=False)

    def write_picture(self, row: int, picture: npt.NDArray[np.uint8], method: str = "slices") -> None:
        """Write an image, or the map of a method over it."""
        path = self.folder / method / f"{row:04d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(picture).save(path)

    def write_contents(self, contents: Contents) -> None:
        """Write explanation.json."""
        text = json.dumps(contents.model_dump(mode="json"), indent=2, allow_nan=False)
        (self.folder / "explanation.json").write_text(text + "\n", encoding="utf-8")


@contextmanager
def writing_explanation(run_folder: Path) -> Iterator[ExplanationWriter]:
    """Yield a writer; on success the explanation replaces the one that the run had, on failure nothing changes."""
    with atomic.replacing_folder(run_folder / FOLDER) as temporary:
        yield ExplanationWriter(temporary)


def relative_maps(maps: npt.NDArray[np.floating]) -> Maps:
    """Return maps (n, h, w) of values from 0, each divided by its largest value; a map of zeros stays as it is.

    Raises:
        ValueError: A value is negative or not finite.
    """
    if not np.isfinite(maps).all() or (maps < 0).any():
        raise ValueError("maps must hold finite numbers that are not negative")
    largest = maps.max(axis=(1, 2), keepdims=True)
    relative: Maps = (maps / np.where(largest > 0, largest, 1)).astype(np.float16)
    return relative


def labels(methods: Mapping[str, MethodInfo]) -> dict[str, str]:
    """Return the label of each method by its name."""
    return {name: method.label for name, method in methods.items()}
