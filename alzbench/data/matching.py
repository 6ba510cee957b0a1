"""Images matched to the rows of a table by their names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    """

    rows: tuple[int | None, ...]
    unused: tuple[int, ...]


def match_names(names: Sequence[str], images: Sequence[str], where: str) -> Matches:
    """Match the names in a table to images.

    A name fits the image whose path it is, or whose path below the folder that holds all images; else one whose path
    ends with it, from the beginning of a folder's or file's name on; else the same without the ending of the file name,
    such as `.jpg`.

    Args:
        names: The names, one per row. Backslashes count as slashes.
        images: Paths below the root of the set, with slashes; no two are equal.
        where: The file, for errors.

    Raises:
        DataError: A name fits several images, or an image has several rows.
    """
    fitting: tuple[dict[str, list[int]], ...] = ({}, {}, {}, {}, {}, {})
    shared = common_depth({PurePosixPath(image).parts[:-1] for image in images})
    for position, image in enumerate(images):
        for level, key in _keys(image, shared):
            fitting[level].setdefault(key, []).append(position)
    rows: dict[int, int] = {}
    unused: list[int] = []
    for row, name in enumerate(names):
        key = name.replace("\\", "/").removeprefix("./").lstrip("/")
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
    return Matches(tuple(rows.get(k) for k in range(len(images))), tuple(unused))


def _keys(image: str, shared: int) -> Iterator[tuple[int, str]]:
    """Yield the names that fit an image, each with its rank: whole, below the shared folders, or ending; then stems."""
    parts = PurePosixPath(image).parts
    stem = PurePosixPath(image).stem
    for start in range(len(parts)):
        folders = parts[start:-1]
        rank = 0 if start == 0 else 1 if start == shared else 2
        yield rank, "/".join([*folders, parts[-1]])
        yield 3 + rank, "/".join([*folders, stem])
