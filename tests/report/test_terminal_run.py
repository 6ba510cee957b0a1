"""Stored runs on the terminal: one with its scores, or a line each."""

from __future__ import annotations

from pathlib import Path

import pytest

from alzbench.report.terminal_run import render_run, render_runs
from alzbench.store import RunStore, read_run
from tests.helpers.runs import write_run
from tests.helpers.text import cells, text_of


def test_a_run_shows_its_scores(tmp_path: Path) -> None:
    text = text_of(render_run(read_run(write_run(tmp_path, 0.6, (0.25, None), n=1000))))
    assert "1,000 test images" in text
    assert ["A", "–", "0.250", "0.250", "500"] in [cells(line) for line in text.splitlines()]
    assert ["B", "–", "–", "–", "500"] in [cells(line) for line in text.splitlines()]
    assert "accuracy 0.6000, balanced 0.3000, macro F1 0.1500, loss 1.0000" in text


def test_runs_are_listed_with_their_accuracy(tmp_path: Path) -> None:
    write_run(tmp_path, 0.625)
    write_run(tmp_path, state="interrupted", seed=1)
    table = [cells(line) for line in text_of(render_runs(RunStore(tmp_path).runs())).splitlines()]
    assert ["x/seed-0-h0", "complete", "reference", "0.6250"] in table
    assert ["x/seed-1-h1", "interrupted", "reference", "–"] in table


@pytest.mark.parametrize("name", ["[red]x[/red]", "<script>", "[/]", "[bold", ":smile:"])
def test_names_are_shown_literally(tmp_path: Path, name: str) -> None:
    path = write_run(tmp_path, state="failed", protocol=name, error=name, hash=name.replace("/", ""))
    assert name in text_of(render_runs(RunStore(tmp_path).runs()))
    assert f"failed ({name})" in text_of(render_run(read_run(path)))


def test_demo_and_leaks_are_said(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path, demo=True, leaks="all of it"))
    assert "DEMO on phantoms" in text_of(render_run(run))
    assert "! Leaky protocol: all of it." in text_of(render_run(run))
    assert "reference (demo)" in text_of(render_runs([run]))
