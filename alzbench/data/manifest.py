"""Image sets: the manifest with one row per image, checked, and the decoded pixels."""

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
from alzbench.data.described import SOURCES, Described, covariates_of, list_described
from alzbench.data.folder import list_folder
from alzbench.data.hub import SCHEME, open_hub_set
from alzbench.data.images import Decoded, decode, image_list
from alzbench.data.kaggle import download
from alzbench.data.phantom import draw_phantom_set
from alzbench.data.subjects import identify
from alzbench.errors import DataError
from alzbench.experiment import DataSettings
from alzbench.progress import Progress

COLUMNS = ["image", "path", "label", "part", "width", "height", "digest", "subject", "slice", "subject_by", "split"]


@dataclass(frozen=True)
class ImageSet:
    """A checked set of images: `N` images, `S` pixels along each side, `C` channels.

    Attributes:
        manifest: One row per image, sorted by name, or in the order of a table with labels: image (path below the set's
            folder), path, label (index into `classes`), part (`augmented`, `original`, `train` or `test`), width and
            height (pixels), digest (hash of the content), subject and slice ('' if unknown), subject_by (`name`,
            `content`, `table`, `pattern`, `bids` or ''), split (as `data.subjects` gives it; '' if it does not).
        pixels: (N, S, S, C) uint8 in [0, 255], in the order of the manifest.
        classes: Names of the classes.
        skipped: One row per file left out, because `data.on_corrupt` is `skip` or because it has no label: image,
            reason.
        covariates: Age, sex and further columns of `data.subjects` as text ('' if missing), with the manifest's index.
        derived: Objects computed from the images, such as splits, shared by all runs of a command.
    """

    manifest: pd.DataFrame
    pixels: Rows
    classes: list[str]
    skipped: pd.DataFrame
    covariates: pd.DataFrame = field(default_factory=pd.DataFrame)
    derived: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the name, label, part and content of all images, and of what `data.subjects` says about them.

        Equal sets have equal fingerprints. The fingerprint of a set that is not described is older than descriptions.
        """
        table = self.manifest[["image", "label", "part", "digest"]].to_csv(index=False)
        return hashlib.sha256((table + self._described()).encode()).hexdigest()[:16]

    def _described(self) -> str:
        """Return the described subjects, split and covariates as text; empty without `data.subjects`."""
        columns = ["subject", "slice"] if self.manifest["subject_by"].isin(SOURCES).any() else []
        columns += ["split"] if (self.manifest["split"] != "").any() else []
        described = self.manifest[columns].join(self.covariates[sorted(map(str, self.covariates))])
        return described.to_csv(index=False) if len(described.columns) else ""


def locate(settings: DataSettings, progress: Progress, quiet: bool = False) -> Path:
    """Return the folder of the set that `data.source` names; download or generate the set first if necessary."""
    if settings.source == "phantom":
        return draw_phantom_set(progress)
    if settings.source == "kaggle":
        progress.say(f"data: {settings.kaggle} from kagglehub")
        return download(settings.kaggle, quiet=quiet)
    if settings.source.startswith(SCHEME):
        return open_hub_set(settings.source, progress)
    return Path(settings.source).expanduser()


def open_image_set(settings: DataSettings, progress: Progress, quiet: bool = False) -> ImageSet:
    """List, check and decode a set.

    Raises:
        DataError: The set is missing, a class has no readable images, or `on_corrupt` is `fail` and files are
            unusable; the message names them all.
    """
    root = locate(settings, progress, quiet)
    described = list_described(root, settings, progress) if settings.subjects else None
    files = list_folder(root, settings.classes) if described is None else described.files
    decoded = decode(files, settings.size, settings.channels, progress)
    if len(decoded.bad):
        _report_bad(decoded, settings, progress)
    readable = add_class_names(decoded.files, settings.classes)
    about = _about(described, readable)
    if "subject" in about:
        subjects = about[["subject"]].assign(subject_by=np.where(about["subject"] != "", _source(settings), ""))
    else:
        subjects = identify(add_class_names(files, settings.classes), readable, progress)
    others = {name: about.get(name, subjects.get(name, "")) for name in ("slice", "split")}
    manifest = readable.join(subjects.assign(**others))[COLUMNS]
    _require_every_class(manifest, settings.classes)
    skipped = [decoded.bad[["image", "reason"]]] + ([] if described is None else [described.left_out])
    return ImageSet(
        manifest,
        decoded.pixels,
        list(settings.classes),
        pd.concat(skipped, ignore_index=True),
        covariates_of(about),
    )


def _about(described: Described | None, readable: pd.DataFrame) -> pd.DataFrame:
    """Return what is described of the readable images; no columns if nothing is."""
    if described is None:
        return pd.DataFrame(index=readable.index)
    by_image = described.about.set_index(described.files["image"])
    return by_image.loc[readable["image"]].set_axis(readable.index)


def _source(settings: DataSettings) -> str:
    return settings.subjects.source if settings.subjects else ""


def add_class_names(table: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Return a table with the column class, the name of each label."""
    return table.assign(**{"class": np.array(classes, dtype=object)[table["label"].to_numpy()]})


def _report_bad(decoded: Decoded, settings: DataSettings, progress: Progress) -> None:
    names = [f"{row.image}: {row.reason}" for row in decoded.bad.itertuples()]
    if settings.on_corrupt == "fail":
        raise DataError(
            f"Every image must be readable; {len(names)} of {len(names) + len(decoded.files)} are not:\n"
            f"{image_list(names, limit=50)}\nReplace them, or set data.on_corrupt: skip to leave them out."
        )
    progress.say(f"{len(names)} images cannot be read and are left out:\n{image_list(names)}")


def _require_every_class(manifest: pd.DataFrame, classes: Sequence[str]) -> None:
    for part, rows in manifest.groupby("part"):
        missing = [name for label, name in enumerate(classes) if label not in set(rows["label"])]
        if missing:
            raise DataError(
                f"The {part} images must include readable images of every class; there are none of "
                f"{', '.join(missing)}. Add images of this class."
            )


class ImageSets:
    """The image sets of a command, each opened when it is first needed.

    Args:
        progress: Progress display.
        quiet: True to hide the output of libraries.
    """

    def __init__(self, progress: Progress, quiet: bool = False) -> None:
        self._progress, self._quiet = progress, quiet
        self._open: dict[DataSettings, ImageSet] = {}

    def open(self, settings: DataSettings) -> ImageSet:
        """Return the set of some settings; raises as `open_image_set` does."""
        if settings not in self._open:
            self._open[settings] = open_image_set(settings, self._progress, self._quiet)
        return self._open[settings]
