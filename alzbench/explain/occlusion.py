"""Occlusion: how much the target's probability drops if a part of the image is hidden."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from alzbench.explain.above import Above
from alzbench.explain.inputs import Inputs, Maps, Pixels
from alzbench.progress import Advance

GRID = 8  # positions of the patch along each side
_BYTES = 32 * 2**20  # largest size of the hidden versions of an image in memory at a time


def occlusion(inputs: Inputs, advance: Advance) -> Maps:
    """Return the drop (n, GRID, GRID) of the target's probability, 0 where it rises.

    A square patch of the image's mean grey has its centre in each of GRID x GRID cells. Its side is two cells, so
    neighbouring positions overlap by half; at the border it is cut.
    """
    above = Above(inputs)
    maps = np.zeros((len(inputs), GRID, GRID), np.float32)
    for row, image in enumerate(inputs.pixels):
        whole = above.probabilities(row, inputs.features[row : row + 1])[0]
        hidden = [above.probabilities(row, inputs.extract(versions)) for versions in _hidden(image)]
        maps[row] = np.clip(whole - np.concatenate(hidden), 0, None).reshape(GRID, GRID)
        advance()
    return maps


def _hidden(image: Pixels) -> Iterator[Pixels]:
    """Yield the GRID * GRID versions of an image (S, S, C) in batches, row by row of the grid."""
    edges = np.linspace(0, len(image), 2 * GRID + 1).round().astype(int)  # half cells
    spans = [slice(edges[max(0, 2 * k - 1)], edges[min(2 * GRID, 2 * k + 3)]) for k in range(GRID)]
    places = [(rows, columns) for rows in spans for columns in spans]
    grey = image.mean(axis=(0, 1)).round().astype(np.uint8)
    size = max(1, _BYTES // image.nbytes)
    for start in range(0, len(places), size):
        batch = places[start : start + size]
        versions = np.repeat(image[None], len(batch), axis=0)
        for version, (rows, columns) in zip(versions, batch, strict=True):
            version[rows, columns] = grey
        yield versions
