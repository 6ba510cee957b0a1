"""CSV and JSON of a comparison hold the numbers of the table."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from alzbench.compare import Comparison, Reference, binomial_interval, compare
from alzbench.compare.predictions import read_group
from alzbench.evaluation.evaluate import evaluate
from alzbench.evaluation.metrics import metrics
from alzbench.report.comparison import MOST_DISPUTED, comparison_document
from alzbench.report.document import Document
from alzbench.report.export import export_frame, render_csv, render_json
from alzbench.report.terminal import render_terminal
from alzbench.store import RunStore, read_run
from tests.helpers.predictions import draw_predictions
from tests.helpers.runs import write_run
from tests.helpers.text import text_of

REFERENCE = Reference(name="published", accuracy=0.4, test_images=100, protocol="reference", source="a paper")


@pytest.fixture
def comparison(tmp_path: Path) -> Comparison:
    """A real group with two experiments, one of them unfinished too, and a demo group."""
    write_run(tmp_path, 0.5, (0.25, 0.75), seed=0)
    write_run(tmp_path, 0.7, (0.35, None), seed=1)
    write_run(tmp_path, seed=2, state="failed")
    write_run(tmp_path, 0.9, experiment="y", settings_hash="s1")
    write_run(tmp_path, 1.0, experiment="z", settings_hash="s1", demo=True)
    return compare(RunStore(tmp_path).runs(), [REFERENCE])


def document_of(comparison: Comparison) -> Document:
    """The document with what is known from predictions."""
    return comparison_document(comparison, [read_group(group) for group in comparison.groups])


def json_of(document: Document) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(render_json(document))
    return values


@pytest.fixture
def document(comparison: Comparison) -> Document:
    return document_of(comparison)


@pytest.fixture
def rows(document: Document) -> dict[str, dict[str, Any]]:
    """The rows of the CSV as it is read back, by experiment."""
    table = pd.read_csv(io.StringIO(render_csv(document))).set_index("experiment")
    return {str(name): {str(k): v for k, v in row.dropna().items()} for name, row in table.iterrows()}


def test_every_reference_and_experiment_has_a_row(rows: dict[str, dict[str, Any]]) -> None:
    kinds = {name: row["kind"] for name, row in rows.items()}
    assert kinds == {"published": "reference", "x": "experiment", "y": "experiment", "z": "experiment"}


def test_figures_are_in_full(rows: dict[str, dict[str, Any]]) -> None:
    row = rows["x"]
    assert row["accuracy"] == pytest.approx(0.6)
    assert row["accuracy_sd"] == pytest.approx(0.02**0.5, rel=1e-12)
    assert row["balanced_accuracy"] == pytest.approx(0.3)
    assert row["macro_f1"] == pytest.approx(0.15)
    assert (row["f1_A"], row["f1_A_sd"]) == (pytest.approx(0.3), pytest.approx(0.005**0.5))
    assert (row["f1_B"], "f1_B_sd" in row) == (0.75, False)  # defined for one seed
    assert row["minus published"] == pytest.approx(0.2)
    assert (row["seeds"], row["unfinished"], row["test_images"]) == (2, 1, 100)


def test_groups_can_be_told_apart(rows: dict[str, dict[str, Any]]) -> None:
    assert {name: row["demo"] for name, row in rows.items()} == {"published": False, "x": False, "y": False, "z": True}
    assert "minus published" not in rows["z"]
    assert rows["x"]["protocol"] == rows["published"]["protocol"] == "reference"


def test_a_reference_has_its_accuracy_and_nothing_that_it_did_not_publish(rows: dict[str, dict[str, Any]]) -> None:
    assert rows["published"]["accuracy"] == 0.4
    # Wilson's interval, by hand: (p + z^2 / 2n +- z sqrt(p q / n + z^2 / 4 n^2)) / (1 + z^2 / n)
    assert rows["published"]["accuracy_low"] == pytest.approx(0.309401, abs=1e-6)
    assert rows["published"]["accuracy_high"] == pytest.approx(0.497998, abs=1e-6)
    assert not {"accuracy_sd", "macro_f1", "f1_A", "seeds"} & rows["published"].keys()


def test_json_and_csv_hold_the_same_numbers(document: Document, rows: dict[str, dict[str, Any]]) -> None:
    seen = set()
    for group in json_of(document)["groups"]:
        for row in group["rows"]:
            csv = rows[row["label"]]
            scores = {name: row["scores"][name] for name in ("accuracy", "balanced_accuracy", "macro_f1")}
            scores |= {f"f1_{name}": row["class_scores"]["f1"][name] for name in group["classes"]}
            for name, score in scores.items():
                assert csv[name] == pytest.approx(score["mean"], rel=1e-15)
                assert csv.get(f"{name}_sd") == (score["sd"] and pytest.approx(score["sd"], rel=1e-15))
            assert len(row["seeds"]) == csv["seeds"]
            seen.add(row["label"])
    assert seen == {"x", "y", "z"}


def test_json_holds_references_and_unfinished_runs(document: Document) -> None:
    real, demo = json_of(document)["groups"]
    low, high = binomial_interval(REFERENCE)
    assert (real["references"], demo["references"]) == ([{**REFERENCE.model_dump(), "interval": [low, high]}], [])
    assert real["rows"][0]["unfinished"] == ["x/seed-2-h2: failed"]


def test_no_runs_are_an_empty_table() -> None:
    document = document_of(compare([], [REFERENCE]))
    assert export_frame(document).empty
    assert json_of(document) == {"groups": [], "left_out": []}


def test_what_is_known_from_predictions_is_the_same_in_json_csv_and_tables(tmp_path: Path) -> None:
    for experiment, right in (("baseline", 0.6), ("other", 0.8)):
        for seed in (0, 1):
            path = write_run(tmp_path, right, n=240, experiment=experiment, settings_hash=experiment, seed=seed)
            draw_predictions(path, seed, right, subjects=30)
    document = document_of(compare(RunStore(tmp_path).runs(), []))
    (group,) = json_of(document)["groups"]
    csv = export_frame(document).set_index("experiment")
    tables = {table.key: {row[0].value: row for row in table.rows} for table in document.sections[0].tables}
    texts = {
        (row[0], column.key): text
        for table in document.sections[0].tables
        for row in table.texts
        for column, text in zip(table.columns, row, strict=True)
    }
    for name in ("baseline", "other"):
        scores = group["probabilities"][name]
        found = dict(scores["overall"])
        found |= {
            f"{metric}_{label}": score for metric, of in scores["by_class"].items() for label, score in of.items()
        }
        assert found.keys() == {
            "calibration_error", "mean_roc_auc", "roc_auc_A", "roc_auc_B", "average_precision_A", "average_precision_B",
        }  # fmt: skip
        for metric, score in found.items():
            low, high = score["interval"]["low"], score["interval"]["high"]
            columns = [metric, f"{metric}_low", f"{metric}_high"]
            assert csv.loc[name, columns].tolist() == [score["mean"], low, high]
            assert texts[name, metric] == f"{score['mean']:.3f} ({low:.3f}–{high:.3f})"
    disputed = {row["subject"]: row for row in group["disputed_subjects"]}
    assert len(disputed) > MOST_DISPUTED
    for subject, row in tables["disputed"].items():
        assert row[-1].value == disputed[subject]["right"]["other"]


def test_scores_by_subject_have_their_intervals_everywhere(tmp_path: Path) -> None:
    for seed in (0, 1):
        path = write_run(tmp_path, 0.6, n=240, seed=seed)
        draw_predictions(path, seed, 0.6, subjects=30)
        table = read_run(path).predictions()
        evaluation = evaluate(table)
        changes = {"test": evaluation.images, "test_by_subject": evaluation.subjects}
        (path / "metrics.json").write_text(json.dumps(read_run(path).metrics().model_copy(update=changes).to_json()))
    comparison = compare(RunStore(tmp_path).runs(), [])
    (row,) = comparison.groups[0].rows
    document = document_of(comparison)
    csv = export_frame(document).iloc[0]
    text, _ = next(
        table for table in document.sections[0].tables if table.title == "By subject"
    ).texts  # and its ensemble
    terminal = text_of(render_terminal(document), 200)
    for metric in metrics(level="subject"):
        score, name = row.scores[metric.name], metric.name
        assert score.interval is not None
        low, high = score.interval.low, score.interval.high
        assert score.interval.value == pytest.approx(score.mean)
        assert low < score.mean < high
        assert (csv[name], csv[f"{name}_low"], csv[f"{name}_high"]) == (score.mean, low, high)
        digits = 1 if metric.scale == 100 else 3
        ends = [f"{metric.scale * end:.{digits}f}" for end in (low, high)]
        shown = f"{metric.scale * score.mean:.{metric.digits}f} ({(' to ' if low < 0 else '–').join(ends)})"
        assert shown in text
        assert shown in terminal


def test_columns_of_classes_are_no_ends_of_intervals(tmp_path: Path) -> None:
    classes = ("A", "A_low", "A_high", "A_sd")
    for seed in (0, 1):
        path = write_run(tmp_path, 0.6, (0.1, 0.2, 0.3, 0.4), classes, 240, seed=seed)
        draw_predictions(path, seed, 0.6, classes, subjects=30)
    comparison = compare(RunStore(tmp_path).runs(), [])
    (row,) = comparison.groups[0].rows
    document = document_of(comparison)
    csv = export_frame(document).iloc[0]
    assert csv[[f"f1_{name}" for name in ("A", "A_low (class)", "A_high (class)", "A_sd (class)")]].tolist() == [
        0.1, 0.2, 0.3, 0.4,
    ]  # fmt: skip
    assert csv["f1_A_sd"] == 0
    intervals = {name: score.interval for name, score in row.class_scores["f1"].items()}
    first, second = intervals["A"], intervals["A_low"]
    assert first is not None
    assert second is not None
    assert (csv["f1_A_low"], csv["f1_A_high"]) == (first.low, first.high)
    assert csv["f1_A_low (class)_low"] == second.low
    (scores,) = document.data["groups"][0]["probabilities"].values()
    assert csv["roc_auc_A_low (class)"] == scores.by_class["roc_auc"]["A_low"].mean
    assert csv["roc_auc_A_low"] < csv["roc_auc_A"]
