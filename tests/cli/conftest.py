"""A plain terminal, a small experiment, and stored runs, for the commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.command import TINY, plain_terminal
from tests.helpers.runs import write_run


@pytest.fixture(autouse=True)
def a_plain_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """80 columns, no colours, and an empty working folder."""
    plain_terminal(monkeypatch, tmp_path / "work", 80)


@pytest.fixture
def tiny_file(tmp_path: Path) -> Path:
    """The file of a small experiment."""
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A runs folder with two experiments."""
    root = tmp_path / "stored"
    for seed, accuracy in enumerate((0.25, 0.75)):
        write_run(root, accuracy, experiment="a", settings_hash="a", seed=seed)
    write_run(root, 1.0, experiment="b", settings_hash="b")
    return root
