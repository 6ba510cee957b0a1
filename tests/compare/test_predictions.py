"""The predictions of a group's experiments: read with one spelling of the classes, or refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from alzbench.compare import compare, read_group
from alzbench.errors import DataError
from alzbench.evaluation.subject_counts import count_subjects
from alzbench.store import RunStore, read_run
from tests.helpers.predictions import draw_predictions
from tests.helpers.runs import make_metrics, write_run


def test_predictions_of_folds_are_taken_together(tmp_path: Path) -> None:
    for fold in range(2):
        draw_predictions(write_run(tmp_path, n=96, seed=0, fold=fold, folds=2, hash=f"h{fold}"), fold, 0.7)
    (group,) = compare(RunStore(tmp_path).runs(), []).groups
    predictions = read_group(group)
    assert [len(table) for table in predictions.tables["x"].values()] == [2 * 96]
    assert set(predictions.scores) == {"x"}


@pytest.mark.parametrize("spelled", [{"seed": 1}, {"seed": 0, "fold": 1}])
def test_classes_that_runs_spell_otherwise_are_the_same(tmp_path: Path, spelled: dict[str, int]) -> None:
    folds = 2 if "fold" in spelled else 1
    fold = 0 if folds == 2 else None
    draw_predictions(write_run(tmp_path / "own", n=96, hash="h", fold=fold, folds=folds), 0, 0.7)
    draw_predictions(write_run(tmp_path / "own", n=96, hash="i", folds=folds, **spelled), 1, 0.7)
    shutil.copytree(tmp_path / "own", tmp_path / "other")
    (changed,) = (run.path for run in RunStore(tmp_path / "other").runs() if run.card.hash == "i")
    others = ("class A", "class B")
    (changed / "metrics.json").write_text(json.dumps(make_metrics(0.5, (0.5, 0.5), others, 96)))
    draw_predictions(changed, 1, 0.7, others)
    own, other = (compare(RunStore(tmp_path / name).runs(), []).groups[0] for name in ("own", "other"))
    assert read_group(own).scores == read_group(other).scores
    assert replace(own.rows[0], runs=()) == replace(other.rows[0], runs=())


@pytest.mark.parametrize("folds", [1, 2])
def test_some_of_the_predictions_are_not_taken_for_all_of_them(tmp_path: Path, folds: int) -> None:
    for seed in range(2):
        for fold in range(folds):
            about = {"seed": seed, "fold": fold if folds > 1 else None, "folds": folds, "hash": f"h{seed}{fold}"}
            path = write_run(tmp_path, n=96, **about)
            draw_predictions(path, fold, 0.7)
            table = read_run(path).predictions()
            table.assign(image=f"{fold}-" + table["image"], subject="").to_csv(path / "predictions.csv", index=False)
            (path / "subjects.json").write_text(json.dumps(count_subjects(read_run(path).predictions()).to_json()))
    (path / "predictions.csv").unlink()  # of the last seed and fold
    (group,) = compare(RunStore(tmp_path).runs(), []).groups
    assert group.rows[0].seeds == (0, 1)
    predictions = read_group(group)
    assert predictions.without == ("x",)
    assert not predictions.tables
    assert not predictions.scores


def test_predictions_of_other_classes_are_refused(tmp_path: Path) -> None:
    for name, classes in (("a", ("A", "B")), ("b", ("A", "B", "C"))):
        draw_predictions(write_run(tmp_path, n=96, experiment=name, settings_hash=name), 0, 0.7, classes)
    (group,) = compare(RunStore(tmp_path).runs(), []).groups
    with pytest.raises(
        DataError, match=r"predictions\.csv is damaged \(its classes must be as many as A, B; it has A, B, C\)"
    ):
        read_group(group)
