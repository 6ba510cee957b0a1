"""`alzbench report`: what it writes, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from tests.helpers.command import Command, assert_sentence
from tests.helpers.predictions import draw_predictions


def test_a_page_is_written_to_reports(alzbench: Command, stored: Path) -> None:
    run = next((stored / "b").iterdir())
    assert_sentence(alzbench("report", run), 3, "has no predictions.csv")
    assert_sentence(alzbench("report", "nobody", "--runs", stored), 3, "There is no run nobody")
    assert not Path("reports").exists()
    draw_predictions(run, 0, 0.8)
    result = alzbench("report", run)
    assert (result.code, result.err) == (0, "")
    assert Path(result.out.strip()).parent == Path("reports")
    assert Path(result.out.strip()).is_file()
    Path(result.out.strip()).unlink()
    values = json.loads(alzbench("report", run, "--json", "--csv", "r.csv").out)
    assert values["scores"]["accuracy"]["mean"] == pd.read_csv("r.csv")["test"][0]
    assert list(Path("reports").iterdir()) == []


def test_two_formats_cannot_be_one_file(alzbench: Command, stored: Path) -> None:
    twice = alzbench("compare", "--runs", stored, "--csv", "d.csv", "--html", "c.html", "--disagreements", "./d.csv")
    assert_sentence(twice, 2, "Each format must have a file of its own; d.csv is given 2 times")
    run = next((stored / "b").iterdir())
    draw_predictions(run, 0, 0.8)
    assert_sentence(alzbench("report", run, "--html", "r", "--markdown", "r"), 2, "r is given 2 times")
    assert_sentence(alzbench("compare", "--runs", stored, "--report", "r", "--markdown", "reports/r.html"), 2, "r.html")
    assert not list(Path().glob("*.*"))
    assert not Path("reports").exists()
