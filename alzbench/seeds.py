"""One seed for each source of randomness, derived from the run's seed.

Two variants with the same seed share the split and the order of the images, so their difference is paired.
"""

from __future__ import annotations

import hashlib
from typing import Literal

Axis = Literal["split", "order", "initialisation", "labels", "resampling", "sampling"]


def derive(seed: int, axis: Axis, *more: int) -> int:
    """Return a seed in [0, 2**32) for one source of randomness; `more` distinguishes epochs, folds or trials."""
    text = "/".join([str(seed), axis, *map(str, more)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
