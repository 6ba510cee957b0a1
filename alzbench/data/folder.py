"""Image sets in folders of any layout that has one folder per class."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from alzbench.data.classes import healthy_class, order_classes
from alzbench.data.files import SUFFIXES, Folders, ImageFile, LeftOut, find_images, left_out_table
from alzbench.data.layout import Place, common_depth, find_places
from alzbench.data.parts import is_fold, part_of
from alzbench.errors import DataError
from alzbench.experiment.classes import AUTO, Merged, folders_of, plain

EXCLUDED = "left out by data.exclude"
_NAMED = 6  # folders in an error
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar")
_HANDLE = re.compile(r"(?:https?:/+(?:www\.)?kaggle\.com/datasets/)?([\w-]+/[\w-]+(?:/versions/\d+)?)/?")


@dataclass(frozen=True)
class Listing:
    """The images of a set, not yet opened.

    Attributes:
        files: One row per image, sorted: image (path below the folder that holds all images), path, label, part (see
            `parts`), folder (name of its class folder; numbered file names are numbered within it).
        classes: Class names in label order.
        healthy: The class of healthy people; None if there is none.
        left_out: One row per image file below the root that is not in the set: image (path below the root), folder,
            reason.
        described: True if the labels are not from the folders.
    """

    files: pd.DataFrame
    classes: list[str]
    healthy: str | None
    left_out: pd.DataFrame
    described: bool = False


def list_folder(
    root: Path,
    classes: Sequence[str] | Merged | None = None,
    exclude: Sequence[str] = (),
    healthy: str | None = AUTO,
) -> Listing:
    """List the images of a set without opening them.

    Args:
        root: Folder of the set.
        classes: See `DataSettings.classes`. Folder names match regardless of case, spaces, dashes and underscores.
        exclude: Names of folders whose images are left out.
        healthy: See `DataSettings.healthy`.

    Raises:
        DataError: There is no such folder, or its images cannot be assigned to classes.
    """
    require_folder(root)
    found, left_out, folders = find_images(root)
    files, excluded = _exclude(root, found, exclude)
    wanted = folders_of(classes) if classes is not None else {}
    names = {plain(folder): name for name, several in wanted.items() for folder in several}
    places = find_places(root, files, names.keys())
    outside: dict[str, list[ImageFile]] = defaultdict(list)
    inside: list[ImageFile] = []
    for file in files:
        reason = places[file.folders].reason
        (outside[reason] if reason else inside).append(file)
    names = names or _read_names(root, inside, places)
    _check_classes(root, inside, places, names, folders)
    ordered = list(wanted) or list(dict.fromkeys(names.values()))
    table = _table(inside, places, names, ordered)
    left_out += [*excluded, *(LeftOut(tuple(group), reason) for reason, group in outside.items())]
    return Listing(table, ordered, healthy_class(ordered, healthy), left_out_table(left_out))


def require_folder(root: Path) -> None:
    """Raise DataError if a set's root is no folder."""
    if root.is_dir():
        return
    if root.is_file():
        if root.suffix.lower() in _ARCHIVES:
            raise DataError(f"--data must name a folder, and {root} is an archive: unpack it, and name its folder.")
        raise DataError(f"--data must name a folder, and {root} is a file: name the folder of the images.")
    handle = _HANDLE.fullmatch(str(root))
    if handle:
        raise DataError(
            f"There is no folder {root}. For the Kaggle data set of this name, give --data kaggle --set "
            f"data.kaggle={handle[1]}."
        )
    raise DataError(
        f"There is no folder {root}. Set --data (or ALZBENCH_DATA) to a folder with one folder of images per class, or "
        "use --demo, which needs no data."
    )


def _exclude(root: Path, files: list[ImageFile], exclude: Sequence[str]) -> tuple[list[ImageFile], list[LeftOut]]:
    """Return the files that are not below an excluded folder, and the others."""
    wanted = {plain(name): name for name in exclude}
    excluded = [file for file in files if any(plain(name) in wanted for name in file.folders)]
    unknown = wanted.keys() - {plain(name) for file in excluded for name in file.folders}
    if unknown:
        raise DataError(
            f"data.exclude must name folders with images below {root}; there is none named "
            f"{', '.join(sorted(wanted[name] for name in unknown))}. Correct the name, or remove it."
        )
    kept = set(files) - set(excluded)
    return [file for file in files if file in kept], [LeftOut(tuple(excluded), EXCLUDED)] if excluded else []


def _read_names(root: Path, files: Sequence[ImageFile], places: Mapping[Folders, Place]) -> dict[str, str]:
    """Return the class of each class folder's plain name, in label order, from the folders alone."""
    names = order_classes((file.folders[places[file.folders].level] for file in files), str(root))
    if len(names) < 2:
        present = ", ".join(names.values()) or "none"
        raise DataError(
            f"{root} must contain images in at least two class folders; it contains {present}. Folders such as train "
            "and test may be above or below the classes. Set --data to the folder of the set."
        )
    return names


def _check_classes(
    root: Path,
    files: Sequence[ImageFile],
    places: Mapping[Folders, Place],
    names: Mapping[str, str],
    folders: Collection[Folders],
) -> None:
    """Raise DataError for a class folder that is not known, and for a class without images in a part."""
    present: dict[str, set[str]] = defaultdict(set)
    unknown: dict[str, Path] = {}
    for file in files:
        place = places[file.folders]
        name = file.folders[place.level]
        present[place.part].add(plain(name))
        if plain(name) not in names:
            unknown[name] = root.joinpath(*file.folders[: place.level])
    listed = ", ".join(dict.fromkeys(names.values()))
    if unknown:
        raise DataError(
            f"{next(iter(unknown.values()))} must contain one folder for each of {listed}; not a known class: "
            f"{', '.join(unknown)}. Rename the folders, add them to data.classes, or leave them out with data.exclude."
        )
    if not present:
        inside = ", ".join(sorted(names[0] for names in folders if len(names) == 1)[:_NAMED]) or "no folders"
        raise DataError(
            f"{root} must contain one folder of images for each of {listed}, or folders such as train and test, each "
            f"with one folder per class; it contains {inside}. Set --data to the folder of the set."
        )
    for part, found in present.items():
        missing = [] if is_fold(part) else [key for key in names if key not in found]
        if missing:
            where = root.joinpath(*_folder_of(part, places))
            raise _missing(where, [names[key] for key in missing], listed, _is_empty(part, missing, folders))


def _folder_of(part: str, places: Mapping[Folders, Place]) -> Folders:
    """Return the folders of a part: up to its name, or those that all of its images share."""
    inside = sorted(folders for folders, place in places.items() if place.part == part)
    level = next((k for k, name in enumerate(inside[0]) if part_of(name) == part), None)
    return inside[0][: common_depth(inside) if level is None else level + 1]


def _is_empty(part: str, missing: Sequence[str], folders: Collection[Folders]) -> bool:
    """Return True if there are folders of all missing classes, without images."""
    named = [part_of(name) for names in folders for name in names]
    inside = [names for names in folders if part not in named or part in map(part_of, names)]
    return all(any(plain(names[-1]) == key for names in inside) for key in missing)


def _missing(where: Path, names: Sequence[str], listed: str, empty: bool) -> DataError:
    if empty:
        return DataError(
            f"{where}: each class folder must contain images ({', '.join(sorted(SUFFIXES))}); these are empty: "
            f"{', '.join(names)}. Add the missing images, or unpack the set again."
        )
    return DataError(
        f"{where} must contain one folder for each of {listed}; missing: {', '.join(names)}. Rename the folders, leave "
        "the class out with data.exclude, or set data.classes."
    )


def _table(
    files: Sequence[ImageFile], places: Mapping[Folders, Place], names: Mapping[str, str], classes: Sequence[str]
) -> pd.DataFrame:
    """Return the table of the images, see `Listing`; equal sets have equal names, whatever the folders around them."""
    depth = common_depth({file.folders for file in files})
    label = {name: k for k, name in enumerate(classes)}
    rows = []
    for file in files:
        place = places[file.folders]
        folder = plain(file.folders[place.level])
        rows.append((file.below(depth), file.path, label[names[folder]], place.part, folder))
    table = pd.DataFrame(rows, columns=["image", "path", "label", "part", "folder"])
    return table.sort_values("image", ignore_index=True)
