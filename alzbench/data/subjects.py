"""Who is in a set: the subject and the slice number of each image, from names checked on the pixels, or by content."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pandas as pd

from alzbench.arrays import ArrayStore
from alzbench.cache import cache_folder
from alzbench.data.content import ASPECT, load_slice_table
from alzbench.data.images import decode
from alzbench.data.names import read_names
from alzbench.data.signature import SIDE, SIZE, signatures
from alzbench.progress import Progress

COLUMNS = ["subject", "slice", "subject_by"]
MIN_AGREEMENT = 0.9  # measured on the real set: 0.997; by chance 0.01 to 0.5
_CHECK_SIDE = 64
_SAME_ASPECT = 0.01
_VERSION = 1

Float = npt.NDArray[np.float32]


def identify(files: pd.DataFrame, readable: pd.DataFrame, progress: Progress) -> pd.DataFrame:
    """Find the subjects of a set's images.

    Args:
        files: All files of the set, the unreadable ones too, as names are numbered over all: image, class, part.
        readable: The readable ones: image, class, part, path, digest, width, height.
        progress: Where to report.

    Returns:
        subject and slice ('' where unknown) and subject_by (`name`, `content` or ''), with the index of `readable`.
    """
    named = read_names(files).set_index(files["image"]).loc[readable["image"]].set_axis(readable.index)
    found = named[["subject", "slice"]].assign(subject_by=np.where(named["subject"] != "", "name", ""))
    for rows in _parts(readable[named["numbered"]]):
        agreement = adjacent_agreement(readable.loc[rows].join(found.loc[rows]), progress)
        if agreement is not None and agreement < MIN_AGREEMENT:
            part = readable.loc[rows[0], "part"]
            progress.say(
                f"The names of the {part} images do not tell their subjects: only {agreement:.1%} of neighbouring "
                "slices look alike. Subjects are looked for by content."
            )
            found.loc[rows] = ""
    unknown = readable[found["subject"] == ""]
    if len(unknown):
        matches = _match(unknown, progress)
        certain = matches[matches["certain"]]
        found.loc[certain.index, ["subject", "slice"]] = certain[["subject", "slice"]]
        found.loc[certain.index, "subject_by"] = "content"
    return found


def adjacent_agreement(rows: pd.DataFrame, progress: Progress) -> float | None:
    """Return how often the most similar next slice of a class is the same subject's.

    Args:
        rows: subject, slice (a number as text), class, path, image, digest of images whose names were read.
        progress: Where to report.

    Returns:
        A share, 1.0 or nearly where the names are read rightly; None where there are no neighbouring slices of a class
        with two subjects to look at.
    """
    numbered = rows[rows["slice"].str.fullmatch(r"\d+")].drop_duplicates(["class", "subject", "slice"])
    if numbered.empty:
        return None
    pixels = _grey(numbered, progress)
    small = pixels.reshape(len(pixels), _CHECK_SIDE, SIZE // _CHECK_SIDE, _CHECK_SIDE, SIZE // _CHECK_SIDE)
    flat = small.mean(axis=(2, 4), dtype=np.float32).reshape(len(pixels), -1)
    numbers = numbered["slice"].astype(int).to_numpy()
    right = total = 0
    for _, where in numbered.assign(row=np.arange(len(numbered))).groupby("class")["row"]:
        members = where.to_numpy()
        for number in np.unique(numbers[members])[:-1]:
            here, there = members[numbers[members] == number], members[numbers[members] == number + 1]
            names, next_names = (numbered["subject"].to_numpy()[side] for side in (here, there))
            known = np.isin(names, next_names)
            if len(there) < 2 or not known.any():
                continue
            a, b = flat[here][known], flat[there]
            distance = (b**2).sum(axis=1) - 2 * a @ b.T  # squared, less a term that is the same along each row
            right += int((next_names[distance.argmin(axis=1)] == names[known]).sum())
            total += int(known.sum())
    return right / total if total else None


def _match(rows: pd.DataFrame, progress: Progress) -> pd.DataFrame:
    """Match images by content, as they are and as if they had been stretched from the table's own shape."""
    table = load_slice_table()
    matches = table.match(image_signatures(rows, progress)).set_axis(rows.index)
    stretched = rows[(rows["width"] / rows["height"] / ASPECT - 1).abs() > _SAME_ASPECT]
    if len(stretched):
        undone = table.match(image_signatures(stretched, progress, ASPECT)).set_axis(stretched.index)
        better = undone[undone["similarity"] > matches.loc[undone.index, "similarity"]]
        matches.loc[better.index] = better
    return matches


def image_signatures(rows: pd.DataFrame, progress: Progress, aspect: float | None = None) -> Float:
    """Return the signatures (n, SIDE * SIDE) of images, from the cache where their content was seen before.

    Args:
        rows: image, path, digest, width, height.
        progress: Where to report.
        aspect: Width by height to assume instead of each image's own.
    """
    store = ArrayStore(cache_folder() / "signatures" / f"v{_VERSION}", (SIDE * SIDE,), np.float16)
    aspects_of = rows["width"] / rows["height"] if aspect is None else pd.Series(aspect, index=rows.index)
    key_of = rows["digest"] + aspects_of.map("-{:.4f}".format)
    keys = key_of.tolist()
    todo = rows[key_of.isin(set(store.missing(keys)))].drop_duplicates("digest")
    if len(todo):
        pixels = decode(todo[["image", "path"]], SIZE, 1, progress).pixels
        aspects = aspects_of[todo.index].tolist()
        step = 256
        with progress.track("signatures", len(todo)) as advance, ThreadPoolExecutor(os.cpu_count()) as pool:
            computed = []
            batches = [slice(i, i + step) for i in range(0, len(todo), step)]

            def compute(batch: slice) -> Float:
                return signatures(np.asarray(pixels.take(batch), np.uint8)[..., 0], aspects[batch])

            for batch, result in zip(batches, pool.map(compute, batches), strict=True):
                computed.append(result)
                advance(len(aspects[batch]))
        store.add(key_of[todo.index].tolist(), np.concatenate(computed))
    return store.rows(keys).take(slice(None)).astype(np.float32)


def _grey(rows: pd.DataFrame, progress: Progress) -> npt.NDArray[np.uint8]:
    pixels = decode(rows[["image", "path"]].reset_index(drop=True), SIZE, 1, progress).pixels
    return np.asarray(pixels.take(slice(None)), np.uint8)[..., 0]


def _parts(rows: pd.DataFrame) -> Iterator[pd.Index]:
    """Yield the images of each part, train and test being one."""
    for _, part in rows.groupby(rows["part"].replace({"train": "whole", "test": "whole"})):
        yield part.index
