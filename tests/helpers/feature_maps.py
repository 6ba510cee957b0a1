"""Feature maps in memory, instead of those of the cache."""

from __future__ import annotations

from typing import Any

import numpy as np


class InMemory:
    """A gather of feature maps that are in memory."""

    def __init__(self, maps: np.ndarray) -> None:
        self.maps = maps

    def take(self, indices: Any) -> np.ndarray:
        return self.maps[indices]
