"""Fixtures for all tests: an own cache, small image sets and experiments, and the command line."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alzbench.experiment import Experiment
from alzbench.progress import Progress
from alzbench.store import RunStore
from tests.helpers.command import Command, in_this_process
from tests.helpers.images import CLASSES, write_image
from tests.helpers.stub_network import Stub


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--real-data", help="folder with the real images and weights; see tests/real/conftest.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the files that take longest first, so that no process runs one alone at the end."""
    longest = {mark: {item.path for item in items if item.get_closest_marker(mark)} for mark in ("real", "slow")}
    items.sort(key=lambda item: (item.path not in longest["real"], item.path not in longest["slow"]))


@pytest.fixture(autouse=True)
def own_environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test an empty cache, hide the user's own settings, and return the cache folder."""
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("ALZBENCH_CACHE", str(cache))
    for name in list(os.environ):
        if name.startswith("WANDB_") or name in ("ALZBENCH_DATA", "ALZBENCH_WEIGHTS", "ALZBENCH_RUNS"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("WANDB_MODE", "disabled")  # no test sends anything anywhere
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    return cache


@pytest.fixture
def silent() -> Progress:
    """A progress display that shows nothing."""
    return Progress()


@pytest.fixture
def image_folder(tmp_path: Path) -> Path:
    """A folder with the layout of the Kaggle set: 10 augmented and 3 original images per class."""
    root = tmp_path / "set"
    for label, name in enumerate(CLASSES):
        for i in range(10):
            write_image(root / "AugmentedAlzheimerDataset" / name / f"copy{i}.jpg", 1000 * label + i)
        for i in range(3):
            write_image(root / "OriginalDataset" / name / f"slice{i}.jpg", 1000 * label + 500 + i)
    return root


@pytest.fixture
def tiny(image_folder: Path) -> Callable[..., Experiment]:
    """Make small experiments on `image_folder`: ``tiny(name="x", train={"epochs": 3})``."""

    def make(**changes: Any) -> Experiment:
        values: dict[str, Any] = {
            "name": "tiny",
            "data": {"source": str(image_folder), "size": 32, "scaling": "imagenet"},
            "augment": {"views": 2, "rotation": 10, "shift": 0.1, "zoom": 0.1, "horizontal_flip": True},
            "model": {"variant": "baseline", "backbone": {"weights": "none", "alpha": 0.35}, "options": {"units": 8}},
            "train": {"epochs": 2, "batch_size": 8},
        }
        for key, value in changes.items():
            values[key] = {**values[key], **value} if isinstance(value, dict) and key in values else value
        return Experiment.model_validate(values)

    return make


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    """An empty store of runs."""
    return RunStore(tmp_path / "runs")


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> type[Stub]:
    """Replace training by a stub."""
    Stub.trained, Stub.fails = [], {}
    monkeypatch.setattr("alzbench.runner.recipe.Network", Stub)
    return Stub


@pytest.fixture
def alzbench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in this process: ``alzbench("run", file, "--seeds", 3)``."""
    return functools.partial(in_this_process, monkeypatch, capsys)
