"""Image sets in folders: one or two parts, each with one folder per class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from alzbench.data.names import text_of
from alzbench.errors import DataError
from alzbench.experiment.schema import plain

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff"})

# plain folder names of each known layout, with the part of the set in each folder
LAYOUTS = (
    {"augmentedalzheimerdataset": "augmented", "originaldataset": "original"},
    {"train": "train", "test": "test"},
)
DEPTH = 2  # archives put one or two folders above the parts


def list_folder(root: Path, classes: Sequence[str]) -> pd.DataFrame:
    """List the images of a set without opening them.

    Args:
        root: Folder that contains the parts, at most two levels below.
        classes: Class names in label order. Folder names match them regardless of case, spaces, dashes and underscores,
            and with `Dementia` for `Demented`.

    Returns:
        One row per image, sorted: image (path below the folder of the parts), path, label, part.

    Raises:
        DataError: The folder, a part or a class folder is missing or empty, or a folder is not a known class.
    """
    if not root.is_dir():
        raise DataError(
            f"There is no folder {root}. Set --data (or ALZBENCH_DATA) to a folder with AugmentedAlzheimerDataset and "
            "OriginalDataset, or use --demo, which needs no data."
        )
    home, parts = _find_parts(root, classes)
    files = [
        (str(path.relative_to(home)), str(path), label, part)
        for folder, part in parts.items()
        for label, class_folder in enumerate(_class_folders(folder, classes))
        for path in _images(class_folder)
    ]
    unwritable = [text_of(path) for _, path, _, _ in files if text_of(path) != path]
    if unwritable:
        raise DataError(
            f"The paths of images must be text in UTF-8; {len(unwritable):,} are not, such as {unwritable[0]}. Rename "
            "them."
        )
    table = pd.DataFrame(files, columns=["image", "path", "label", "part"])
    return table.sort_values("image", ignore_index=True)


def _find_parts(root: Path, classes: Sequence[str]) -> tuple[Path, dict[Path, str]]:
    for candidate in _folders_below(root, DEPTH):
        names = {plain(folder.name) for folder in _subfolders(candidate)}
        for layout in LAYOUTS:
            if layout.keys() <= names:
                inside = _by_plain_name(candidate)
                return candidate, {inside[name]: part for name, part in layout.items()}
    part_names = {name for layout in LAYOUTS for name in layout}
    for candidate in _folders_below(root, DEPTH):
        if candidate != root and plain(candidate.name) in part_names:
            continue  # one part of a set whose other part is missing
        if {plain(name) for name in classes} <= {plain(folder.name) for folder in _subfolders(candidate)}:
            return candidate.parent, {candidate: "original"}
    present = ", ".join(folder.name for folder in _subfolders(root)[:6]) or "no folders"
    raise DataError(
        f"{root} must contain the folders AugmentedAlzheimerDataset and OriginalDataset, or train and test, each with "
        f"one folder per class; it contains {present}. Set --data to the folder of the set."
    )


def _class_folders(part: Path, classes: Sequence[str]) -> list[Path]:
    folders = _by_plain_name(part)
    wanted = {plain(name): name for name in classes}
    missing = [name for key, name in wanted.items() if key not in folders]
    unknown = [folder.name for key, folder in folders.items() if key not in wanted]
    if missing or unknown:
        problems = [f"missing: {', '.join(missing)}"] if missing else []
        problems += [f"not a known class: {', '.join(unknown)}"] if unknown else []
        raise DataError(
            f"{part} must contain one folder for each of {', '.join(classes)}; {'; '.join(problems)}. Rename the "
            "folders, or set data.classes."
        )
    empty = [folders[key].name for key in wanted if next(_images(folders[key]), None) is None]
    if empty:
        raise DataError(
            f"{part}: each class folder must contain images ({', '.join(sorted(SUFFIXES))}); these are empty: "
            f"{', '.join(empty)}. Add the missing images, or unpack the set again."
        )
    return [folders[key] for key in wanted]


def _by_plain_name(folder: Path) -> dict[str, Path]:
    """Return the subfolders by plain name; raises DataError if two share one, as the images of one would be lost."""
    by_name: dict[str, Path] = {}
    for inner in _subfolders(folder):
        other = by_name.setdefault(plain(inner.name), inner)
        if other != inner:
            raise DataError(
                f"{folder} must contain only one folder for each name; {other.name} and {inner.name} differ only in "
                "case, spaces, dashes, underscores or spelling. Move their images into one of them."
            )
    return by_name


def _images(folder: Path) -> Iterator[Path]:
    return (p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith(".") and p.is_file())


def _subfolders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith((".", "__MACOSX")))


def _folders_below(folder: Path, depth: int) -> Iterator[Path]:
    yield folder
    if depth:
        for inner in _subfolders(folder):
            yield from _folders_below(inner, depth - 1)
