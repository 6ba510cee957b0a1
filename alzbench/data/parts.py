"""Parts of an image set, read from the names of its folders."""

from __future__ import annotations

import re
from pathlib import Path

from alzbench.data.files import Folders
from alzbench.errors import DataError
from alzbench.experiment.classes import plain

ORIGINAL, AUGMENTED = "original", "augmented"

_NAMES = {
    ORIGINAL: ("original", "originals"),
    AUGMENTED: ("augmented", "augmentedalzheimer"),
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
_PART_OF = {name: part for part, names in _NAMES.items() for name in names}
_FOLD = re.compile(r"fold(\d+)")
_ENDING = re.compile(r"(dataset|set|data|images)$")


def part_of(folder: str) -> str | None:
    """Return the part that a folder's name stands for; None if it stands for none.

    The names are `train`, `training`, `val`, `valid`, `validation`, `dev`, `test`, `testing`, `original`, `augmented`
    and `fold_<number>`, in any case, also with `set`, `data`, `dataset` or `images` after them.
    """
    name = plain(folder)
    if fold := _FOLD.fullmatch(name):
        return f"fold_{int(fold[1])}"
    return _PART_OF.get(_ENDING.sub("", name)) or _PART_OF.get(name)


def is_fold(part: str) -> bool:
    """Return True for the name of a fold."""
    return part.startswith("fold_")


def parts_of(places: set[Folders], root: Path) -> dict[Folders, str | None]:
    """Return the part of each folder with images; None for one beside the parts.

    The innermost name counts, and `augmented` before any other. Without names of parts, and beside augmented images
    alone, all images are originals.

    Raises:
        DataError: Folds have parts of their own, or augmented images have no originals.
    """
    found = {folders: _part(folders, root) for folders in sorted(places)}
    parts = set(found.values()) - {None}
    if parts <= {AUGMENTED}:
        found = {folders: part or ORIGINAL for folders, part in found.items()}
    if set(found.values()) == {AUGMENTED}:
        inside = ", ".join(sorted({folders[0] for folders in places if folders}))
        raise DataError(
            f"{root} must contain the folders AugmentedAlzheimerDataset and OriginalDataset; it contains {inside}, and "
            "augmented images without their originals cannot be tested on. Set --data to the folder of the whole set."
        )
    return found


def _part(folders: Folders, root: Path) -> str | None:
    parts = [part for name in folders if (part := part_of(name))]
    folds = [part for part in parts if is_fold(part)]
    if folds and len(set(parts)) > 1:
        raise DataError(
            f"The folds of a set must not overlap, and {root.joinpath(*folders)} is both {' and '.join(parts)}, so "
            "that images are in several folds. Set --data to one of the folds."
        )
    if AUGMENTED in parts:
        return AUGMENTED
    named = [part for part in parts if part != ORIGINAL]
    return named[-1] if named else parts[-1] if parts else None
