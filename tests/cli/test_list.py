"""`alzbench list`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.command import Command


def test_runs_come_from_the_variable_where_no_option_is_given(
    alzbench: Command, stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALZBENCH_RUNS", str(stored))
    assert "b/seed-0-h0" in alzbench("list", "runs").out
