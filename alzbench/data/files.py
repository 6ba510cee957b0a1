"""All image files below a folder, whatever its layout."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from alzbench.errors import DataError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff"})

# image files that are found but not decoded
OTHER_FORMATS = (
    ".gif", ".webp", ".jfif", ".jp2", ".heic", ".avif", ".dcm", ".ima", ".nii", ".nii.gz", ".mgz", ".mha", ".nrrd",
)  # fmt: skip
VOLUMES = (".nii", ".nii.gz")
NO_VOLUME = "no NIfTI volume, and data.volumes is set"
HIDDEN = "in a hidden folder or file"

Folders = tuple[str, ...]  # names of folders, from the outside in


@dataclass(frozen=True)
class ImageFile:
    """An image file.

    Attributes:
        folders: Names of the folders between the root and the file.
        name: Its own name.
        path: Its path.
    """

    folders: Folders
    name: str
    path: str

    def below(self, depth: int) -> str:
        """Return its path below the folder at a depth from the root."""
        return os.path.join(*self.folders[depth:], self.name)


@dataclass(frozen=True)
class LeftOut:
    """Image files that are not part of the set, for one reason."""

    files: tuple[ImageFile, ...]
    reason: str


def find_images(root: Path) -> tuple[list[ImageFile], list[LeftOut], set[Folders]]:
    """Find all image files below a folder, through symbolic links too.

    Files that macOS adds to archives (`__MACOSX`, `._name`) are no images.

    Returns:
        The files, sorted; those that are hidden or of a format that is not supported; and all folders that are not
        hidden, even empty ones.

    Raises:
        DataError: There are NIfTI volumes only, or a name is not UTF-8.
    """
    usable: list[ImageFile] = []
    hidden: list[ImageFile] = []
    other: dict[str, list[ImageFile]] = {}
    folders: set[Folders] = set()
    for file, is_folder in _walk(root, (), (os.path.realpath(root),)):
        in_hidden = any(name.startswith(".") for name in (*file.folders, file.name))
        if is_folder:
            folders |= set() if in_hidden else {(*file.folders, file.name)}
            continue
        suffix = os.path.splitext(file.name)[1].lower()
        unsupported = next((end for end in OTHER_FORMATS[::-1] if file.name.lower().endswith(end)), None)
        if suffix not in SUFFIXES and unsupported is None:
            continue
        if in_hidden:
            hidden.append(file)
        elif unsupported is not None:
            other.setdefault(unsupported, []).append(file)
        else:
            usable.append(file)
    _require_text(usable)
    volumes = [end for end in other if end in VOLUMES]
    if volumes and not usable:
        raise DataError(
            f"{root} contains NIfTI volumes and no images. Set data.volumes to read slices of them, for example with "
            "--set data.volumes=axial."
        )
    left_out = [LeftOut(tuple(files), f"{end} is not a supported format") for end, files in sorted(other.items())]
    if hidden:
        left_out.append(LeftOut(tuple(hidden), HIDDEN))
    return sorted(usable, key=lambda file: (file.folders, file.name)), left_out, folders


def find_volumes(root: Path) -> tuple[list[ImageFile], list[LeftOut]]:
    """Find all NIfTI volumes below a folder, and the other image files and hidden volumes, which are left out."""
    found: dict[str, list[ImageFile]] = {"": [], HIDDEN: [], NO_VOLUME: []}
    for file, is_folder in _walk(root, (), (os.path.realpath(root),)):
        name = file.name.lower()
        if is_folder or not name.endswith((*SUFFIXES, *OTHER_FORMATS)):
            continue
        hidden = any(part.startswith(".") for part in (*file.folders, file.name))
        found[NO_VOLUME if not name.endswith(VOLUMES) else HIDDEN if hidden else ""].append(file)
    _require_text(found[""])
    usable = sorted(found.pop(""), key=lambda file: (file.folders, file.name))
    return usable, [LeftOut(tuple(files), reason) for reason, files in found.items() if files]


def text_of(name: str) -> str:
    """Return the name of a file as text that can be written: bytes that are not UTF-8 become `\\xff` and so on."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _require_text(files: Sequence[ImageFile]) -> None:
    unwritable = [text_of(file.path) for file in files if text_of(file.path) != file.path]
    if unwritable:
        raise DataError(
            f"The paths of images must be text in UTF-8; {len(unwritable):,} are not, such as {unwritable[0]}. Rename "
            "them."
        )


def _walk(folder: Path, names: Folders, above: tuple[str, ...]) -> Iterator[tuple[ImageFile, bool]]:
    """Yield each file and folder below a folder, with True for a folder; a link to a folder above is not followed."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name == "__MACOSX" or entry.name.startswith("._"):
            continue
        found = ImageFile(names, entry.name, str(folder / entry.name))
        if not entry.is_dir():
            yield found, False
        elif (real := os.path.realpath(entry.path)) not in above:
            yield found, True
            yield from _walk(folder / entry.name, (*names, entry.name), (*above, real))


def left_out_table(left_out: Sequence[LeftOut]) -> pd.DataFrame:
    """Return one row per file that is left out: image (path below the root), folder (`.`: the root), reason."""
    rows = [
        (file.below(0), os.path.join(".", *file.folders).removeprefix(f".{os.sep}"), group.reason)
        for group in left_out
        for file in group.files
    ]
    return pd.DataFrame(rows, columns=["image", "folder", "reason"], dtype=str).sort_values("image", ignore_index=True)


def count_left_out(table: pd.DataFrame) -> list[dict[str, str | int]]:
    """Return the number of images that are left out of each folder for each reason: folder, images, reason."""
    counts = Counter(zip(table["folder"], table["reason"], strict=True))
    return [{"folder": folder, "images": n, "reason": reason} for (folder, reason), n in sorted(counts.items())]
