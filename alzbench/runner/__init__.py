"""One run, from experiment to run folder: the only place where data, models, training, evaluation and store meet."""

from alzbench.runner.plan import PlannedRun, check, planned_runs, resolved_yaml, settings_hash
from alzbench.runner.run import Outcome, run_all

__all__ = ["Outcome", "PlannedRun", "check", "planned_runs", "resolved_yaml", "run_all", "settings_hash"]
