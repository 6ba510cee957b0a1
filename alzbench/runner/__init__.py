"""One run, from experiment to run folder: the only place where data, models, training, evaluation and store meet."""

from alzbench.runner.plan import check, planned_runs, resolved_yaml, settings_hash
from alzbench.runner.run import Outcome, run_all

__all__ = ["Outcome", "check", "planned_runs", "resolved_yaml", "run_all", "settings_hash"]
