"""The manifest: a row for each image of a set, checked, with its pixels at hand."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from alzbench.arrays import Rows
from alzbench.data.folder import list_folder
from alzbench.data.images import Decoded, decode, image_list
from alzbench.data.kaggle import download
from alzbench.data.phantom import draw_phantom_set
from alzbench.data.subjects import identify
from alzbench.errors import DataError
from alzbench.experiment import DataSettings
from alzbench.progress import Progress

COLUMNS = ["image", "path", "label", "part", "width", "height", "digest", "subject", "slice", "subject_by"]


@dataclass(frozen=True)
class ImageSet:
    """A checked set of images.

    Attributes:
        manifest: A row an image, sorted by name: image (path below the set's folder), path, label (index into
            `classes`), part (`augmented`, `original`, `train` or `test`), width and height (pixels), digest (of the
            content), subject and slice ('' where unknown), subject_by (`name`, `content` or '').
        pixels: (N, S, S, C) uint8 in [0, 255], in the order of the manifest.
        classes: Names of the classes.
        skipped: Rows image, reason: files left out because `data.on_corrupt` is `skip`.
        derived: What is opened or made of the images once, and shared by the runs of a command, by what made it.
    """

    manifest: pd.DataFrame
    pixels: Rows
    classes: list[str]
    skipped: pd.DataFrame
    derived: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of every image's name, label, part and content: two sets that share it hold the same."""
        table = self.manifest[["image", "label", "part", "digest"]].to_csv(index=False)
        return hashlib.sha256(table.encode()).hexdigest()[:16]


def locate(settings: DataSettings, progress: Progress, quiet: bool = False) -> Path:
    """Return the folder of the set that `data.source` names, downloading or drawing it where that is needed."""
    if settings.source == "phantom":
        return draw_phantom_set(progress)
    if settings.source == "kaggle":
        progress.say(f"data: {settings.kaggle} through kagglehub")
        return download(settings.kaggle, quiet=quiet)
    return Path(settings.source).expanduser()


def open_image_set(settings: DataSettings, progress: Progress, quiet: bool = False) -> ImageSet:
    """Find, check and decode a set.

    Raises:
        DataError: The set cannot be found, or `on_corrupt` is `fail` and files cannot be used: all of them are named.
    """
    files = list_folder(locate(settings, progress, quiet), settings.classes)
    decoded = decode(files, settings.size, settings.channels, progress)
    if len(decoded.bad):
        _report_bad(decoded, settings, progress)
    names = np.array(settings.classes, dtype=object)
    readable = decoded.files.assign(**{"class": names[decoded.files["label"].to_numpy()]})
    found = identify(files.assign(**{"class": names[files["label"].to_numpy()]}), readable, progress)
    manifest = readable.join(found)[COLUMNS]
    _require_every_class(manifest, settings.classes)
    return ImageSet(manifest, decoded.pixels, list(settings.classes), decoded.bad[["image", "reason"]])


def _report_bad(decoded: Decoded, settings: DataSettings, progress: Progress) -> None:
    names = [f"{row.image}: {row.reason}" for row in decoded.bad.itertuples()]
    if settings.on_corrupt == "fail":
        raise DataError(
            f"Every image must be readable; {len(names)} of {len(names) + len(decoded.files)} are not:\n"
            f"{image_list(names, most=50)}\nReplace them, or set data.on_corrupt: skip to leave them out."
        )
    progress.say(f"{len(names)} images cannot be read and are left out:\n{image_list(names)}")


def _require_every_class(manifest: pd.DataFrame, classes: Sequence[str]) -> None:
    for part, rows in manifest.groupby("part"):
        missing = [name for label, name in enumerate(classes) if label not in set(rows["label"])]
        if missing:
            raise DataError(f"The {part} images must have readable ones of every class; none of {', '.join(missing)}.")


class ImageSets:
    """The image sets of a command, each opened when it is first needed.

    Args:
        progress: Where to report.
        quiet: Keep libraries quiet too.
    """

    def __init__(self, progress: Progress, quiet: bool = False) -> None:
        self._progress, self._quiet = progress, quiet
        self._open: dict[DataSettings, ImageSet] = {}

    def open(self, settings: DataSettings) -> ImageSet:
        """Return the set that these settings name; see `open_image_set` for what it raises."""
        if settings not in self._open:
            self._open[settings] = open_image_set(settings, self._progress, self._quiet)
        return self._open[settings]
