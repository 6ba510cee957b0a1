"""Subjects identified by image content, with a table of the 6,400 original slices of the four-class Kaggle set.

The table (`slice_table.npz`, see `slice_table.md` for its source and licence) holds a compact signature, the subject
and the number of each slice. It recognises a slice after resizing, recompression, brightness changes and small
rotations, shifts, zooms and flips. A slice that does not clearly belong to one subject stays unknown.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources

import numpy as np
import numpy.typing as npt
import pandas as pd

from alzbench.data.signature import similarities, unit

# Similarities measured on the 6,400 originals: at least 0.878 between neighbouring slices of one subject, at most 0.875
# between slices of two subjects, at least 0.99 between an augmented copy and its original. Below either limit a match
# is not certain.
MIN_SIMILARITY = 0.9
MIN_MARGIN = 0.03
ASPECT = 176 / 208  # width divided by height of the table's slices
_CHUNK = 2048

Float = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SliceTable:
    """Known slices, sorted by subject: `n` slices, `D` components, signatures of `SIDE * SIDE` numbers.

    Attributes:
        mean: (SIDE * SIDE,) mean signature.
        basis: (SIDE * SIDE, D) whitened principal components of the signatures.
        codes: (n, D) signatures of the slices in that basis, of unit length.
        subjects: (n,) subject of each slice.
        slices: (n,) number of each slice.
    """

    mean: Float
    basis: Float
    codes: Float
    subjects: npt.NDArray[np.str_]
    slices: npt.NDArray[np.integer]

    def match(self, signatures: Float) -> pd.DataFrame:
        """Match each signature (m, SIDE * SIDE), mirrored or not, with the most similar known slice.

        Returns:
            One row per signature: subject and slice of the best match, similarity (cosine in the whitened basis, at
            most 1), margin (similarity minus that of the best match of any other subject), certain (bool).
        """
        starts = np.flatnonzero(np.r_[True, self.subjects[1:] != self.subjects[:-1]])
        chunks = [self._match(signatures[i : i + _CHUNK], starts) for i in range(0, len(signatures), _CHUNK)]
        best, similarity, margin = (np.concatenate(column) for column in zip(*chunks, strict=True))
        return pd.DataFrame(
            {
                "subject": self.subjects[best],
                "slice": self.slices[best].astype(str),
                "similarity": similarity,
                "margin": margin,
                "certain": (similarity >= MIN_SIMILARITY) & (margin >= MIN_MARGIN),
            }
        )

    def _match(self, signatures: Float, starts: npt.NDArray[np.intp]) -> tuple[npt.NDArray[np.intp], Float, Float]:
        alike = similarities(signatures, self.codes, self.mean, self.basis)
        by_subject = np.maximum.reduceat(alike, starts, axis=1)
        ranked = np.sort(by_subject, axis=1).astype(np.float32)
        first, second = ranked[:, -1], ranked[:, -2]
        return alike.argmax(axis=1), first, first - second


@functools.cache
def load_slice_table() -> SliceTable:
    """Return the table that the package contains."""
    with (resources.files("alzbench.data") / "slice_table.npz").open("rb") as file:
        content = np.load(file, allow_pickle=False)
        return SliceTable(
            mean=content["mean"].astype(np.float32),
            basis=content["basis"].astype(np.float32),
            codes=unit(content["codes"].astype(np.float32)),
            subjects=content["names"][content["subjects"]],
            slices=content["slices"],
        )
