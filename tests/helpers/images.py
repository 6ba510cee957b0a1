"""Small images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("NonDemented", "VeryMildDemented", "MildDemented", "ModerateDemented")


def write_image(path: Path, seed: int, size: tuple[int, int] = (48, 56), mode: str = "L") -> None:
    """Write an image of smooth noise."""
    rng = np.random.default_rng(seed)
    shape = (6, 6) if mode == "L" else (6, 6, 3)
    small = Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8), mode=None)
    path.parent.mkdir(parents=True, exist_ok=True)
    small.resize(size, Image.Resampling.BICUBIC).save(path)
