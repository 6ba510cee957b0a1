"""Images of a set that a protocol leaves unused, and why."""

from __future__ import annotations

import pandas as pd

from alzbench.data.parts import AUGMENTED


def count_unused(manifest: pd.DataFrame, split: pd.DataFrame, protocol: str) -> dict[str, int]:
    """Return the number of images that are in no part of a split, by kind.

    Args:
        manifest: See `manifest.ImageSet`.
        split: See `protocols.make_split`.
        protocol: Its name. The images that a given split does not use are those without a part in its table.
    """
    unused = manifest.loc[~manifest.index.isin(split.index)]
    kinds = pd.Series("other", index=unused.index)
    kinds[unused["subject"] == ""] = "of unknown subject"
    if protocol == "given":
        kinds[:] = "without a part"
    kinds[unused["part"] == AUGMENTED] = "augmented"
    return {str(kind): int(number) for kind, number in kinds.value_counts().sort_index().items()}


def unused_text(counts: dict[str, int]) -> str:
    """Return the counts for people: `5,088 augmented, 1 of unknown subject`; empty if all images are used."""
    return ", ".join(f"{number:,} {kind}" for kind, number in counts.items())
