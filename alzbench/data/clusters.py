"""Clusters of images that look like one subject, for sets whose subjects are not known.

Neighbouring slices of one head are more alike than slices of two heads. So two images are linked if they are very
alike, or if each is among the two images that are most like the other (copies aside); the clusters are the connected
parts of this graph. Measured on the original slices of the Kaggle set: it gives exactly the subjects, for all 200 and
for random 100, 50, 20, 10 and 5 of them.

A subject with a single slice, or with slices far apart, is not found in this way. So a cluster is evidence that its
images belong together, and two clusters are no proof that their images do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from alzbench.data.duplicates import NEAR_COPY
from alzbench.data.signature import encode, similarities, whitening
from alzbench.progress import Progress

COMPONENTS = 128  # more than for a match with a known slice: here, differences between heads count most
VERY_ALIKE = 0.85  # slices of two heads reach 0.74
ALIKE = 0.7  # least similarity of nearest neighbours
NEIGHBOURS = 2  # the slice below and the slice above
_CHUNK = 512

Float = npt.NDArray[np.float32]
Ints = npt.NDArray[np.intp]


def cluster(signatures: Float, progress: Progress) -> Ints:
    """Return the cluster (n,) of each image, numbered from 0 in the order of their first images.

    Args:
        signatures: (n, SIDE * SIDE) signatures, see `signature.signatures`; a slice without a head (zeros) is a cluster
            of its own.
        progress: Progress display.
    """
    seen = np.flatnonzero(signatures.any(axis=1))
    clusters = np.arange(len(signatures))
    if len(seen) >= 3:  # whitening needs a spread
        basis = whitening(signatures[seen], COMPONENTS)
        alike = _Likeness(signatures[seen], basis, progress)
        copies = _connected(alike.links(NEAR_COPY))
        order = np.argsort(copies, kind="stable")  # so that the copies of an image are beside each other
        alike = _Likeness(signatures[seen[order]], basis, progress)
        nearest = alike.nearest(copies[order])
        parts = _connected(nearest.multiply(nearest.T))[copies[order]]
        clusters[seen[order]] = len(signatures) + _connected(alike.links(VERY_ALIKE) + _chain(parts))
    _, first, inverse = np.unique(clusters, return_index=True, return_inverse=True)
    ranks: Ints = np.argsort(np.argsort(first))
    return ranks[inverse]


class _Likeness:
    """Similarities of `n` images to each other, in chunks; an image is not similar to itself."""

    def __init__(self, signatures: Float, basis: tuple[Float, Float], progress: Progress) -> None:
        self._signatures, self._basis, self._progress = signatures, basis, progress

    def links(self, limit: float) -> csr_matrix:
        """Return links (n, n) between images that are similar."""
        pairs = [(start + row, column) for start, alike in self._rows() for row, column in [np.nonzero(alike >= limit)]]
        return _graph(pairs, len(self._signatures))

    def nearest(self, groups: Ints) -> csr_matrix:
        """Return links (g, g) from each group of images to the two that are nearest to one of its images.

        Args:
            groups: (n,) the group of each image, in ascending order.
        """
        starts = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]])
        number = min(NEIGHBOURS, len(starts) - 1)
        pairs = []
        for start, alike in self._rows():
            by_group = np.maximum.reduceat(alike, starts, axis=1)
            own = groups[start : start + len(alike)]
            by_group[np.arange(len(alike)), own] = -1
            nearest = np.argsort(-by_group, axis=1)[:, :number]
            row = np.repeat(np.arange(len(alike)), number)
            enough = by_group[row, nearest.ravel()] >= ALIKE
            pairs.append((own[row[enough]], nearest.ravel()[enough]))
        return _graph(pairs, len(starts))

    def _rows(self) -> Iterator[tuple[int, Float]]:
        codes, n = encode(self._signatures, *self._basis), len(self._signatures)
        with self._progress.track("similar images", n) as advance:
            for start in range(0, n, _CHUNK):
                alike = similarities(self._signatures[start : start + _CHUNK], codes, *self._basis)
                alike[np.arange(len(alike)), start + np.arange(len(alike))] = -1
                yield start, alike
                advance(len(alike))


def _graph(pairs: Sequence[tuple[Ints, Ints]], size: int) -> csr_matrix:
    first, second = (np.concatenate(column) for column in zip(*pairs, strict=True))
    return csr_matrix((np.ones(len(first), np.float32), (first, second)), shape=(size, size))


def _chain(parts: Ints) -> csr_matrix:
    """Return links between all images of each part, as a chain."""
    order = np.argsort(parts, kind="stable")
    same = parts[order[1:]] == parts[order[:-1]]
    return _graph([(order[:-1][same], order[1:][same])], len(parts))


def _connected(graph: csr_matrix) -> Ints:
    """Return the connected part (n,) of each image, numbered from 0."""
    return np.asarray(connected_components(graph, directed=False)[1], np.intp)
