"""Sweeps: Optuna searches the fields of an experiment for the best scores on the validation part."""

from alzbench.sweep.run import Places, SweepResult, check_sweep, run_sweep, sweep_plan

__all__ = ["Places", "SweepResult", "check_sweep", "run_sweep", "sweep_plan"]
