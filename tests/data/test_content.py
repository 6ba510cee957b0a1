"""Matching by content against a table of known slices."""

from __future__ import annotations

import numpy as np
import pytest

from alzbench.data.content import SliceTable, load_slice_table
from alzbench.data.signature import SIDE, mirrored, unit

N, D = 12, SIDE * SIDE


@pytest.fixture
def table() -> SliceTable:
    """Four subjects with three slices each: one direction per subject, and a small deviation per slice."""
    rng = np.random.default_rng(0)
    subjects = np.repeat(unit(rng.normal(size=(4, D))), 3, axis=0)
    codes = unit(subjects + 0.15 * unit(rng.normal(size=(N, D))))
    names = np.repeat(["a", "b", "c", "d"], 3)
    return SliceTable(np.zeros(D, np.float32), np.eye(D, dtype=np.float32), codes, names, np.tile([1, 2, 3], 4))


def test_a_known_slice_is_matched(table: SliceTable) -> None:
    matches = table.match(table.codes)
    assert matches["subject"].tolist() == table.subjects.tolist()
    assert matches["slice"].tolist() == ["1", "2", "3"] * 4
    assert matches["similarity"].to_numpy() == pytest.approx(np.ones(N), abs=1e-5)
    assert matches["certain"].all()


def test_a_mirrored_slice_is_matched(table: SliceTable) -> None:
    matches = table.match(mirrored(table.codes))
    assert matches["subject"].tolist() == table.subjects.tolist()


def test_an_unknown_slice_is_not_certain(table: SliceTable) -> None:
    unknown = unit(np.random.default_rng(9).normal(size=(50, D)))
    assert not table.match(unknown)["certain"].any()


def test_between_two_subjects_is_not_certain(table: SliceTable) -> None:
    between = unit(table.codes[0:1] + table.codes[3:4])
    matches = table.match(between)
    assert matches["margin"].iloc[0] < 0.05
    assert not matches["certain"].iloc[0]


def test_margin_is_over_the_best_of_any_other_subject(table: SliceTable) -> None:
    query = table.codes[4:5]
    similarity = np.maximum(query @ table.codes.T, mirrored(query) @ table.codes.T)[0]
    expected = similarity[3:6].max() - np.delete(similarity, [3, 4, 5]).max()
    assert table.match(query)["margin"].iloc[0] == pytest.approx(expected, abs=1e-6)


def test_the_table_of_the_package() -> None:
    table = load_slice_table()
    assert len(table.codes) == 6400
    names, counts = np.unique(table.subjects, return_counts=True)
    assert len(names) == 200
    assert set(counts) == {32}
    assert sorted(np.unique([name.split("-")[0] for name in names], return_counts=True)[1]) == [2, 28, 70, 100]
