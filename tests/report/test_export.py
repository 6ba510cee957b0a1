"""CSV and JSON of a comparison hold the numbers of the table."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from alzbench.compare import Comparison, Reference, binomial_interval, compare
from alzbench.evaluation.metrics import score
from alzbench.evaluation.subjects import score_subjects
from alzbench.report.document import MOST_DISPUTED, comparison_sections
from alzbench.report.export import SUBJECT_FIGURES, comparison_json, comparison_table
from alzbench.report.terminal import render_comparison
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


@pytest.fixture
def rows(comparison: Comparison) -> dict[str, dict[str, Any]]:
    """The rows of the CSV as it is read back, by experiment."""
    text = comparison_table(comparison).to_csv(index=False)
    table = pd.read_csv(io.StringIO(text)).set_index("experiment")
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


def test_json_and_csv_hold_the_same_numbers(comparison: Comparison, rows: dict[str, dict[str, Any]]) -> None:
    document = json.loads(json.dumps(comparison_json(comparison), allow_nan=False))
    seen = set()
    for group in document["groups"]:
        for row in group["rows"]:
            csv = rows[row["label"]]
            figures = {name: row[name] for name in ("accuracy", "balanced_accuracy", "macro_f1")}
            figures |= {f"f1_{name}": f1 for name, f1 in zip(group["classes"], row["f1"], strict=True)}
            for name, spread in figures.items():
                assert csv[name] == pytest.approx(spread["mean"], rel=1e-15)
                assert csv.get(f"{name}_sd") == (spread["sd"] and pytest.approx(spread["sd"], rel=1e-15))
            assert len(row["seeds"]) == csv["seeds"]
            seen.add(row["label"])
    assert seen == {"x", "y", "z"}


def test_json_holds_references_and_unfinished_runs(comparison: Comparison) -> None:
    document = json.loads(json.dumps(comparison_json(comparison)))
    real, demo = document["groups"]
    low, high = binomial_interval(REFERENCE)
    assert (real["references"], demo["references"]) == ([{**REFERENCE.model_dump(), "interval": [low, high]}], [])
    assert real["rows"][0]["unfinished"] == ["x/seed-2-h2: failed"]


def test_no_runs_are_an_empty_table() -> None:
    assert comparison_table(compare([], [REFERENCE])).empty
    assert comparison_json(compare([], [REFERENCE])) == {"groups": []}


def test_what_is_known_from_predictions_is_the_same_in_json_csv_and_tables(tmp_path: Path) -> None:
    for experiment, right in (("baseline", 0.6), ("other", 0.8)):
        for seed in (0, 1):
            path = write_run(tmp_path, right, n=240, experiment=experiment, settings_hash=experiment, seed=seed)
            draw_predictions(path, seed, right, subjects=30)
    comparison = compare(RunStore(tmp_path).runs(), [])
    (group,) = json.loads(json.dumps(comparison_json(comparison), allow_nan=False))["groups"]
    csv = comparison_table(comparison).set_index("experiment")
    (section,) = comparison_sections(comparison)
    tables = {table.title: {row[0].text: row for row in table.rows} for table in section.tables}
    for name in ("baseline", "other"):
        scores = group["probabilities"][name]
        figures = {"calibration_error": scores["calibration_error"], "mean_roc_auc": scores["mean_roc_auc"]}
        figures |= {f"roc_auc_{label}": of for label, of in scores["roc_auc"].items()}
        precisions = {f"average_precision_{label}": of for label, of in scores["average_precision"].items()}
        assert figures.keys() | precisions.keys() == {
            "calibration_error", "mean_roc_auc", "roc_auc_A", "roc_auc_B", "average_precision_A", "average_precision_B",
        }  # fmt: skip
        for figure, of in (figures | precisions).items():
            low, high = of["interval"]["low"], of["interval"]["high"]
            columns = [figure, f"{figure}_low", f"{figure}_high"]
            assert csv.loc[name, columns].tolist() == [of["value"], low, high]
        for title, shown in (("Probabilities", figures), ("Mean precision by class", precisions)):
            texts = [f"{of['value']:.3f} ({of['interval']['low']:.3f} to {of['interval']['high']:.3f})"
                     for of in shown.values()]  # fmt: skip
            assert [cell.text for cell in tables[title][name][1:]] == texts
    disputed = {row["subject"]: row for row in group["disputed_subjects"]}
    assert len(disputed) > MOST_DISPUTED
    for subject, row in tables["Where they disagree"].items():
        assert row[-1].value == disputed[subject]["right"]["other"]


def test_scores_by_subject_have_their_intervals_everywhere(tmp_path: Path) -> None:
    for seed in (0, 1):
        path = write_run(tmp_path, 0.6, n=240, seed=seed)
        draw_predictions(path, seed, 0.6, subjects=30)
        table = read_run(path).predictions()
        metrics = {**read_run(path).metrics, "test": score(table), "test_by_subject": score_subjects(table)}
        (path / "metrics.json").write_text(json.dumps(metrics))
    comparison = compare(RunStore(tmp_path).runs(), [])
    row = comparison.groups[0].rows[0].by_subject
    assert row is not None
    assert set(row.intervals) == set(SUBJECT_FIGURES)
    csv = comparison_table(comparison).iloc[0]
    (section,) = comparison_sections(comparison)
    (cells,) = next(table for table in section.tables if table.title == "By subject").rows
    text = " ".join(cell.text for cell in cells)
    terminal = text_of(render_comparison(comparison), 200)
    for name in SUBJECT_FIGURES:
        found, spread = row.intervals[name], getattr(row, name)
        assert found.value == pytest.approx(spread.mean)
        assert found.low < found.value < found.high
        assert (csv[f"subject_{name}"], csv[f"subject_{name}_low"]) == (spread.mean, found.low)
        scale, digits = (100, 1) if name.endswith("accuracy") else (1, 3)
        assert f"({scale * found.low:.{digits}f} to {scale * found.high:.{digits}f})" in text
        digits = min(digits, 2)
        assert f"{scale * found.low:.{digits}f}–{scale * found.high:.{digits}f}" in terminal


def test_columns_of_classes_are_no_ends_of_intervals(tmp_path: Path) -> None:
    classes = ("A", "A_low", "A_high", "A_sd")
    for seed in (0, 1):
        path = write_run(tmp_path, 0.6, (0.1, 0.2, 0.3, 0.4), classes, 240, seed=seed)
        draw_predictions(path, seed, 0.6, classes, subjects=30)
    comparison = compare(RunStore(tmp_path).runs(), [])
    (row,) = comparison.groups[0].rows
    csv = comparison_table(comparison).iloc[0]
    assert csv[[f"f1_{name}" for name in ("A", "A_low (class)", "A_high (class)", "A_sd (class)")]].tolist() == [
        0.1, 0.2, 0.3, 0.4,
    ]  # fmt: skip
    assert csv["f1_A_sd"] == 0
    assert (csv["f1_A_low"], csv["f1_A_high"]) == (row.intervals["f1_A"].low, row.intervals["f1_A"].high)
    assert csv["f1_A_low (class)_low"] == row.intervals["f1_A_low"].low
    area = comparison.groups[0].likely.scores["x"].roc_auc["A_low"]
    assert area is not None
    assert csv["roc_auc_A_low (class)"] == area.value
    assert csv["roc_auc_A_low"] < csv["roc_auc_A"]
