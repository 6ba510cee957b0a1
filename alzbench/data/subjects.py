"""Subject and slice number of each image, from file names that are checked against the pixels, or from content."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pandas as pd

from alzbench.arrays import ArrayStore
from alzbench.cache import cache_folder
from alzbench.data.content import ASPECT, load_slice_table
from alzbench.data.images import decode
from alzbench.data.names import numbered_parts, read_names
from alzbench.data.signature import SIDE, SIZE, signatures
from alzbench.progress import Progress

COLUMNS = ["subject", "slice", "subject_by"]
MIN_AGREEMENT = 0.9  # measured on the real set: 0.997, and 0.01 to 0.5 by chance
_CHECK_SIDE = 64
_SAME_ASPECT = 0.01
_BATCH = 256
_VERSION = 1

Float = npt.NDArray[np.float32]


def identify(files: pd.DataFrame, readable: pd.DataFrame, progress: Progress) -> pd.DataFrame:
    """Identify the subjects of a set's images.

    Args:
        files: All files of the set, including unreadable ones, because names are numbered over all of them: image,
            class, part.
        readable: The readable files: image, class, part, path, digest, width, height.
        progress: Progress display.

    Returns:
        subject and slice ('' if unknown) and subject_by (`name`, `content` or ''), with the index of `readable`.
    """
    named = read_names(files).set_index(files["image"]).loc[readable["image"]].set_axis(readable.index)
    subjects = named[["subject", "slice"]].assign(subject_by=np.where(named["subject"] != "", "name", ""))
    numbered = readable[named["numbered"]]
    for _, rows in numbered.groupby(numbered_parts(numbered)):
        agreement = adjacent_agreement(rows.join(subjects.loc[rows.index]), progress)
        if agreement is not None and agreement < MIN_AGREEMENT:
            progress.say(
                f"The numbers in the file names of the {rows['part'].iloc[0]} images do not give their subjects: only "
                f"{agreement:.1%} of the slices resemble the next slice of the same subject most. Subjects are "
                "identified by image content instead."
            )
            subjects.loc[rows.index] = ""
    unknown = readable[subjects["subject"] == ""]
    if len(unknown):
        matches = _match(unknown, progress)
        certain = matches[matches["certain"]]
        subjects.loc[certain.index, ["subject", "slice"]] = certain[["subject", "slice"]]
        subjects.loc[certain.index, "subject_by"] = "content"
    return subjects


def adjacent_agreement(rows: pd.DataFrame, progress: Progress) -> float | None:
    """Return the share of slices whose most similar next slice, of all subjects of the class, is the same subject's.

    Args:
        rows: subject, slice (a number as text), class, path, image, digest of images whose names were read.
        progress: Progress display.

    Returns:
        A share, nearly 1 if the names were read correctly; None if no class has two subjects with neighbouring slices.
    """
    numbered = rows[rows["slice"].str.fullmatch(r"\d+")].drop_duplicates(["class", "subject", "slice"])
    if numbered.empty:
        return None
    flat = _thumbnails(numbered, progress)
    subjects, numbers = numbered["subject"].to_numpy(), numbered["slice"].astype(int).to_numpy()
    correct = total = 0
    for _, rows_of_class in numbered.assign(row=np.arange(len(numbered))).groupby("class")["row"]:
        members = rows_of_class.to_numpy()
        for number in np.unique(numbers[members])[:-1]:
            current, following = (members[numbers[members] == n] for n in (number, number + 1))
            known = np.isin(subjects[current], subjects[following])
            if len(following) < 2 or not known.any():
                continue
            a, b = flat[current][known], flat[following]
            distance = (b**2).sum(axis=1) - 2 * a @ b.T  # squared, without a term that is the same along each row
            nearest = subjects[following][distance.argmin(axis=1)]
            correct += int((nearest == subjects[current][known]).sum())
            total += int(known.sum())
    return correct / total if total else None


def _thumbnails(rows: pd.DataFrame, progress: Progress) -> Float:
    """Return the grey values (n, _CHECK_SIDE ** 2) of small versions of images."""
    decoded = decode(rows[["image", "path"]].reset_index(drop=True), SIZE, 1, progress).pixels
    pixels = np.asarray(decoded.take(slice(None)), np.uint8)[..., 0]
    blocks = pixels.reshape(len(pixels), _CHECK_SIDE, SIZE // _CHECK_SIDE, _CHECK_SIDE, SIZE // _CHECK_SIDE)
    flat: Float = blocks.mean(axis=(2, 4), dtype=np.float32).reshape(len(pixels), -1)
    return flat


def _match(rows: pd.DataFrame, progress: Progress) -> pd.DataFrame:
    """Match images by content, both as they are and as if stretched from the aspect ratio of the table's slices."""
    table = load_slice_table()
    matches = table.match(image_signatures(rows, progress)).set_axis(rows.index)
    stretched = rows[(rows["width"] / rows["height"] / ASPECT - 1).abs() > _SAME_ASPECT]
    if len(stretched):
        restored = table.match(image_signatures(stretched, progress, ASPECT)).set_axis(stretched.index)
        better = restored[restored["similarity"] > matches.loc[restored.index, "similarity"]]
        matches.loc[better.index] = better
    return matches


def image_signatures(rows: pd.DataFrame, progress: Progress, aspect: float | None = None) -> Float:
    """Return the signatures (n, SIDE * SIDE) of images, from the cache if their content is in it.

    Args:
        rows: image, path, digest, width, height.
        progress: Progress display.
        aspect: Width divided by height, assumed instead of each image's own; None: its own.
    """
    store = ArrayStore(cache_folder() / "signatures" / f"v{_VERSION}", (SIDE * SIDE,), np.float16)
    aspects = rows["width"] / rows["height"] if aspect is None else pd.Series(aspect, index=rows.index)
    keys = rows["digest"] + aspects.map("-{:.4f}".format)
    missing = rows[keys.isin(set(store.missing(keys.tolist())))].drop_duplicates("digest")
    if len(missing):
        store.add(keys[missing.index].tolist(), _compute(missing, aspects[missing.index].tolist(), progress))
    return store.rows(keys.tolist()).take(slice(None)).astype(np.float32)


def _compute(rows: pd.DataFrame, aspects: Sequence[float], progress: Progress) -> Float:
    """Compute the signatures (n, SIDE * SIDE) of images with the given aspect ratios."""
    pixels = decode(rows[["image", "path"]], SIZE, 1, progress).pixels
    batches = [slice(start, start + _BATCH) for start in range(0, len(rows), _BATCH)]

    def compute(batch: slice) -> Float:
        return signatures(np.asarray(pixels.take(batch), np.uint8)[..., 0], aspects[batch])

    computed = []
    with progress.track("signatures", len(rows)) as advance, ThreadPoolExecutor(os.cpu_count()) as pool:
        for result in pool.map(compute, batches):
            computed.append(result)
            advance(len(result))
    return np.concatenate(computed)
