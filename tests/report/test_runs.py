"""The list of runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alzbench.report.export import render_json
from alzbench.report.runs import runs_document
from alzbench.report.terminal import render_terminal
from alzbench.store import RunStore
from tests.helpers.runs import write_run
from tests.helpers.text import cells, text_of

NOW = datetime(2030, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A complete run of last year, and an interrupted and a running one of this year."""
    monkeypatch.setenv("TZ", "UTC")
    write_run(tmp_path, 0.625, created="2029-12-31T23:00:00+00:00")
    write_run(tmp_path, state="interrupted", seed=1, created="2030-01-02T03:04:05+00:00", demo=True)
    return tmp_path


def test_runs_are_listed_with_accuracy_date_and_duration(root: Path) -> None:
    text = text_of(render_terminal(runs_document(RunStore(root).runs(), NOW)))
    rows = [cells(line) for line in text.splitlines()]
    oldest = ["x/seed-0-h0", "complete", "reference", "62.50", "2029-12-31", "0:00:01"]
    newest = ["x/seed-1-h1", "interrupted", "reference, demo", "–", "01-02 03:04", "–"]
    assert rows.index(newest) < rows.index(oldest)


def test_the_duration_of_a_running_one_is_until_now(root: Path) -> None:
    store = RunStore(root)
    run = store.runs()[1]
    run.card = run.card.model_copy(update={"state": "running", "created": "2030-03-01T10:58:57+00:00"})
    assert "1:01:03" in text_of(render_terminal(runs_document([run], NOW)))


def test_the_list_as_json_has_full_times(root: Path) -> None:
    newest, oldest = json.loads(render_json(runs_document(RunStore(root).runs(), NOW)))["runs"]
    assert (oldest["run"], oldest["accuracy"], oldest["seconds"]) == ("x/seed-0-h0", 0.625, 1.0)
    assert (newest["state"], newest["started"], newest["demo"]) == ("interrupted", "2030-01-02T03:04:05+00:00", True)
