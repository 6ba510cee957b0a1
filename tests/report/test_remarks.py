"""Warnings and notes beside the scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from alzbench.compare import Group, compare
from alzbench.data.leakage import NOT_EXCLUDED, Leakage
from alzbench.report.remarks import group_notes, group_warnings, leak_mark, leak_warning, row_name
from alzbench.runner.importing import NOT_KNOWN
from alzbench.store import RunStore
from tests.helpers.runs import write_run


def measured(**counts: int) -> str:
    """Return what is said of a split of 100 test images."""
    nothing = {"same_subject": 0, "same_slice": 0, "unknown": 0}
    return Leakage(100, **(nothing | counts), shared_subjects=()).sentence


@pytest.mark.parametrize(
    ("leaks", "mark", "warning"),
    [
        (measured(), "", ""),
        (
            measured(same_subject=9),
            "leaky",
            "Train/test leakage: 9 of 100 test images are of subjects seen in training",
        ),
        (measured(same_subject=9, unknown=5), "leaky", "Train/test leakage: 9 of 100"),
        (measured(unknown=5), "leaks unknown", "Leakage cannot be excluded: the subjects are not known for 5 test"),
        (NOT_KNOWN, "leaks unknown", "Leakage cannot be excluded: what its training has seen is not known"),
    ],
    ids=["clean", "leaky", "leaky-and-unknown", "unknown", "imported"],
)
def test_leaks_are_marked_by_what_is_known_of_them(leaks: str, mark: str, warning: str) -> None:
    assert leak_mark(leaks) == mark
    assert leak_warning(leaks).startswith(warning)
    assert bool(leak_warning(leaks)) is bool(leaks)


@pytest.fixture
def group(tmp_path: Path) -> Group:
    for name, leaks in (("baseline", "all of it"), ("clean", ""), ("unknown", f"{NOT_EXCLUDED}: who knows")):
        write_run(tmp_path, leaks=leaks, experiment=name, settings_hash=name)
    (found,) = compare(RunStore(tmp_path).runs(), []).groups
    return found


def test_rows_that_have_not_leaked_alike_are_marked_each(group: Group) -> None:
    names = [row_name(group, row) for row in group.rows]
    assert names == ["baseline [leaky]", "clean [no leak]", "unknown [leaks unknown]"]
    assert group_warnings(group)[1:] == (
        "baseline: all of it.", "clean: no leakage found.", "unknown: leakage cannot be excluded: who knows.",
    )  # fmt: skip


def test_pairs_that_an_effect_lacks_are_named(group: Group) -> None:
    assert "a pair is missing." in group_notes(replace(group, effects_without=("a pair is missing",)))


def test_a_class_that_not_all_seeds_test_is_named(tmp_path: Path) -> None:
    write_run(tmp_path, 0.5, (0.5, 0.5), n=96, seed=0)
    write_run(tmp_path, 0.5, (0.5, None), n=90, seed=1, test="t1")
    (group,) = compare(RunStore(tmp_path).runs(), []).groups
    assert "90 to 96 test images" in group.title
    assert any(
        note.startswith("x: F1 of B is a mean over 1 of 2 seeds, because the others") for note in group_notes(group)
    )
    write_run(tmp_path, 0.5, (0.5, 0.5), n=90, seed=1, test="t1", hash="newer", created="2031-01-01T00:00:00+00:00")
    (group,) = compare(RunStore(tmp_path).runs(), []).groups
    assert not any("F1 of" in note for note in group_notes(group))
