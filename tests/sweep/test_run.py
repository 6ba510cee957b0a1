"""Sweeps that come with the package, checked as the command checks them before anything is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from alzbench.experiment.loaded_sweep import load_sweep
from alzbench.sweep.run import check_sweep
from tests.helpers.paths import EXPERIMENTS


@pytest.mark.parametrize("path", sorted((EXPERIMENTS / "sweeps").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_value_of_the_sweeps_here_can_be_run(path: Path) -> None:
    check_sweep(load_sweep(path))
