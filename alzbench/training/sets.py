"""Sets of a subject's images, the examples of heads that classify subjects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from alzbench.errors import DataError
from alzbench.models.classifier import SetShape
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


def place(subjects: Sequence[str], numbers: Sequence[str], shape: SetShape) -> npt.NDArray[np.int64]:
    """Return `n` sets of images as positions (n, size), each image in the place of its slice number; see `group`.

    A subject with several images of one slice number has several sets.

    Args:
        subjects: The subject of each image.
        numbers: Slice number of each image, as text.
        shape: Shape of a set, with the number of the first slice.

    Raises:
        DataError: A number is missing, or has no place in a set.
    """
    assert shape.first is not None  # else places do not matter
    last = shape.first + shape.size - 1
    wrong = [text for text in numbers if not (text.isdecimal() and shape.first <= int(text) <= last)]
    if wrong or len(numbers) != len(subjects):
        missing = sum(not text for text in numbers)
        found = f"{missing} have none" if missing or not numbers else f"one has {wrong[0]}"
        raise DataError(
            f"This variant needs the slice number of every image, from {shape.first} to {last}; {found}. Give them in "
            "the file names or in data.subjects, or set model.options.first and model.options.slices."
        )
    rows: dict[tuple[str, int], int] = {}
    seen: dict[tuple[str, str], int] = {}
    placed = []
    for position, (subject, text) in enumerate(zip(subjects, numbers, strict=True)):
        name = subject or f"\0{position}"
        repeat = seen[name, text] = seen.get((name, text), -1) + 1
        placed.append((rows.setdefault((name, repeat), len(rows)), int(text) - shape.first))
    sets = np.full((len(rows), shape.size), ABSENT, np.int64)
    for position, cell in enumerate(placed):
        sets[cell] = position
    return sets


def make_sets(
    shape: SetShape, subjects: Sequence[str], numbers: Sequence[str], seed: int | None = None
) -> npt.NDArray[np.int64]:
    """Return the sets (n, size) of images by `place` if places matter, or else by `group`."""
    if shape.first is None:
        return group(subjects, shape.size, seed)
    return place(subjects, numbers, shape)


def first_of(sets: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the position of the first image of each set (n,)."""
    first: npt.NDArray[np.int64] = sets[np.arange(len(sets)), (sets != ABSENT).argmax(axis=1)]
    return first


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
