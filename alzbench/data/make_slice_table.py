"""Build `slice_table.npz` from a folder of the original slices:

    python -m alzbench.data.make_slice_table FOLDER [OUT]

FOLDER has the Kaggle set's layout (or its train and test folders). Subjects are read from the file names and checked
against the pixels; the command stops if they do not agree.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from alzbench import atomic
from alzbench.data.manifest import open_image_set
from alzbench.data.signature import whitening
from alzbench.data.subjects import image_signatures
from alzbench.experiment import DataSettings
from alzbench.progress import Progress


def make(folder: Path, out: Path, progress: Progress) -> int:
    """Write the table and return its number of slices; raises ValueError if a name does not give a subject."""
    manifest = open_image_set(DataSettings(source=str(folder)), progress).manifest
    rows = manifest[manifest["part"] != "augmented"].sort_values(["subject", "slice"])
    if not (rows["subject_by"] == "name").all():
        raise ValueError("every slice's subject must be readable from its file name")
    signatures = image_signatures(rows, progress)
    mean, basis = whitening(signatures)
    codes = (signatures - mean) @ basis
    codes *= 127 / np.abs(codes).max(axis=1, keepdims=True)
    names, subjects = np.unique(rows["subject"].to_numpy(str), return_inverse=True)
    with atomic.replacing(out) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            allow_pickle=False,
            mean=mean.astype(np.float16),
            basis=basis.astype(np.float16),
            codes=np.round(codes).astype(np.int8),
            names=names,
            subjects=subjects.astype(np.uint8),
            slices=rows["slice"].to_numpy(int).astype(np.uint8),
        )
    return len(rows)


if __name__ == "__main__":
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).with_name("slice_table.npz")
    print(f"{make(Path(sys.argv[1]), target, Progress())} slices in {target}")
