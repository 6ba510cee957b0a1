"""Sweeps: Optuna searches the space of an experiment's fields, on the validation part alone."""

from alzbench.sweep.run import Places, SweepResult, check_sweep, run_sweep, sweep_plan
from alzbench.sweep.texts import render_best

__all__ = ["Places", "SweepResult", "check_sweep", "render_best", "run_sweep", "sweep_plan"]
