"""Reading a stored run: its tables, predictions and metrics, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from alzbench.errors import DataError
from alzbench.evaluation.subject_counts import count_subjects
from alzbench.store import RunStore, read_run
from tests.helpers.runs import CARD, write_run

PREDICTIONS = "image,subject,slice,label,predicted,p_A,p_B\na.png,s,1,A,B,0.25,0.75\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("garbage\n", "it has no column image"),
        ("", "No columns"),
        ("a,b\n1,2,3\n4,5,6,7\n", "Expected 3 fields"),
        (PREDICTIONS.replace("p_A", "A").replace("p_B", "B"), "it has no column p_<class>"),
        (PREDICTIONS.replace(",A,B,", ",C,B,"), "label 'C' is not one of its classes"),
        (PREDICTIONS.replace("0.25", "x"), "p_A must hold finite numbers"),
        (PREDICTIONS.replace("0.25", "inf"), "p_A must hold finite numbers"),
    ],
)
def test_damaged_predictions_are_one_sentence(tmp_path: Path, content: str, said: str) -> None:
    run = read_run(write_run(tmp_path, 0.5))
    (run.path / "predictions.csv").write_text(content)
    with pytest.raises(DataError, match=r"predictions\.csv is damaged \(.*\); repeat the run with --force") as caught:
        run.predictions()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_predictions_come_back_with_names_as_text(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path, 0.5, n=1))
    (run.path / "predictions.csv").write_text(PREDICTIONS.replace("A", "0").replace("B", "1"))
    assert run.predictions().loc[0, ["label", "predicted", "slice", "p_1"]].tolist() == ["0", "1", "1", 0.75]


@pytest.mark.parametrize("images", [1, 2])
def test_counts_of_another_run_are_refused(tmp_path: Path, images: int) -> None:
    path = write_run(tmp_path, 0.5, n=1)
    (path / "predictions.csv").write_text(PREDICTIONS)
    counts = count_subjects(pd.concat([read_run(path).predictions()] * images, ignore_index=True))
    (path / "subjects.json").write_text(json.dumps(counts.to_json()))
    run = read_run(path)
    if images == 1:
        assert run.counts() is not None
        return
    with pytest.raises(DataError, match=r"it must hold 1 images and 2 classes, like the scores; it holds 2 and 2\)"):
        run.counts()


def test_a_table_comes_back_as_it_was_written(store: RunStore) -> None:
    table = pd.DataFrame(
        {
            "image": ["0010", "NA", 'a,b\n"c"'],
            "subject": ["", "007", "x"],
            "slice": ["01", "02", "08"],
            "p_A": [0.1, 1e-30, 1],
        }
    )
    with store.begin(CARD) as writer:
        writer.write_table("predictions.csv", table)
    pd.testing.assert_frame_equal(read_run(writer.path).table("predictions.csv"), table)


@pytest.mark.parametrize("content", [None, "", "{", "[]", "{}", '{"test": 1}'], ids=repr)
def test_damaged_metrics_are_one_sentence(store: RunStore, content: str | None) -> None:
    path = write_run(store.root)
    (path / "metrics.json").unlink()
    if content is not None:
        (path / "metrics.json").write_text(content)
    (run,) = store.runs()
    with pytest.raises(DataError, match="remove the folder of the run, or repeat the run with --force") as caught:
        run.metrics()
    assert str(path / "metrics.json") in str(caught.value)
