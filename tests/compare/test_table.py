"""Comparisons of run folders that are written by hand: spreads, groups, references, labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from alzbench.compare import Comparison, ExperimentRow, Reference, compare
from alzbench.evaluation.evaluate import evaluate
from alzbench.evaluation.metrics import metrics
from alzbench.evaluation.scores import Score
from alzbench.evaluation.subject_counts import count_subjects
from alzbench.store import RunStore, read_run
from tests.helpers.predictions import draw_predictions
from tests.helpers.runs import write_run

REFERENCE = Reference(name="published", accuracy=0.4, test_images=100, protocol="reference", source="a paper")


def comparison(root: Path, *references: Reference) -> Comparison:
    return compare(RunStore(root).runs(), references)


def accuracy_of(row: ExperimentRow) -> Score | None:
    return row.scores.get("accuracy")


def f1_of(row: ExperimentRow) -> list[Score]:
    return list(row.class_scores["f1"].values())


# Rows


def test_a_row_summarises_the_seeds_of_an_experiment(tmp_path: Path) -> None:
    for seed, accuracy, f1 in ((2, 0.5, (1.0, 0.5)), (0, 0.25, (0.0, 0.5)), (1, 0.75, (0.5, None))):
        write_run(tmp_path, accuracy, f1, seed=seed, description="a line")
    (group,) = comparison(tmp_path).groups
    (row,) = group.rows
    assert (row.label, row.description, row.seeds, row.unfinished) == ("x", "a line", (0, 1, 2), ())
    assert row.scores["accuracy"] == Score(0.5, 0.25, 3)
    assert row.scores["balanced_accuracy"] == Score(0.25, 0.125, 3)
    assert row.scores["macro_f1"] == Score(0.125, 0.0625, 3)
    assert row.class_scores["f1"] == {"A": Score(0.5, 0.5, 3), "B": Score(0.5, 0.0, 2)}
    assert (group.test_images, group.classes) == (100, ("A", "B"))


def test_rows_are_in_the_order_in_which_experiments_were_first_run(tmp_path: Path) -> None:
    write_run(tmp_path, experiment="b", settings_hash="b", seed=0, created="2030-01-01")
    write_run(tmp_path, experiment="a", settings_hash="a", seed=0, created="2030-01-02")
    write_run(tmp_path, experiment="b", settings_hash="b", seed=1, created="2030-01-03")
    (group,) = comparison(tmp_path).groups
    assert [(row.label, row.seeds) for row in group.rows] == [("b", (0, 1)), ("a", (0,))]


def test_one_name_with_two_settings_is_told_apart(tmp_path: Path) -> None:
    write_run(tmp_path, 0.2, settings_hash="aaaaaaaaaa", hash="h1")
    write_run(tmp_path, 0.4, settings_hash="bbbbbbbbbb", hash="h2")
    write_run(tmp_path, 0.6, experiment="y", settings_hash="bbbbbbbbbb", hash="h3")
    (group,) = comparison(tmp_path).groups
    accuracies = {row.label: score.mean for row in group.rows if (score := accuracy_of(row))}
    assert accuracies == {"x (aaaaaa)": 0.2, "x (bbbbbb)": 0.4, "y": 0.6}


@pytest.mark.parametrize("state", ["failed", "interrupted", "running"])
def test_unfinished_runs_are_named_and_not_counted(tmp_path: Path, state: str) -> None:
    write_run(tmp_path, 0.5, seed=0)
    write_run(tmp_path, seed=1, state=state)
    (group,) = comparison(tmp_path).groups
    (row,) = group.rows
    seen = "interrupted" if state == "running" else state  # no process holds its lock
    assert (row.seeds, row.unfinished) == ((0,), (f"x/seed-1-h1: {seen}",))
    assert row.scores["accuracy"] == Score(0.5, None, 1)


def test_an_experiment_without_a_complete_run_has_no_scores(tmp_path: Path) -> None:
    write_run(tmp_path, state="failed")
    (group,) = comparison(tmp_path, REFERENCE).groups
    (row,) = group.rows
    assert (group.test_images, group.classes, group.references) == (None, (), ())
    assert (row.seeds, row.runs, dict(row.scores), f1_of(row), row.difference) == ((), (), {}, [], {})


def test_classes_that_runs_spell_differently_are_matched_by_their_label(tmp_path: Path) -> None:
    write_run(tmp_path, f1=(0.2, 0.4), classes=("Non Demented", "Mild"), settings_hash="s1", hash="h1")
    write_run(tmp_path, f1=(0.6, 0.8), classes=("NonDemented", "MILD"), settings_hash="s2", hash="h2")
    (group,) = comparison(tmp_path).groups
    assert [[score.mean for score in f1_of(row)] for row in group.rows] == [[0.2, 0.4], [0.6, 0.8]]


# Groups


@pytest.mark.parametrize(
    "other",
    [{"demo": True}, {"protocol": "subject"}, {"data": "d1"}, {"test": "t1", "seed": 0, "hash": "h1"}],
    ids=["demo", "protocol", "data", "test-images"],
)
def test_what_is_not_comparable_is_never_in_one_group(tmp_path: Path, other: dict[str, Any]) -> None:
    write_run(tmp_path, 0.2, seed=0)
    write_run(tmp_path, 0.8, **{"seed": 1, **other})
    groups = comparison(tmp_path).groups
    assert sorted(score.mean for group in groups for row in group.rows if (score := accuracy_of(row))) == [0.2, 0.8]
    assert [len(group.rows) for group in groups] == [1, 1]


def test_what_is_comparable_is_in_one_group(tmp_path: Path) -> None:
    write_run(tmp_path, seed=0)
    write_run(tmp_path, experiment="y", settings_hash="s1", variant="attention")
    (group,) = comparison(tmp_path).groups
    assert (group.protocol, group.leaks, group.data, group.demo) == ("reference", "all of it", "d0", False)
    assert len(group.rows) == 2


def test_demo_runs_come_last(tmp_path: Path) -> None:
    write_run(tmp_path, seed=0, demo=True, data="a")
    write_run(tmp_path, seed=1, data="z")
    assert [group.demo for group in comparison(tmp_path).groups] == [False, True]


def test_no_runs_are_no_groups() -> None:
    assert compare([], [REFERENCE]).groups == ()


# References


def test_a_reference_of_the_same_protocol_and_test_size_is_compared_with(tmp_path: Path) -> None:
    write_run(tmp_path, 0.5, seed=0)
    write_run(tmp_path, 0.7, seed=1)
    (group,) = comparison(tmp_path, REFERENCE).groups
    assert group.references == (REFERENCE,)
    assert group.rows[0].difference == {"published": pytest.approx(0.6 - 0.4)}


@pytest.mark.parametrize(
    "run", [{"protocol": "subject"}, {"n": 99}, {"demo": True}], ids=["other-protocol", "other-test-size", "demo"]
)
def test_no_reference_stands_beside_what_it_was_not_measured_on(tmp_path: Path, run: dict[str, Any]) -> None:
    write_run(tmp_path, **run)
    (group,) = comparison(tmp_path, REFERENCE).groups
    assert group.references == ()
    assert group.rows[0].difference == {}


def test_each_of_several_references_has_its_difference(tmp_path: Path) -> None:
    write_run(tmp_path, 0.5)
    other = REFERENCE.model_copy(update={"name": "second", "accuracy": 0.9})
    (group,) = comparison(tmp_path, REFERENCE, other).groups
    assert group.rows[0].difference == {"published": pytest.approx(0.1), "second": pytest.approx(-0.4)}


# Seeds whose test images differ, folds, sanity rows, subjects


def test_seeds_that_draw_their_own_test_images_are_one_row(tmp_path: Path) -> None:
    for seed in (0, 1):
        write_run(tmp_path, 0.2 + 0.2 * seed, seed=seed, test=f"t{seed}", protocol="subject")
    (group,) = comparison(tmp_path).groups
    (row,) = group.rows
    assert row.scores["accuracy"] == Score(pytest.approx(0.3), pytest.approx(0.2 / 2**0.5), 2)


def fold(root: Path, number: int, of: int, rows: list[tuple[str, str, float]], seed: int = 0) -> None:
    """Write a fold's run whose predictions are rows of subject, label and probability of A."""
    path = write_run(root, seed=seed, fold=number, folds=of, test=f"t{number}", hash=f"h{seed}{number}", leaks="",
                     n=len(rows))  # fmt: skip
    table = pd.DataFrame(rows, columns=["subject", "label", "p_A"])
    table = table.assign(image=table.index.astype(str), slice="", p_B=1 - table["p_A"])
    table.assign(predicted=["A" if p > 0.5 else "B" for p in table["p_A"]]).to_csv(
        path / "predictions.csv", index=False
    )


def test_folds_of_a_seed_are_scored_together(tmp_path: Path) -> None:
    """Fold 0: two of two right, one subject. Fold 1: one of four right, of subjects b (wrong) and c (right)."""
    fold(tmp_path, 0, 2, [("a", "A", 0.9), ("a", "A", 0.8)])
    fold(tmp_path, 1, 2, [("b", "B", 0.9), ("b", "B", 0.7), ("c", "B", 0.6), ("c", "B", 0.1)])
    (row,) = comparison(tmp_path).groups[0].rows
    assert row.seeds == (0,)
    assert row.scores["accuracy"] == Score(pytest.approx(3 / 6), None, 1)
    assert row.subjects == 3
    assert row.scores["subject_accuracy"] == Score(pytest.approx(2 / 3), None, 1)
    assert row.scores["subject_demented_auc"] == Score(pytest.approx(1.0), None, 1)


def test_a_seed_that_lacks_a_fold_does_not_count(tmp_path: Path) -> None:
    fold(tmp_path, 0, 2, [("a", "A", 0.9), ("b", "B", 0.2)], seed=0)
    (row,) = comparison(tmp_path).groups[0].rows
    assert (row.seeds, accuracy_of(row)) == ((), None)


def test_sanity_rows_come_last_and_are_no_attempt_at_the_reference(tmp_path: Path) -> None:
    write_run(tmp_path, experiment="sanity-x", sanity=True, created="2029-01-01T00:00:00+00:00")
    write_run(tmp_path, experiment="attention")
    (group,) = comparison(tmp_path, REFERENCE).groups
    assert [(row.label, row.sanity, bool(row.difference)) for row in group.rows] == [
        ("attention", False, True), ("sanity-x", True, False),
    ]  # fmt: skip


# What is left out, and what must not stand beside each other


def test_of_two_runs_of_a_seed_the_newest_counts_and_the_other_is_named(tmp_path: Path) -> None:
    write_run(tmp_path, 0.2, hash="h1", created="2030-01-01")
    write_run(tmp_path, 0.4, hash="h2", created="2030-01-02")
    (row,) = comparison(tmp_path).groups[0].rows
    assert row.scores["accuracy"] == Score(0.4, None, 1)
    assert row.left_out == ("x/seed-0-h1 does not count: x/seed-0-h2 is a newer run with the same seed",)


def test_two_runs_of_one_fold_are_not_two_folds(tmp_path: Path) -> None:
    fold(tmp_path, 0, 2, [("a", "A", 0.9), ("b", "B", 0.2)])
    (tmp_path / "x" / "seed-0-h00").rename(tmp_path / "x" / "again")
    fold(tmp_path, 0, 2, [("a", "A", 0.9), ("b", "B", 0.2)])
    (row,) = comparison(tmp_path).groups[0].rows
    assert row.seeds == ()
    assert row.left_out[-1] == "seed 0 of x does not count: no complete run of fold 1"


def test_a_single_fold_does_not_stand_beside_all_of_them(tmp_path: Path) -> None:
    fold(tmp_path, 0, 2, [("a", "A", 0.9), ("a", "A", 0.8)])
    fold(tmp_path, 1, 2, [("b", "B", 0.9), ("c", "B", 0.1)])
    write_run(tmp_path, experiment="y", settings_hash="y", test="t0", leaks="")
    assert [[row.label for row in group.rows] for group in comparison(tmp_path).groups] == [["x"], ["y"]]


def test_folds_are_pooled_from_their_counts_as_from_their_predictions(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(2):
        names = [f"{number}-{k}" for k in range(12) for _ in range(3)]
        rows = [(name, "AB"[k // 3 % 2], float(rng.random())) for k, name in enumerate(names)]
        fold(tmp_path, number, 2, rows)
    (expected,) = comparison(tmp_path).groups[0].rows
    for path in tmp_path.glob("x/*"):
        run = read_run(path)
        table = run.predictions()
        (path / "subjects.json").write_text(json.dumps(count_subjects(table).to_json()))
        evaluation = evaluate(table)
        changes = {"test": evaluation.images, "test_by_subject": evaluation.subjects}
        (path / "metrics.json").write_text(json.dumps(run.metrics().model_copy(update=changes).to_json()))
        (path / "predictions.csv").unlink()
    (pooled,) = comparison(tmp_path).groups[0].rows
    # metrics of probabilities need the predictions themselves
    of_counts = [m.name for m in metrics(per_class=False) if m.needs == "counts" or m.level == "subject"]
    assert {name: pooled.scores[name] for name in of_counts} == {name: expected.scores[name] for name in of_counts}
    assert pooled.subjects == expected.subjects == 24
    assert pooled.class_scores["f1"] == expected.class_scores["f1"]
    assert all(pooled.scores[name].interval for name in of_counts)


def answered(root: Path, name: str, seed: int = 0, subject: str | None = None, **card: Any) -> None:
    """Write a run of twelve subjects, known unless `subject` says otherwise."""
    path = write_run(root, n=96, experiment=name, settings_hash=name, seed=seed, **card)
    draw_predictions(path, seed + len(name), 0.6)
    if subject is not None:
        table = pd.read_csv(path / "predictions.csv").assign(subject=subject)
        table.to_csv(path / "predictions.csv", index=False)


def test_rows_that_are_not_paired_say_why(tmp_path: Path) -> None:
    answered(tmp_path, "baseline")
    answered(tmp_path, "other-seed", seed=1)
    answered(tmp_path, "unknown", subject="")
    write_run(tmp_path, n=96, experiment="nothing", settings_hash="nothing")
    (group,) = comparison(tmp_path).groups
    reasons = {row.label: row.unpaired for row in group.rows}
    assert reasons["baseline"] == ""
    assert reasons["other-seed"] == "not paired with baseline: they have no common seed"
    assert "subjects of the test images are known for only one" in reasons["unknown"]
    assert "predictions are not stored" in reasons["nothing"]
    assert group.clusters_differ
    assert [row.by for row in group.rows if row.label == "unknown"] == ["image"]


def test_a_baseline_with_other_test_images_is_named(tmp_path: Path) -> None:
    answered(tmp_path, "baseline")
    answered(tmp_path, "elsewhere", test="t1")
    groups = compare(RunStore(tmp_path).runs(), [], "baseline").groups
    (row,) = next(rows for group in groups if (rows := group.rows)[0].label == "elsewhere")
    assert row.unpaired == "not paired: baseline is not among the runs with these test images"


def test_leaky_beside_clean_is_noticed(tmp_path: Path) -> None:
    answered(tmp_path, "a", leaks="all of it")
    answered(tmp_path, "b", leaks="all of it")
    assert not comparison(tmp_path).groups[0].leaks_differ
    answered(tmp_path, "clean", leaks="")
    assert comparison(tmp_path).groups[0].leaks_differ


def test_predictions_from_elsewhere_are_beside_no_published_figure(tmp_path: Path) -> None:
    """They name a protocol that nothing has checked; those that are like a stored run have its settings."""
    write_run(tmp_path, protocol_hash="", variant="imported")
    (group,) = comparison(tmp_path, REFERENCE).groups
    assert (group.references, group.rows[0].difference) == ((), {})
