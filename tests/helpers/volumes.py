"""Sets of NIfTI volumes: heads of phantoms, whose ventricles are larger in patients."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from alzbench.data.phantom import draw_head, draw_slice
from tests.helpers.medical import write_nifti

DEPTH = 20


def write_volume(path: Path, stage: int, subject: int, depth: int = DEPTH) -> Path:
    """Write the head of one subject, half as large as a phantom, with thicker slices."""
    rng = np.random.default_rng([stage, subject])
    head = draw_head(stage, rng)
    slices = [draw_slice(head, number / depth, rng)[::2, ::2] for number in range(depth)]
    values = np.stack(slices, axis=-1).transpose(1, 0, 2)[::-1, ::-1]  # to the right, front and top
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_nifti(path, np.ascontiguousarray(values).astype(np.int16) * 7, np.diag([2.0, 2.0, 4.0, 1.0]))


def write_volume_set(folder: Path, classes: Sequence[str] = ("control", "patient"), subjects: int = 6) -> None:
    """Write volumes with meaningless names into one folder per class."""
    for label, name in enumerate(classes):
        for subject in range(subjects):
            write_volume(folder / name / f"scan{label}{subject}.nii.gz", 3 * label, subject)
