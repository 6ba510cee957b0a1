"""Image sets whose subjects, labels, split or covariates the user describes: by a table, a pattern, or BIDS."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from alzbench.data.classes import healthy_class, order_classes
from alzbench.data.files import SUFFIXES, LeftOut, find_images, left_out_table
from alzbench.data.folder import EXCLUDED, Listing, list_folder, require_folder
from alzbench.data.layout import common_depth
from alzbench.data.matching import match_names
from alzbench.data.parts import ORIGINAL
from alzbench.data.tables import checked, covariate_names, read_table
from alzbench.data.volumes import volume_of
from alzbench.delimited import quoted
from alzbench.errors import DataError
from alzbench.experiment import DataSettings
from alzbench.experiment.classes import Merged, folders_of, plain
from alzbench.experiment.subjects import SubjectSettings
from alzbench.progress import Progress
from alzbench.registry import did_you_mean

PARTICIPANTS = "participants.tsv"
SOURCES = ("table", "pattern", "bids")  # values of `subject_by`

_BIDS = re.compile(r"(?:^|/)(?P<subject>sub-[A-Za-z0-9]+)(?=[/_.])")
_SLICE = re.compile(r"slice[-_]?0*(?P<slice>\d+)")


@dataclass(frozen=True)
class Described:
    """A set, with what the user says about its images.

    Attributes:
        listing: See `folder.Listing`. If labels are described, all images are in one part, `original`; those of a table
            are in the order of its rows, which decides the batches of a training, and others sorted by name. Images
            without a label are left out.
        about: The same rows as `listing.files`: subject, slice, split and covariates, as far as they are described; ''
            if unknown.
    """

    listing: Listing
    about: pd.DataFrame


def list_described(root: Path, settings: DataSettings, progress: Progress, home: Path | None = None) -> Described:
    """List the images of a set that `data.subjects` describes.

    Images that are not described are reported. Their subjects stay unknown, because a name from another source could
    hide that two images are of one person; without a label, they are left out.

    Args:
        root: Folder of the images.
        settings: With `subjects`.
        progress: Shows what the description covers.
        home: Folder with `participants.tsv`, if it is another one.

    Raises:
        DataError: The description is wrong or fits no image, or the folder is not a set.
    """
    assert settings.subjects is not None  # else the set is not described
    reader = _Reader.of(settings.subjects, home or root, settings.volumes is not None)
    if reader.has_labels:
        return _list_labelled(root, reader, settings, progress)
    listing = list_folder(root, settings.classes, settings.exclude, settings.healthy)
    names = [Path(path).relative_to(root).as_posix() for path in listing.files["path"]]
    reading = _read(reader, root, names, progress)
    uncovered = listing.files["image"][~reading.covered.to_numpy()].tolist()
    if uncovered:
        progress.say(
            f"{len(uncovered):,} images are not described by {reader.where}; their subjects stay unknown: "
            f"{quoted(uncovered)}"
        )
    return Described(listing, reading.about)


def _read(reader: _Reader, root: Path, names: Sequence[str], progress: Progress) -> _Reading:
    reading = reader.read(names, progress)
    if not reading.covered.any():
        raise DataError(
            f"{reader.where} must describe images of {root}; it fits none of {len(names):,}, for example "
            f"{quoted(names)}. Only paths below this folder, like these, or their ends are compared."
        )
    return reading


def _list_labelled(root: Path, reader: _Reader, settings: DataSettings, progress: Progress) -> Described:
    """List the images below a folder, in whatever folders they are, that have a label; see `Described`."""
    require_folder(root)
    found, left_out, _ = find_images(root)
    if not found:
        raise DataError(f"{root} must contain images ({', '.join(sorted(SUFFIXES))}); there are none.")
    found.sort(key=lambda file: file.below(0))
    reading = _read(reader, root, [Path(file.below(0)).as_posix() for file in found], progress)
    kept = reading.about["label"].map(plain)
    excluded = kept.isin(_excluded(kept, settings.exclude, reader.where))
    for rows, reason in ((kept == "", f"no label in {reader.name}"), (excluded, EXCLUDED)):
        if rows.any():
            left_out.append(LeftOut(tuple(found[row] for row in rows.index[rows]), reason))
    order = reading.place[(kept != "") & ~excluded].sort_values(kind="stable").index
    files = [found[row] for row in order]
    about = reading.about.loc[order].reset_index(drop=True)
    labels, classes = _labels(about, settings.classes, reader.where)
    depth = common_depth({file.folders for file in files})
    table = pd.DataFrame(
        {
            "image": [Path(file.below(depth)).as_posix() for file in files],
            "path": [file.path for file in files],
            "label": labels,
            "part": ORIGINAL,
            "folder": [classes[label] for label in labels],
        }
    )
    healthy = healthy_class(classes, settings.healthy)
    listing = Listing(table, classes, healthy, left_out_table(left_out), described=True)
    return Described(listing, about.drop(columns="label"))


def _excluded(labels: pd.Series[str], exclude: Sequence[str], where: str) -> set[str]:
    """Return the plain names of the labels whose images are left out."""
    wanted = {plain(name): name for name in exclude}
    unknown = [name for key, name in wanted.items() if key not in set(labels)]
    if unknown:
        raise DataError(f"data.exclude must name labels of {where}; there is none named {', '.join(unknown)}.")
    return set(wanted)


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
        rows: Of a table, or of participants, whose names begin with `sub-`.
        pattern: Regular expression that finds the subject in a path.
        of_volumes: True if each row of a table describes a volume, with all of its slices.
    """

    where: str
    name: str
    rows: pd.DataFrame | None
    pattern: re.Pattern[str] | None
    of_volumes: bool = False

    @classmethod
    def of(cls, subjects: SubjectSettings, root: Path, of_volumes: bool = False) -> _Reader:
        if subjects.pattern is not None:
            return cls(f"data.subjects.pattern {subjects.pattern!r}", "the pattern", None, re.compile(subjects.pattern))
        if subjects.table is not None:
            path = Path(subjects.table).expanduser()
            return cls(str(path), path.name, read_table(path), None, of_volumes)
        path = root / PARTICIPANTS
        rows = read_table(path, "subject")
        if "label" not in rows:
            raise DataError(
                f"{path} must have a column label (or class, diagnosis), because BIDS folders say nothing about "
                f"classes; its columns are {', '.join(map(str, rows))}. Rename the one that holds the classes."
            )
        names = rows["subject"].where(rows["subject"].str.startswith("sub-"), "sub-" + rows["subject"])
        return cls(str(path), path.name, checked(rows.assign(subject=names), str(path), "subject"), _BIDS)

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
        named = [volume_of(image) for image in images] if self.of_volumes else images
        units = list(dict.fromkeys(named))
        matches = match_names(self.rows["image"].tolist(), units, self.where)
        if matches.ignored:
            progress.say(
                f"{self.where}: its paths are read without {matches.ignored!r}, which this folder does not have"
            )
        self._say_unused(self.rows["image"].iloc[list(matches.unused)], progress)
        rows = {unit: -1 if row is None else row for unit, row in zip(units, matches.rows, strict=True)}
        place = pd.Series([rows[name] for name in named], dtype=int)
        about = _taken(self.rows.drop(columns="image"), place)
        if self.of_volumes:
            about["slice"] = pd.Series(list(images), dtype=str).str.extract(_SLICE)["slice"].fillna("")
        return _Reading(about, place >= 0, place)

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
        """Describe images by the rows of their participants."""
        subjects, names = self._found(images)["subject"], rows["subject"]
        self._say_unused(names[~names.isin(set(subjects))], progress)
        place = pd.Series(pd.Index(names).get_indexer(pd.Index(subjects)), dtype=int)
        slices = pd.Series(list(images), dtype=str).str.extract(_SLICE)["slice"].fillna("")
        about = _taken(rows.drop(columns="subject"), place).assign(subject=subjects, slice=slices)
        return _Reading(about, place >= 0, pd.Series(range(len(about))))

    def _say_unused(self, names: pd.Series[str], progress: Progress) -> None:
        if len(names):
            progress.say(f"{self.where}: {len(names):,} rows have no image: {quoted(names.tolist())}")


def _taken(rows: pd.DataFrame, place: pd.Series[int]) -> pd.DataFrame:
    """Return the rows at some places, in the order of `place`; '' for -1."""
    return rows.reset_index(drop=True).reindex(place).fillna("").reset_index(drop=True)


def _labels(about: pd.DataFrame, wanted: Sequence[str] | Merged | None, where: str) -> tuple[pd.Series[int], list[str]]:
    """Return the label of each image, and the classes; class names are compared as folder names are.

    Raises:
        DataError: A label is no class, or a subject has two.
    """
    if wanted is None:
        names = order_classes(about["label"], where)
        if len(names) < 2:
            raise DataError(
                f"{where} must give labels of at least two classes; it gives {quoted(list(names.values()))}."
            )
    else:
        names = {plain(name): name for name in folders_of(wanted)}  # as a split that alzbench wrote names them
        names |= {plain(label): name for name, several in folders_of(wanted).items() for label in several}
    classes = list(dict.fromkeys(names.values()))
    labels = about["label"].map(lambda name: classes.index(names[plain(name)]) if plain(name) in names else None)
    unknown = about.loc[labels.isna(), "label"].unique().tolist()
    if unknown:
        raise DataError(
            f"{where}: a label must be one of {', '.join(classes)}; found {quoted(unknown)}."
            f"{did_you_mean(unknown[0], classes)} Correct it, or set data.classes or data.exclude."
        )
    if "subject" in about:
        of_known = labels[about["subject"] != ""]
        several = of_known.groupby(about["subject"]).nunique()
        subjects = several.index[several > 1].tolist()
        if subjects:
            raise DataError(
                f"{where}: all images of a subject must have one label; several: {quoted(subjects)}. Correct the "
                "labels."
            )
    return labels.astype(int), classes


def covariates_of(about: pd.DataFrame) -> pd.DataFrame:
    """Return the covariates among described columns."""
    return about[covariate_names(about)]
