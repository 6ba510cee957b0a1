"""Exact and near copies in a set."""

from __future__ import annotations

import numpy as np
import pandas as pd

from alzbench.data.duplicates import NEAR_COPY, count_duplicates, find_duplicates
from alzbench.data.signature import SIDE, mirrored, unit
from alzbench.progress import Progress


def invent(number: int, seed: int = 0) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=(number, SIDE * SIDE))).astype(np.float32)


def rows_of(classes: str, parts: str, digests: list[str]) -> pd.DataFrame:
    names = [f"{k}.jpg" for k in range(len(digests))]
    return pd.DataFrame({"image": names, "class": list(classes), "part": list(parts), "digest": digests})


def test_exact_near_and_mirrored_copies_are_found() -> None:
    found = invent(8)
    found[1] = found[0]  # the same file
    found[2] = unit(found[0:1] + 1e-4 * invent(1, 1))[0]  # nearly the same
    found[5] = mirrored(found[4:5])[0]
    rows = rows_of("AABAABAB", "trtrtrtr", ["x", "x", "y", "a", "b", "c", "d", "e"])
    pairs = find_duplicates(rows, found, Progress())
    by_pair = {(row.image, row.other): row for row in pairs.itertuples()}
    assert set(by_pair) == {("0.jpg", "1.jpg"), ("0.jpg", "2.jpg"), ("1.jpg", "2.jpg"), ("4.jpg", "5.jpg")}
    exact = by_pair["0.jpg", "1.jpg"]
    assert (exact.exact, exact.same_class, exact.same_part, exact.similarity) == (True, True, False, 1)
    near = by_pair["0.jpg", "2.jpg"]
    assert (near.exact, near.same_class, near.same_part) == (False, False, True)
    assert pairs["similarity"].min() >= NEAR_COPY


def test_images_without_a_head_have_exact_copies_only() -> None:
    found = np.concatenate([invent(4), np.zeros((3, SIDE * SIDE), np.float32)])
    rows = rows_of("AAAAAAB", "ttttttt", ["a", "b", "c", "d", "e", "f", "e"])
    pairs = find_duplicates(rows, found, Progress())
    assert pairs[["image", "other"]].to_numpy().tolist() == [["4.jpg", "6.jpg"]]


def test_many_exact_copies_are_paired_with_the_first() -> None:
    found = np.repeat(invent(3), 4, axis=0)
    rows = rows_of("A" * 12, "t" * 12, [f"{k // 4}" for k in range(12)])
    pairs = find_duplicates(rows, found, Progress())
    assert pairs["exact"].all()
    assert pairs["image"].tolist() == ["0.jpg"] * 3 + ["4.jpg"] * 3 + ["8.jpg"] * 3


def test_images_with_copies_are_counted_once_for_each_kind() -> None:
    pairs = pd.DataFrame(
        [["a", "b", 1.0, True, True, True], ["a", "c", 1.0, True, True, True], ["a", "d", 0.99, False, False, True]],
        columns=["image", "other", "similarity", "exact", "same_class", "same_part"],
    )
    counts = count_duplicates(pairs)
    assert counts.to_numpy().tolist() == [[True, True, True, 3], [False, False, True, 2]]


def test_a_set_without_copies_has_none() -> None:
    pairs = find_duplicates(rows_of("ABAB", "trtr", list("abcd")), invent(4), Progress())
    assert pairs.empty
    assert count_duplicates(pairs).empty
