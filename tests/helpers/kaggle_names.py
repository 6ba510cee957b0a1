"""File names of the four-class Kaggle set."""

from __future__ import annotations

import pandas as pd

from alzbench.data.names import KAGGLE_SLICES


def kaggle_files(subjects: int, explicit_from: int, prefix: str = "mildDem") -> pd.DataFrame:
    """Name the slices of a class as in the Kaggle set; the numbers are assigned slice by slice, in text order."""
    rows, serial = [], 0
    for number in range(1, KAGGLE_SLICES + 1):
        texts = sorted([(f"{number}.jpg", 1)] + [(f"{number} ({k}).jpg", k) for k in range(2, subjects + 1)])
        for text, subject in texts:
            if number >= explicit_from:
                name = text
            else:
                name, serial = f"{prefix}{serial}.jpg", serial + 1
            rows.append((f"OriginalDataset/MildDemented/{name}", subject, number))
    frame = pd.DataFrame(rows, columns=["image", "true_subject", "true_slice"])
    return frame.assign(**{"class": "MildDemented"}, part="original")
