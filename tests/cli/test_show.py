"""`alzbench show`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.helpers.command import Command
from tests.helpers.runs import write_run
from tests.helpers.text import cells


def test_show_prints_a_run(alzbench: Command, stored: Path) -> None:
    result = alzbench("show", "a/seed-1-h1", "--runs", stored)
    assert ["accuracy %", "75.00", "75.00"] in [cells(line) for line in result.out.splitlines()]  # test, validation
    document = json.loads(alzbench("show", "a/seed-1-h1", "--runs", stored, "--json").out)
    assert (document["experiment"], document["seed"], document["metrics"]["test"]["accuracy"]) == ("a", 1, 0.75)
    assert document["path"] == str(stored / "a" / "seed-1-h1")


def test_show_prints_an_unfinished_run(alzbench: Command, tmp_path: Path) -> None:
    path = write_run(tmp_path, state="failed", error="the loss is nan")
    assert "failed (the loss is nan)" in alzbench("show", path).out
    assert json.loads(alzbench("show", path, "--json").out)["metrics"] is None
