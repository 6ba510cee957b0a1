"""Images matched to the rows of a table by their names."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from alzbench.data.layout import common_depth
from alzbench.delimited import quoted
from alzbench.errors import DataError


@dataclass(frozen=True)
class Matches:
    """The row of each image.

    Attributes:
        rows: (N,) position of each image's row; None if it has none.
        unused: Positions of the rows without an image.
        ignored: Folders at the beginning of all names that were not compared, such as `/mnt/scans`.
    """

    rows: tuple[int | None, ...]
    unused: tuple[int, ...]
    ignored: str = ""


def match_names(names: Sequence[str], images: Sequence[str], where: str) -> Matches:
    """Match the names in a table to images.

    A name fits the image whose path it is, or whose path below the folder that holds all images; else one whose path
    ends with it, from the beginning of a folder's or file's name on; else the same without the ending of the file name,
    such as `.jpg`. If no name fits an image, the set may have been moved: then the folders that all names share are
    left out, as few as make a name the path of an image.

    Args:
        names: The names, one per row. Backslashes count as slashes, and spaces around a name do not count.
        images: Paths below the root of the set, with slashes; no two are equal.
        where: The file, for errors.

    Raises:
        DataError: A name fits several images, or an image has several rows.
    """
    fitting: tuple[dict[str, list[int]], ...] = ({}, {}, {}, {}, {}, {})
    shared = common_depth({PurePosixPath(image).parts[:-1] for image in images})
    for position, image in enumerate(images):
        for level, key in _keys(image, shared):
            fitting[level].setdefault(key.strip(), []).append(position)
    rows: dict[int, int] = {}
    unused: list[int] = []
    keys, ignored = _below_root([name.strip().replace("\\", "/").removeprefix("./") for name in names], fitting)
    for row, (name, key) in enumerate(zip(names, keys, strict=True)):
        found = next((level[key] for level in fitting if key in level), [])
        if len(found) > 1:
            raise DataError(
                f"{where}: a name must fit one image; {name!r} fits {len(found):,}: "
                f"{quoted([images[k] for k in found])}. Write the path below the root of the set."
            )
        if not found:
            unused.append(row)
        elif found[0] in rows:
            raise DataError(
                f"{where}: each image must have one row only; {images[found[0]]} has {names[rows[found[0]]]!r} and "
                f"{name!r}. Remove one."
            )
        else:
            rows[found[0]] = row
    return Matches(tuple(rows.get(k) for k in range(len(images))), tuple(unused), ignored)


def _below_root(names: Sequence[str], fitting: Sequence[Collection[str]]) -> tuple[list[str], str]:
    """Return names without the folders that the set had elsewhere, and these folders; see `match_names`."""
    keys = [name.lstrip("/") for name in names]
    if any(key in level for level in fitting for key in keys):
        return keys, ""
    parts = [tuple(name.split("/")) for name in names]
    for depth in range(1, common_depth({folders[:-1] for folders in parts}) + 1):
        moved = ["/".join(folders[depth:]) for folders in parts]
        if any(key in level for level in (fitting[0], fitting[3]) for key in moved):
            return moved, "/".join(parts[0][:depth])
    return keys, ""


def _keys(image: str, shared: int) -> Iterator[tuple[int, str]]:
    """Yield the names that fit an image, each with its rank: whole, below the shared folders, or ending; then stems."""
    parts = PurePosixPath(image).parts
    stem = PurePosixPath(image).stem
    for start in range(len(parts)):
        folders = parts[start:-1]
        rank = 0 if start == 0 else 1 if start == shared else 2
        yield rank, "/".join([*folders, parts[-1]])
        yield 3 + rank, "/".join([*folders, stem])
