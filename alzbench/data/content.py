"""Finding the subject of a slice by its content, in a table of the four-class Kaggle set's 6,400 original slices.

The table (`slice_table.npz`, see `slice_table.md` for its source and licence) holds a compact signature, the subject
and the number of each slice. A slice of that set is found again after resizing, recompression, brightness changes and
small rotations, shifts, zooms and flips. What is not clearly one subject's is left unknown.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources

import numpy as np
import numpy.typing as npt
import pandas as pd

from alzbench.data.signature import mirrored, unit

# Measured on the 6,400 originals: neighbouring slices of one subject are at least 0.878 alike, slices of two subjects
# at most 0.875; augmented copies are at least 0.99 alike their original. Below either limit a match is not certain.
MIN_SIMILARITY = 0.9
MIN_MARGIN = 0.03
ASPECT = 176 / 208  # width by height of the table's slices
_CHUNK = 2048

Float = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SliceTable:
    """Known slices, sorted by subject.

    Attributes:
        mean: (SIDE * SIDE,) mean signature.
        basis: (SIDE * SIDE, D) whitened principal components of the signatures.
        codes: (n, D) the known slices in that basis, of unit length.
        subjects: (n,) their subjects.
        slices: (n,) their numbers.
    """

    mean: Float
    basis: Float
    codes: Float
    subjects: npt.NDArray[np.str_]
    slices: npt.NDArray[np.integer]

    def match(self, signatures: Float) -> pd.DataFrame:
        """Find the most similar known slice of each signature (n, SIDE * SIDE), mirrored or not.

        Returns:
            A row a signature: subject and slice of the best match, similarity (cosine in the whitened basis, at most
            1), margin (over the best match of any other subject), certain.
        """
        starts = np.flatnonzero(np.r_[True, self.subjects[1:] != self.subjects[:-1]])
        parts = [self._match(signatures[i : i + _CHUNK], starts) for i in range(0, len(signatures), _CHUNK)]
        best, similarity, margin = (np.concatenate(column) for column in zip(*parts, strict=True))
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
        as_is, flipped = (self._encode(s) @ self.codes.T for s in (signatures, mirrored(signatures)))
        alike = np.maximum(as_is, flipped)
        by_subject = np.maximum.reduceat(alike, starts, axis=1)
        ranked = np.sort(by_subject, axis=1).astype(np.float32)
        first, second = ranked[:, -1], ranked[:, -2]
        return alike.argmax(axis=1), first, first - second

    def _encode(self, signatures: Float) -> Float:
        return unit((signatures - self.mean) @ self.basis)


@functools.cache
def load_slice_table() -> SliceTable:
    """Return the table that comes with the package."""
    with (resources.files("alzbench.data") / "slice_table.npz").open("rb") as file:
        content = np.load(file, allow_pickle=False)
        return SliceTable(
            mean=content["mean"].astype(np.float32),
            basis=content["basis"].astype(np.float32),
            codes=unit(content["codes"].astype(np.float32)),
            subjects=content["names"][content["subjects"]],
            slices=content["slices"],
        )
