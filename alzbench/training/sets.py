"""Sets of a subject's images, the examples of heads that classify subjects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from alzbench.training.features import Gather

ABSENT = -1


def group(subjects: Sequence[str], size: int, seed: int | None = None) -> npt.NDArray[np.int64]:
    """Return `n` sets of images as positions (n, size), padded with `ABSENT`.

    Each image is in one set. A subject with more than `size` images has several sets of nearly equal size. An image
    whose subject is unknown (empty) is a set of its own.

    Args:
        subjects: The subject of each image.
        size: Largest number of images in a set.
        seed: Seed of the random grouping of a subject's images; None: they keep their order.
    """
    members: dict[str, list[int]] = {}
    for position, subject in enumerate(subjects):
        members.setdefault(subject or f"\0{position}", []).append(position)
    rng = None if seed is None else np.random.default_rng(seed)
    sets = []
    for positions in members.values():
        ordered = np.array(positions) if rng is None else rng.permutation(positions)
        sets += np.array_split(ordered, -(-len(ordered) // size))
    grouped = np.full((len(sets), size), ABSENT, np.int64)
    for row, positions_of_set in zip(grouped, sets, strict=True):
        row[: len(positions_of_set)] = positions_of_set
    return grouped


class SetGather:
    """Feature maps gathered set by set.

    Args:
        images: Feature maps of single images.
        sets: (n, S) positions of the images of each set, see `group`.
    """

    def __init__(self, images: Gather, sets: npt.NDArray[np.int64]) -> None:
        self._images, self._sets = images, sets

    def take(self, indices: npt.NDArray[np.integer] | slice) -> dict[str, npt.NDArray[Any]]:
        """Return `features` (m, S, H, W, C), 0 for absent images, and `present`, bool (m, S)."""
        chosen = self._sets[indices]
        present = chosen != ABSENT
        maps = self._images.take(chosen[present])
        features = np.zeros((*chosen.shape, *maps.shape[1:]), maps.dtype)
        features[present] = maps
        return {"features": features, "present": present}
