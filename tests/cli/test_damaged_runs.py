"""Stored runs that are missing, damaged or incomplete, in every command that reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.command import Command, assert_sentence
from tests.helpers.predictions import draw_predictions


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["compare"], "There are no runs under runs"),
        (["list", "runs"], "There are no runs under runs"),
        (["show", "x"], "There is no run x"),
        (["compare", "x", "--runs", "{stored}"], "There is no run or experiment x under"),
        (["list", "experiments", "--folder", "here"], "There are no experiment files in here"),
    ],
    ids=["compare-none", "list-none", "show", "compare-unknown", "experiments"],
)
def test_what_is_not_there_ends_with_3(alzbench: Command, stored: Path, arguments: list[str], part: str) -> None:
    assert_sentence(alzbench(*(argument.format(stored=stored) for argument in arguments)), 3, part)


@pytest.mark.parametrize(
    ("command", "file"),
    [
        (["show", "a/seed-0-h0"], "state.json"),
        *(([*c], "metrics.json") for c in (("compare",), ("list", "runs"), ("show", "a/seed-0-h0"))),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_a_damaged_run_ends_with_3(alzbench: Command, stored: Path, command: list[str], file: str) -> None:
    (stored / "a" / "seed-0-h0" / file).write_text("{")
    assert_sentence(alzbench(*command, "--runs", stored), 3, str(stored / "a" / "seed-0-h0" / file), "--force")


@pytest.mark.parametrize(
    ("command", "other"),
    [(["compare"], "\nb "), (["compare", "b"], "\nb "), (["list", "runs"], "b/seed-0-h0")],
    ids=["compare", "compare b", "list runs"],
)
def test_a_run_of_which_nothing_can_be_known_is_named_and_left_out(
    alzbench: Command, stored: Path, command: list[str], other: str
) -> None:
    (stored / "a" / "seed-0-h0" / "state.json").write_text("{")
    result = alzbench(*command, "--runs", stored)
    assert result.code == 0
    assert result.err.startswith(f"warning: left out: {stored / 'a' / 'seed-0-h0' / 'state.json'} cannot be read")
    assert result.err.count("\n") == 1
    assert other in result.out


def test_a_run_that_cannot_be_read_is_not_in_the_way_of_others(
    alzbench: Command, stored: Path, tiny_file: Path
) -> None:
    (stored / "a" / "seed-0-h0" / "state.json").write_text("{")
    assert alzbench("run", tiny_file, "--dry-run", "--runs", stored).code == 0


@pytest.mark.parametrize("command", ["compare", "report"])
@pytest.mark.parametrize(
    ("file", "state", "change"),
    [
        ("metrics.json", "incomplete", {"test": {}}),
        ("metrics.json", "incomplete", {"test_by_subject": {"mean": {}}}),
        ("metrics.json", "damaged", {"test": {"n": float("inf")}}),
        ("metrics.json", "damaged", {"test": {"n": 96, "classes": ["A"], "per_class": {"A": 1}, "accuracy": "x"}}),
        ("state.json", "damaged", {"seed": "zero"}),
        ("state.json", "damaged", {"folds": None}),
    ],
    ids=["no figures", "no figures by subject", "infinite", "text", "seed", "folds"],
)
def test_an_incomplete_or_damaged_file_of_a_run_is_named(
    alzbench: Command, stored: Path, command: str, file: str, state: str, change: dict[str, Any]
) -> None:
    path = next((stored / "b").iterdir())
    draw_predictions(path, 0, 0.8)
    content = json.loads((path / file).read_text())
    (path / file).write_text(json.dumps({**content, **change}))
    what = [path] if command == "report" else ["--runs", stored]
    result = alzbench(command, *what)
    assert f"{path / file} is {state} (" in result.err
    assert "bug" not in result.err
    assert result.code == (0 if file == "state.json" and command == "compare" else 3)


def test_predictions_that_were_cut_off_are_not_scored(alzbench: Command, stored: Path) -> None:
    path = next((stored / "b").iterdir())
    draw_predictions(path, 0, 0.8)
    lines = (path / "predictions.csv").read_text().splitlines(keepends=True)
    (path / "predictions.csv").write_text("".join(lines[:-1]))
    for command in (["report", path], ["compare", "--runs", stored, "--html", "c.html"]):
        assert_sentence(
            alzbench(*command), 3, "predictions.csv is damaged (it holds 95 images, but the scores are from 96)"
        )
    assert not Path("c.html").exists()
