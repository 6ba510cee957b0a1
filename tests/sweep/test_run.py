"""Sweeps that come with the package, checked as the command checks them before anything is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from alzbench.errors import ExperimentError
from alzbench.experiment.loaded_sweep import load_sweep
from alzbench.sweep.run import check_sweep
from tests.helpers.paths import EXPERIMENTS


@pytest.mark.parametrize("path", sorted((EXPERIMENTS / "sweeps").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_value_of_the_sweeps_here_can_be_run(path: Path) -> None:
    check_sweep(load_sweep(path))


def test_a_baseline_without_settings_is_not_swept(tmp_path: Path) -> None:
    space = "space: {train.lr: {low: 0.001, high: 0.01}}"
    (tmp_path / "s.yaml").write_text(f"base: {EXPERIMENTS / 'dark_share_logistic.yaml'}\n{space}\n")
    with pytest.raises(ExperimentError, match=r"dark_share_logistic of .* has none, as it is a sanity baseline"):
        check_sweep(load_sweep(tmp_path / "s.yaml"))
    (tmp_path / "s.yaml").write_text(f"base: {EXPERIMENTS / 'baseline.yaml'}\n{space}\n")
    check_sweep(load_sweep(tmp_path / "s.yaml"))
