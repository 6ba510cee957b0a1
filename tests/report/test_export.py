"""CSV and JSON of a comparison hold the numbers of the table."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from alzbench.compare import Comparison, Reference, binomial_interval, compare
from alzbench.report.export import comparison_json, comparison_table
from alzbench.store import RunStore
from tests.test_store import write_run

REFERENCE = Reference(name="published", accuracy=0.4, test_images=100, protocol="reference", source="a paper")


@pytest.fixture
def comparison(tmp_path: Path) -> Comparison:
    """A real group with two experiments, one of them unfinished too, and a demo group."""
    write_run(tmp_path, 0.5, (0.25, 0.75), seed=0)
    write_run(tmp_path, 0.7, (0.35, None), seed=1)
    write_run(tmp_path, seed=2, state="failed")
    write_run(tmp_path, 0.9, experiment="y", settings="s1")
    write_run(tmp_path, 1.0, experiment="z", settings="s1", demo=True)
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
