"""Image sets: the manifest with one row per image, checked, and the decoded pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from alzbench.arrays import Rows
from alzbench.data.described import SOURCES, covariates_of, list_described
from alzbench.data.files import count_left_out, left_out_table
from alzbench.data.folder import Listing, list_folder
from alzbench.data.hub import SCHEME, open_hub_set
from alzbench.data.images import decode, image_list
from alzbench.data.kaggle import Downloaded, download
from alzbench.data.parts import is_fold
from alzbench.data.phantom import draw_phantom_set
from alzbench.data.subjects import identify
from alzbench.data.volumes import VolumeSlices, is_volume, open_volumes
from alzbench.errors import DataError
from alzbench.experiment import DataSettings
from alzbench.experiment.classes import STAGES
from alzbench.progress import Progress

COLUMNS = ["image", "path", "label", "part", "width", "height", "digest", "subject", "slice", "subject_by", "split"]


@dataclass(frozen=True)
class ImageSet:
    """A checked set of images: `N` images, `S` pixels along each side, `C` channels.

    Attributes:
        manifest: One row per image, sorted by name, or in the order of a table with labels: image (path below the
            folder that holds all images), path, label (index into `classes`), part (`augmented`, `original`, `train`,
            `validation`, `test` or `fold_<k>`), width and height (pixels), digest (hash of the content), subject and
            slice ('' if unknown), subject_by (`name`, `content`, `table`, `pattern`, `bids` or ''), split (as
            `data.subjects` gives it; '' if it does not).
        pixels: (N, S, S, C) uint8 in [0, 255], in the order of the manifest.
        classes: Names of the classes.
        skipped: One row per file left out because `data.on_corrupt` is `skip`: image, reason.
        covariates: Age, sex and further columns of `data.subjects` as text ('' if missing), with the manifest's index.
        healthy: The class of healthy people; None if there is none.
        left_out: One row per image file below the root that is not in the set: image (path below the root), folder,
            reason.
        kaggle: Kaggle handle of the set with its version; empty if it is not from Kaggle.
        labels_described: True if `data.subjects` gives the labels, and the folders do not.
        derived: Objects computed from the images, such as splits, shared by all runs of a command.
    """

    manifest: pd.DataFrame
    pixels: Rows
    classes: list[str]
    skipped: pd.DataFrame
    covariates: pd.DataFrame = field(default_factory=pd.DataFrame)
    healthy: str | None = None
    left_out: pd.DataFrame = field(default_factory=lambda: left_out_table([]))
    kaggle: str = ""
    labels_described: bool = False
    derived: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def healthy_label(self) -> int | None:
        """Label of the class of healthy people; None if there is none."""
        return None if self.healthy is None else self.classes.index(self.healthy)

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


def locate(settings: DataSettings, progress: Progress, quiet: bool = False) -> Downloaded:
    """Return the folder of the set that `data.source` names; download or generate the set first if necessary."""
    if settings.source == "phantom":
        return Downloaded(draw_phantom_set(progress))
    if settings.source == "kaggle":
        downloaded = download(settings.kaggle, quiet=quiet)
        progress.say(f"data: {downloaded.handle} from kagglehub")
        return downloaded
    if settings.source.startswith(SCHEME):
        return Downloaded(open_hub_set(settings.source, progress))
    return Downloaded(Path(settings.source).expanduser())


def open_image_set(settings: DataSettings, progress: Progress, quiet: bool = False) -> ImageSet:
    """List, check and decode a set.

    Raises:
        DataError: The set is missing, a class has no readable images, or `on_corrupt` is `fail` and files are
            unusable; the message names them all.
    """
    located = locate(settings, progress, quiet)
    volumes = open_volumes(located.folder, settings.volumes, progress) if settings.volumes else None
    listing, about = _list(located.folder, volumes, settings, progress)
    _report(listing, settings, progress)
    decoded = decode(listing.files, settings.size, settings.channels, progress)
    bad = decoded.bad if volumes is None else pd.concat([volumes.bad, decoded.bad], ignore_index=True)
    if len(bad):
        _report_bad(bad, len(bad) + len(decoded.files), settings, progress)
    readable = decoded.files
    about = about.set_index(listing.files["image"]).loc[readable["image"]].set_axis(readable.index)
    if "subject" in about:
        subjects = about[["subject"]].assign(subject_by=np.where(about["subject"] != "", _source(settings), ""))
    else:
        # numbered names are numbered within a folder, which may be only a part of its class
        files, rest = (table.assign(**{"class": table["folder"]}) for table in (listing.files, readable))
        subjects = identify(files, rest, progress)
    others = {name: about.get(name, subjects.get(name, "")) for name in ("slice", "split")}
    manifest = readable.join(subjects.assign(**others))[COLUMNS]
    _require_every_class(manifest, listing.classes)
    return ImageSet(
        manifest, decoded.pixels, listing.classes, bad[["image", "reason"]], covariates=covariates_of(about),
        healthy=listing.healthy, left_out=listing.left_out, kaggle=located.handle,
        labels_described=listing.described,
    )  # fmt: skip


def _list(
    home: Path, volumes: VolumeSlices | None, settings: DataSettings, progress: Progress
) -> tuple[Listing, pd.DataFrame]:
    """Return the images of a set, and what is described of each; no columns if nothing is."""
    root = volumes.folder if volumes else home
    if settings.subjects:
        described = list_described(root, settings, progress, home)
        listing, about = described.listing, described.about
    else:
        listing = list_folder(root, settings.classes, settings.exclude, settings.healthy)
        about = pd.DataFrame(index=listing.files.index)
    if volumes is None:
        return listing, about
    if any(map(is_volume, listing.classes)):
        raise DataError(
            f"The volumes must be in one folder per class, and {home} has volumes outside such folders. Move them, or "
            "give their labels in a table with data.subjects."
        )
    return replace(listing, left_out=pd.concat([volumes.left_out, listing.left_out], ignore_index=True)), about


def _source(settings: DataSettings) -> str:
    return settings.subjects.source if settings.subjects else ""


def left_out_lines(left_out: pd.DataFrame) -> list[str]:
    """Return a line for each folder with image files that are not in the set, for people."""
    return [f"{row['images']:,} in {row['folder']}: {row['reason']}" for row in count_left_out(left_out)]


def _report(listing: Listing, settings: DataSettings, progress: Progress) -> None:
    """Say which classes were read from the folders, and which image files are left out."""
    if settings.classes is None and listing.classes != list(STAGES):
        progress.say(f"classes: {', '.join(listing.classes)}; healthy: {listing.healthy or 'none'}")
    if len(listing.left_out):
        lines = image_list(left_out_lines(listing.left_out))
        progress.say(f"{len(listing.left_out):,} image files are left out of the set:\n{lines}")


def add_class_names(table: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Return a table with the column class, the name of each label."""
    return table.assign(**{"class": np.array(classes, dtype=object)[table["label"].to_numpy()]})


def _report_bad(bad: pd.DataFrame, number: int, settings: DataSettings, progress: Progress) -> None:
    names = [f"{row.image}: {row.reason}" for row in bad.itertuples()]
    if settings.on_corrupt == "fail":
        raise DataError(
            f"Every image must be readable; {len(names)} of {number} are not:\n"
            f"{image_list(names, limit=50)}\nReplace them, or set data.on_corrupt: skip to leave them out."
        )
    progress.say(f"{len(names)} images cannot be read and are left out:\n{image_list(names)}")


def _require_every_class(manifest: pd.DataFrame, classes: Sequence[str]) -> None:
    for part, rows in manifest.groupby("part"):
        missing = (
            []
            if is_fold(str(part))
            else [name for label, name in enumerate(classes) if label not in set(rows["label"])]
        )
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
        self._open: dict[str, ImageSet] = {}

    def open(self, settings: DataSettings) -> ImageSet:
        """Return the set of some settings; raises as `open_image_set` does."""
        key = settings.model_dump_json()
        if key not in self._open:
            self._open[key] = open_image_set(settings, self._progress, self._quiet)
        return self._open[key]
