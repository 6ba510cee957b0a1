"""The layout of an image set: which folders hold its parts, and which its classes.

A folder that stands for a part (`parts.part_of`) may be above or below the classes, at any depth, so these names are
taken out first. What remains are folders around the set, then the class folder, then any folders inside it.
"""

from __future__ import annotations

import itertools
import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from alzbench.data.files import Folders, ImageFile
from alzbench.data.parts import part_of, parts_of
from alzbench.errors import DataError
from alzbench.experiment.classes import HEALTHY, STAGES, plain

NO_CLASS = "not in a class folder"
NO_PART = "not in a folder of a part, such as train or test"
OUTSIDE = "outside the folder of the classes"
_USUAL = HEALTHY | {plain(stage) for stage in STAGES}


@dataclass(frozen=True)
class Place:
    """The part and the class folder that a folder with images stands for.

    Attributes:
        part: The part of the set.
        level: Place of the class folder among the names of the folders.
        reason: The reason why its images are not in the set; empty if they are.
    """

    part: str = ""
    level: int = -1
    reason: str = ""


def find_places(root: Path, files: Sequence[ImageFile], wanted: Collection[str]) -> dict[Folders, Place]:
    """Return what each folder with images stands for.

    Args:
        root: The set's folder, for errors.
        files: Its image files.
        wanted: Plain names of the class folders; empty if they are not known.

    Raises:
        DataError: The folder holds several sets, or a second copy of the set.
    """
    parts = parts_of({file.folders for file in files}, root)
    rest = {folders: tuple(name for name in folders if part_of(name) is None) for folders in parts}
    inside = {folders: names for folders, names in rest.items() if parts[folders] is not None}
    home = _home(root, set(inside.values()), wanted)
    places = {folders: _place(folders, parts[folders], rest[folders], home) for folders in parts}
    used = {folders: place for folders, place in places.items() if not place.reason}
    _refuse_copies(root, {folders: folders[place.level :] for folders, place in used.items()}, wanted)
    if not wanted:
        _refuse_twins(root, files, used)
    _refuse_same_names(root, used)
    return places


def _place(folders: Folders, part: str | None, rest: Folders, home: Folders) -> Place:
    if part is None:
        return Place(reason=NO_PART)
    if rest[: len(home)] != home:
        return Place(reason=OUTSIDE if rest else NO_CLASS)
    if len(rest) == len(home):
        return Place(reason=NO_CLASS)
    levels = [level for level, name in enumerate(folders) if part_of(name) is None]
    return Place(part, levels[len(home)])


def _home(root: Path, places: set[Folders], wanted: Collection[str]) -> Folders:
    """Return the folders around the class folders: those above known class names, or else those that all share."""
    homes = {
        names[:level]
        for names in places
        for level in [next((k for k, name in enumerate(names) if plain(name) in (wanted or _USUAL)), None)]
        if level is not None
    }
    if not homes:
        return _common([names for names in places if names])
    outer = min(homes, key=len)
    apart = sorted(home for home in homes if home[: len(outer)] != outer)
    if apart:
        names = ", ".join(os.path.join(*home) for home in sorted({outer, *apart}))
        raise DataError(
            f"{root} must hold one image set, and holds class folders of the same kind in several places: {names}. Set "
            f"--data to one of them, or leave the others out with data.exclude."
        )
    return outer


def _common(places: Sequence[Folders]) -> Folders:
    """Return the folders that all places share."""
    alike = itertools.takewhile(lambda names: len(set(names)) == 1, zip(*places, strict=False))
    return tuple(names[0] for names in alike)


def _refuse_copies(root: Path, inner: dict[Folders, Folders], wanted: Collection[str]) -> None:
    """Refuse a class folder that contains a folder with the name of another class."""
    classes = set(wanted) or {plain(names[0]) for names in inner.values()}
    for folders, names in inner.items():
        copied = [name for name in names[1:] if plain(name) in classes - {plain(names[0])}]
        if copied:
            outer = root.joinpath(*folders[: len(folders) - len(names) + 1])
            raise DataError(
                f"A class folder must not contain another class, and {outer} contains {copied[0]}: it may be a second "
                f"copy of the set. Leave it out with data.exclude: [{names[0]}], or set --data to it."
            )


def _refuse_twins(root: Path, files: Sequence[ImageFile], used: dict[Folders, Place]) -> None:
    """Refuse folders that hold files of the same names in the same subfolders: each may be a copy of the whole set."""
    contents: dict[str, set[tuple[Folders, str]]] = defaultdict(set)
    for file in files:
        if file.folders in used:
            level = used[file.folders].level
            contents[file.folders[level]].add((file.folders[level + 1 :], file.name))
    twins = [name for name, content in contents.items() if list(contents.values()).count(content) > 1]
    subfolders = {names[0] for name in twins for names, _ in contents[name] if names and part_of(names[0]) is None}
    if len(twins) == len(contents) and len(subfolders) > 1:
        raise DataError(
            f"{root} may hold several copies of one set: {', '.join(twins)} contain the same names in the same folders "
            f"({', '.join(sorted(subfolders))}). Set --data to one of them, or, if they are classes, name them in "
            "data.classes."
        )


def _refuse_same_names(root: Path, used: dict[Folders, Place]) -> None:
    """Refuse two folders side by side that stand for the same part or class, as one may be a copy of the other."""
    seen: dict[tuple[Folders, str], str] = {}
    for folders, place in sorted(used.items()):
        for level, name in enumerate(folders):
            what = part_of(name) or (plain(name) if level == place.level else None)
            if what is None:
                continue
            other = seen.setdefault((folders[:level], what), name)
            if other != name:
                raise DataError(
                    f"{root.joinpath(*folders[:level])} must contain only one folder for each part and class; {other} "
                    f"and {name} differ only in case, spaces, dashes, underscores or spelling. Move their images into "
                    "one of them."
                )


def common_depth(places: Iterable[Folders]) -> int:
    """Return the number of folders that all places share."""
    return len(_common(list(places)))
