"""Images of a set that are the same: exact copies by content, and near copies by their signatures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from alzbench.data.signature import encode, similarities, whitening
from alzbench.progress import Progress

NEAR_COPY = 0.985  # similarity from which two images count as copies; neighbouring slices of one subject reach 0.98
COLUMNS = ["image", "other", "similarity", "exact", "same_class", "same_part"]
_CHUNK = 512

Float = npt.NDArray[np.float32]


def find_duplicates(rows: pd.DataFrame, signatures: Float, progress: Progress) -> pd.DataFrame:
    """Return the pairs of images that are exact or near copies, each pair once.

    Args:
        rows: `n` images: image (name), class, part, digest (of the content).
        signatures: (n, SIDE * SIDE) their signatures; a slice without a head (zeros) has exact copies only.
        progress: Progress display.

    Returns:
        See COLUMNS: the names of both images, their similarity (1 for exact copies), True if the content is the same,
        and if their class and their part are. Exact copies are paired with the first of them.
    """
    digests = rows["digest"].to_numpy()
    _, start, group = np.unique(digests, return_index=True, return_inverse=True)
    place = np.arange(len(rows))
    copies = np.flatnonzero(start[group] != place)
    first, second, similarity = _similar_pairs(signatures, progress)
    near = digests[first] != digests[second]
    first = np.concatenate([start[group][copies], first[near]])
    second = np.concatenate([copies, second[near]])
    exact = np.arange(len(first)) < len(copies)
    classes, parts, names = (rows[column].to_numpy() for column in ("class", "part", "image"))
    return pd.DataFrame(
        {
            "image": names[first],
            "other": names[second],
            "similarity": np.concatenate([np.ones(len(copies), np.float32), similarity[near]]),
            "exact": exact,
            "same_class": classes[first] == classes[second],
            "same_part": parts[first] == parts[second],
        },
        columns=COLUMNS,
    )


def count_duplicates(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the number of images that have a copy, by kind: exact, same_class, same_part, images."""
    kinds = ["exact", "same_class", "same_part"]
    members = pd.concat([pairs[[*kinds, "image"]], pairs[[*kinds, "other"]].rename(columns={"other": "image"})])
    counts = members.drop_duplicates().groupby(kinds).size().rename("images").reset_index()
    return counts.sort_values(kinds, ascending=False, ignore_index=True)


def _similar_pairs(signatures: Float, progress: Progress) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Float]:
    """Return the positions of all pairs of near copies, the smaller one first, and their similarity."""
    seen = np.flatnonzero(signatures.any(axis=1))
    pairs = [(np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0, np.float32))]
    if len(seen) >= 3:  # whitening needs a spread
        mean, basis = whitening(signatures[seen])
        codes = encode(signatures[seen], mean, basis)
        with progress.track("copies", len(seen)) as advance:
            for start in range(0, len(seen), _CHUNK):
                chunk = seen[start : start + _CHUNK]
                alike = similarities(signatures[chunk], codes[start:], mean, basis)
                row, column = np.nonzero(alike >= NEAR_COPY)
                later = column > row
                row, column = row[later], column[later]
                pairs.append((chunk[row], seen[start + column], alike[row, column]))
                advance(len(chunk))
    first, second, similarity = (np.concatenate(column) for column in zip(*pairs, strict=True))
    return first, second, similarity
