"""Sweeps on small images, with fakes in the place of networks, in this process and in others."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helpers.command import TINY, Command, in_this_process, plain_terminal
from tests.helpers.fake_network import LOG, SECONDS, with_fakes
from tests.helpers.images import CLASSES, write_image
from tests.helpers.paths import ROOT
from tests.helpers.sweeps import SPACE, Start, Write


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, with a terminal of 120 columns and no colours."""
    plain_terminal(monkeypatch, tmp_path / "work", 120)
    for name in ("ALZBENCH_STORAGE", SECONDS, LOG):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "work"


@pytest.fixture
def write(own_folder: Path, image_folder: Path) -> Write:
    """Write ``base.yaml`` and a sweep over it, and return the sweep's path."""

    def make(name: str = "s.yaml", epochs: int = 6, **changes: Any) -> Path:
        base = {**yaml.safe_load(TINY), "data": {**yaml.safe_load(TINY)["data"], "source": str(image_folder)}}
        base["train"] = {**base["train"], "epochs": epochs}
        (own_folder / "base.yaml").write_text(yaml.safe_dump(base))
        content = {
            "base": "base.yaml",
            "objective": "macro_f1",
            "trials": 6,
            "space": SPACE,
            "final": {"seeds": [0, 1]},
        }
        (own_folder / name).write_text(yaml.safe_dump({**content, **changes}, sort_keys=False))
        return own_folder / name

    return make


@pytest.fixture
def subjects(tmp_path: Path) -> Path:
    """A folder of images: one slice of each of six subjects per class, and an augmented image of an unknown subject."""
    root = tmp_path / "subjects"
    for label, name in enumerate(CLASSES):
        write_image(root / "AugmentedAlzheimerDataset" / name / "sub-X_slice-01.jpg", 500 + label)
        for i in range(6):
            number = 10 * label + i
            write_image(root / "OriginalDataset" / name / f"sub-{number:03d}_slice-01.jpg", number)
    return root


@pytest.fixture
def alzbench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in this process, with fakes in the place of networks."""
    with_fakes(monkeypatch)
    return functools.partial(in_this_process, monkeypatch, capsys)


@pytest.fixture
def without_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw and write no page, which takes most of the time of a small sweep."""
    for figures in ("trial_figures", "fold_figures"):
        monkeypatch.setattr(f"alzbench.sweep.run.{figures}", lambda *_: [])
    monkeypatch.setattr("alzbench.sweep.run.write_page", lambda *_: None)


@pytest.fixture
def start(own_folder: Path) -> Start:
    """Start a command in a process of its own, with fakes in the place of networks."""

    def run(*arguments: object, seconds: float = 0.02, **variables: str) -> subprocess.Popen[str]:
        environment = {**os.environ, SECONDS: str(seconds), "PYTHONPATH": str(ROOT), **variables}
        return subprocess.Popen(
            [sys.executable, "-m", "tests.helpers.fake_network", *map(str, arguments)],
            cwd=own_folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    return run
