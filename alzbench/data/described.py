"""Image sets whose subjects, labels, split or covariates the user describes: by a table, a pattern, or BIDS."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from alzbench.data.folder import SUFFIXES, list_folder
from alzbench.data.matching import match_names
from alzbench.data.tables import checked, covariate_names, read_table
from alzbench.delimited import quoted
from alzbench.errors import DataError
from alzbench.experiment import DataSettings
from alzbench.experiment.schema import plain
from alzbench.experiment.subjects import SubjectSettings
from alzbench.progress import Progress
from alzbench.registry import did_you_mean

PARTICIPANTS = "participants.tsv"
SOURCES = ("table", "pattern", "bids")  # values of `subject_by`

_BIDS = re.compile(r"(?:^|/)(?P<subject>sub-[A-Za-z0-9]+)(?=[/_.])")
_BIDS_SLICE = re.compile(r"slice[-_]?0*(?P<slice>\d+)")


@dataclass(frozen=True)
class Described:
    """The files of a set, with what the user says about them.

    Attributes:
        files: As of `list_folder`. If labels are described, all images of the set are in one part, `original`; those of
            a table are in the order of its rows, which decides the batches of a training, and others sorted by path.
        about: The same rows: subject, slice, split and covariates, as far as they are described; '' if unknown.
        left_out: One row per image without a label: image, reason.
    """

    files: pd.DataFrame
    about: pd.DataFrame
    left_out: pd.DataFrame


def list_described(root: Path, settings: DataSettings, progress: Progress) -> Described:
    """List the images of a set that `data.subjects` describes.

    Images that are not described are reported. Their subjects stay unknown, because a name from another source could
    hide that two images are of one person; without a label, they are left out.

    Args:
        root: Folder of the set.
        settings: With `subjects`.
        progress: Shows what the description covers.

    Raises:
        DataError: The description is wrong or fits no image, or the folder is not a set.
    """
    assert settings.subjects is not None  # else the set is not described
    reader = _Reader.of(settings.subjects, root)
    files = list_all_images(root) if reader.has_labels else list_folder(root, settings.classes)
    below = [Path(path).relative_to(root).as_posix() for path in files["path"]]
    reading = reader.read(below, progress)
    uncovered = files["image"][~reading.covered.to_numpy()].tolist()
    if len(uncovered) == len(files):
        raise DataError(
            f"{reader.where} must describe images of {root}; it fits none of {len(files):,}, for example "
            f"{quoted(uncovered)}."
        )
    if not reader.has_labels:
        _say_uncovered(uncovered, reader.where, "their subjects stay unknown", progress)
        return Described(files, reading.about, pd.DataFrame({"image": [], "reason": []}, dtype=str))
    return _labelled(files, reading, reader, settings.classes, progress)


def _labelled(
    files: pd.DataFrame, reading: _Reading, reader: _Reader, classes: Sequence[str], progress: Progress
) -> Described:
    """Return the images that have a label, in the order of the description."""
    has_label = reading.about["label"] != ""
    left_out = files.loc[~has_label, "image"]
    _say_uncovered(left_out.tolist(), reader.where, "without a label they are left out", progress)
    order = reading.place[has_label].sort_values(kind="stable").index
    about = reading.about.loc[order]
    labels = _labels(about, classes, reader.where)
    return Described(
        files.loc[order].assign(label=labels, part="original").reset_index(drop=True),
        about.drop(columns="label").reset_index(drop=True),
        pd.DataFrame({"image": left_out.to_numpy(), "reason": f"no label in {reader.name}"}, dtype=str),
    )


def list_all_images(root: Path) -> pd.DataFrame:
    """List all images below a folder, in whatever folders they are: image (path below it) and path, sorted.

    Hidden files and folders are no part of a set. Raises DataError if there is no image.
    """
    if not root.is_dir():
        raise DataError(f"There is no folder {root}. Set --data to the folder of the images.")
    found = sorted((path.relative_to(root).as_posix(), str(path)) for path in _images_below(root, set()))
    if not found:
        raise DataError(f"{root} must contain images ({', '.join(sorted(SUFFIXES))}); there are none.")
    return pd.DataFrame(found, columns=["image", "path"])


def has_covariate(settings: DataSettings, name: str) -> bool:
    """Return True if `data.subjects` has a column or group of a covariate; opens no image.

    A file that is missing or damaged has none: opening the set reports it.
    """
    subjects = settings.subjects
    if subjects is None:
        return False
    if subjects.pattern is not None:
        return name in re.compile(subjects.pattern).groupindex
    file = Path(subjects.table).expanduser() if subjects.table else Path(settings.source).expanduser() / PARTICIPANTS
    try:
        return name in read_table(file, "subject" if subjects.bids else "image")
    except DataError:
        return False


def _images_below(folder: Path, seen: set[str]) -> Iterator[Path]:
    real = os.path.realpath(folder)
    if real in seen:
        return  # a link to a folder above
    seen.add(real)
    for path in folder.iterdir():
        if path.name.startswith((".", "__MACOSX")):
            continue
        if path.is_dir():
            yield from _images_below(path, seen)
        elif path.suffix.lower() in SUFFIXES and path.is_file():
            yield path


@dataclass(frozen=True)
class _Reading:
    """What is described of some images, in their order.

    Attributes:
        about: The described columns; '' if unknown.
        covered: True for the images that are described.
        place: Position in the description, by which labelled images are sorted.
    """

    about: pd.DataFrame
    covered: pd.Series[bool]
    place: pd.Series[int]


@dataclass(frozen=True)
class _Reader:
    """Reads the description of images.

    Attributes:
        where, name: The file or pattern, in full and in short, for messages.
        rows: Of a table, or of participants.
        pattern: Regular expression that finds the subject in a path.
    """

    where: str
    name: str
    rows: pd.DataFrame | None
    pattern: re.Pattern[str] | None

    @classmethod
    def of(cls, subjects: SubjectSettings, root: Path) -> _Reader:
        if subjects.pattern is not None:
            return cls(f"data.subjects.pattern {subjects.pattern!r}", "the pattern", None, re.compile(subjects.pattern))
        if subjects.table is not None:
            path = Path(subjects.table).expanduser()
            return cls(str(path), path.name, read_table(path), None)
        path = root / PARTICIPANTS
        rows = read_table(path, "subject")
        if "label" not in rows:
            raise DataError(
                f"{path} must have a column label (or class, diagnosis), because BIDS folders say nothing about "
                f"classes; its columns are {', '.join(map(str, rows))}."
            )
        return cls(str(path), path.name, rows, _BIDS)

    @property
    def has_labels(self) -> bool:
        if self.rows is not None:
            return "label" in self.rows
        return self.pattern is not None and "label" in self.pattern.groupindex

    def read(self, images: Sequence[str], progress: Progress) -> _Reading:
        """Describe images, given as paths below the root."""
        if self.rows is None:
            return self._of_groups(images)
        if self.pattern is not None:
            return self._of_participants(self.rows, images, progress)
        matches = match_names(self.rows["image"].tolist(), images, self.where)
        self._say_unused(self.rows["image"].iloc[list(matches.unused)], progress)
        place = pd.Series([-1 if row is None else row for row in matches.rows], dtype=int)
        return _Reading(_taken(self.rows.drop(columns="image"), place), place >= 0, place)

    def _found(self, images: Sequence[str]) -> pd.DataFrame:
        """Return the groups of the pattern in each path; '' where it is not found."""
        assert self.pattern is not None
        nothing = dict.fromkeys(self.pattern.groupindex, "")
        matches = [self.pattern.search(image) for image in images]
        return pd.DataFrame([match.groupdict(default="") if match else nothing for match in matches], dtype=str)

    def _of_groups(self, images: Sequence[str]) -> _Reading:
        groups = checked(self._found(images).assign(image=list(images)), self.where, "image").drop(columns="image")
        return _Reading(groups, groups["subject"] != "", pd.Series(range(len(groups))))

    def _of_participants(self, rows: pd.DataFrame, images: Sequence[str], progress: Progress) -> _Reading:
        """Describe images by the rows of their participants; `sub-` may be missing in the table."""
        subjects = self._found(images)["subject"]
        names = rows["subject"].where(rows["subject"].str.startswith("sub-"), "sub-" + rows["subject"])
        self._say_unused(names[~names.isin(set(subjects))], progress)
        place = pd.Series(pd.Index(names).get_indexer(pd.Index(subjects)), dtype=int)
        slices = pd.Series(list(images), dtype=str).str.extract(_BIDS_SLICE)["slice"].fillna("")
        about = _taken(rows.drop(columns="subject"), place).assign(subject=subjects, slice=slices)
        return _Reading(about, place >= 0, pd.Series(range(len(about))))

    def _say_unused(self, names: pd.Series[str], progress: Progress) -> None:
        if len(names):
            progress.say(f"{self.where}: {len(names):,} rows have no image: {quoted(names.tolist())}")


def _taken(rows: pd.DataFrame, place: pd.Series[int]) -> pd.DataFrame:
    """Return the rows at some places, in the order of `place`; '' for -1."""
    return rows.reset_index(drop=True).reindex(place).fillna("").reset_index(drop=True)


def _say_uncovered(names: Sequence[str], where: str, consequence: str, progress: Progress) -> None:
    if names:
        progress.say(f"{len(names):,} images are not described by {where}; {consequence}: {quoted(names)}")


def _labels(about: pd.DataFrame, classes: Sequence[str], where: str) -> pd.Series[int]:
    """Return the label of each image; class names are compared as folder names are.

    Raises:
        DataError: A label is no class, or a subject has two.
    """
    known = {plain(name): label for label, name in enumerate(classes)}
    labels = about["label"].map(lambda name: known.get(plain(name)))
    unknown = about.loc[labels.isna(), "label"].unique().tolist()
    if unknown:
        raise DataError(
            f"{where}: a label must be one of {', '.join(classes)}; found {quoted(unknown)}."
            f"{did_you_mean(unknown[0], list(classes))} Correct it, or set data.classes."
        )
    if "subject" in about:
        of_known = labels[about["subject"] != ""]
        several = of_known.groupby(about["subject"]).nunique()
        names = several.index[several > 1].tolist()
        if names:
            raise DataError(
                f"{where}: all images of a subject must have one label; several: {quoted(names)}. Correct the labels."
            )
    return labels.astype(int)


def covariates_of(about: pd.DataFrame) -> pd.DataFrame:
    """Return the covariates among described columns."""
    return about[covariate_names(about)]
