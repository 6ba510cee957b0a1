"""Runs restricted to a subgroup: the scores are those of its images, and a subgroup without a class is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from alzbench.compare import Comparison, Condition, compare, load_references
from alzbench.errors import DataError, ExperimentError
from alzbench.evaluation.evaluate import evaluate
from alzbench.evaluation.subject_counts import count_subjects
from alzbench.store import Run, read_run
from tests.helpers.predictions import draw_predictions
from tests.helpers.runs import write_run


def write(root: Path, seed: int = 0, right: float = 0.7, covariates: bool = True, **card: Any) -> Run:
    """Write a run on 12 subjects with 8 images each; subject k is 60 + k years old, and every third one is male."""
    path = write_run(root, seed=seed, **card)
    draw_predictions(path, seed, right)
    table = run_table(path)
    scores = evaluate(table)
    assert scores.subjects is not None
    test = {"test": scores.images.model_dump(mode="json"), "test_by_subject": scores.subjects.model_dump(mode="json")}
    stored = json.loads((path / "metrics.json").read_text())
    (path / "metrics.json").write_text(json.dumps({**stored, **test}))
    if covariates:
        number = table["subject"].str[1:].astype(int)
        sex = (number % 3 == 0).map({True: "M", False: "F"})
        pd.DataFrame({"image": table["image"], "age": 60 + number, "sex": sex}).to_csv(
            path / "covariates.csv", index=False
        )
    return read_run(path)


def run_table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path / "predictions.csv", keep_default_na=False, dtype={"subject": str, "slice": str})


def restricted(runs: list[Run], text: str) -> Comparison:
    return compare(runs, load_references(), where=Condition.parse(text))


def test_scores_are_those_of_the_images_of_the_subgroup(tmp_path: Path) -> None:
    runs = [write(tmp_path, seed) for seed in (0, 1)]
    (group,) = restricted(runs, "age >= 64").groups
    (row,) = group.rows
    parts = [table[table["subject"].str[1:].astype(int) >= 4] for table in (run_table(run.path) for run in runs)]
    expected = [evaluate(part.reset_index(drop=True)) for part in parts]
    assert group.title.startswith("reference protocol, 64 test images where age >= 64, data")
    assert row.subjects == 8
    assert row.scores["accuracy"].mean == pytest.approx(sum(e.images.scores["accuracy"] or 0 for e in expected) / 2)
    counts = [count_subjects(part.reset_index(drop=True)) for part in parts]
    assert counts[0].names == tuple(sorted(f"s{k}" for k in range(4, 12)))
    interval = row.scores["accuracy"].interval
    assert interval is not None
    assert interval.clusters == 8


def test_all_images_give_the_scores_of_all_images(tmp_path: Path) -> None:
    runs = [
        write(tmp_path, seed, right, experiment=name) for seed in (0, 1) for name, right in (("a", 0.6), ("b", 0.9))
    ]
    (whole,), (part,) = compare(runs, []).groups, restricted(runs, "age > 0").groups
    assert [row.scores for row in part.rows] == [row.scores for row in whole.rows]
    assert part.pairs == whole.pairs


def test_folds_may_have_no_image_of_the_subgroup(tmp_path: Path) -> None:
    runs = [write(tmp_path, fold=fold, folds=2, hash=f"f{fold}") for fold in (0, 1)]
    for fold, run in enumerate(runs):  # the folds have half of the subjects each
        table = run_table(run.path)
        kept = table[(table["subject"].str[1:].astype(int) < 6) == (fold == 0)].reset_index(drop=True)
        kept.to_csv(run.path / "predictions.csv", index=False)
        (run.path / "subjects.json").unlink(missing_ok=True)
        text = (run.path / "metrics.json").read_text().replace('"n": 96', '"n": 48')
        (run.path / "metrics.json").write_text(text)
    (group,) = restricted([read_run(run.path) for run in runs], "age < 66").groups
    assert group.test_images == 48
    assert (group.rows[0].subjects, group.rows[0].by) == (6, "subject")
    assert group.rows[0].scores["accuracy"].interval is not None


def test_a_subgroup_without_a_class_is_refused(tmp_path: Path) -> None:
    runs = [write(tmp_path)]
    with pytest.raises(DataError, match=r"'age == 60' leaves no test subject of B in x, seed 0"):
        restricted(runs, "age == 60")
    with pytest.raises(DataError, match="leaves no test image in x, seed 0"):
        restricted(runs, "age > 100")


def test_runs_without_covariates_are_named_and_left_out(tmp_path: Path) -> None:
    runs = [write(tmp_path), write(tmp_path, experiment="old", covariates=False)]
    runs.append(read_run(write_run(tmp_path, experiment="failed", state="failed")))
    comparison = restricted(runs, "age >= 62")
    assert [row.label for row in comparison.groups[0].rows] == ["x", "failed"]
    assert comparison.left_out == ("old is left out: its runs do not have age of their test images",)
    by_slice = restricted(runs, "slice >= 4")  # of the predictions themselves
    assert by_slice.left_out == ()
    assert by_slice.groups[0].test_images == 48


def test_unknown_columns_and_damaged_files(tmp_path: Path) -> None:
    run = write(tmp_path)
    with pytest.raises(ExperimentError, match="columns that the runs have: subject, slice, age, sex; got 'height'"):
        restricted([run], "height > 3")
    about = pd.read_csv(run.path / "covariates.csv")
    about[1:].to_csv(run.path / "covariates.csv", index=False)
    with pytest.raises(
        DataError, match=r"covariates.csv is damaged \(it must hold all test images; 0-0.png is missing"
    ):
        restricted([run], "age > 3")


def test_published_results_are_of_all_images(tmp_path: Path) -> None:
    assert restricted([write(tmp_path)], "age > 3").groups[0].references == ()
