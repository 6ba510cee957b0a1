"""Clusters of images of one subject, on invented signatures; tests/real has the real slices."""

from __future__ import annotations

import numpy as np
import pytest

from alzbench.data.clusters import cluster
from alzbench.data.signature import SIDE, unit
from alzbench.progress import Progress

HEADS, SLICES = 30, 12
DIFFERENT = SIDE * SIDE


def invent(heads: int = HEADS, slices: int = SLICES, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return signatures of slices that change slowly along each head, and the head of each."""
    rng = np.random.default_rng(seed)
    shapes = rng.normal(size=(300, DIFFERENT)) / np.sqrt(1 + np.arange(300))[:, None]  # a few directions vary most
    common = 0.3 * np.cumsum(rng.normal(size=(slices, 300)), axis=0)  # all heads change alike from slice to slice
    own = rng.normal(size=(heads, 1, 300)) + 0.2 * np.cumsum(rng.normal(size=(heads, slices, 300)), axis=1)
    return unit((common + own).reshape(-1, 300) @ shapes).astype(np.float32), np.repeat(np.arange(heads), slices)


def same_partition(first: np.ndarray, second: np.ndarray) -> bool:
    pairs = set(zip(first.tolist(), second.tolist(), strict=True))
    return len(pairs) == len(set(first.tolist())) == len(set(second.tolist()))


@pytest.mark.parametrize("heads", [30, 60])
def test_the_clusters_are_the_heads(heads: int) -> None:
    found, of_head = invent(heads)
    assert same_partition(cluster(found, Progress()), of_head)


def test_the_order_does_not_matter() -> None:
    found, of_head = invent()
    order = np.random.default_rng(1).permutation(len(found))
    assert same_partition(cluster(found[order], Progress()), of_head[order])


def test_copies_do_not_hide_the_neighbours() -> None:
    found, of_head = invent()
    noise = np.random.default_rng(2).normal(size=(3, *found.shape)) * 1e-3
    copies = unit(np.concatenate([found, *(found + one for one in noise)])).astype(np.float32)
    assert same_partition(cluster(copies, Progress()), np.tile(of_head, 4))


def test_clusters_are_numbered_by_their_first_image() -> None:
    found, _ = invent()
    clusters = cluster(found[::-1].copy(), Progress())
    assert clusters.tolist() == np.repeat(np.arange(HEADS), SLICES).tolist()


def test_slices_without_a_head_stay_alone() -> None:
    found = np.concatenate([invent()[0], np.zeros((2, DIFFERENT), np.float32)])
    assert cluster(found, Progress())[-2:].tolist() == [HEADS, HEADS + 1]


def test_single_slices_of_many_heads_stay_apart() -> None:
    found = invent(heads=80)[0][::SLICES]
    assert len(set(cluster(found, Progress()).tolist())) > 60


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_few_images_are_clusters_of_their_own(number: int) -> None:
    assert cluster(invent()[0][:number], Progress()).tolist() == list(range(number))
