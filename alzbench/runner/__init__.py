"""One run, from experiment to run folder: the only place where data, models, training, evaluation and store meet."""

from alzbench.runner.plan import PlannedRun, check, planned_runs, resolved_yaml, settings_hash
from alzbench.runner.run import Outcome, run_all
from alzbench.runner.tracker import Tracker
from alzbench.runner.trial import Trials, validation_scores

__all__ = [
    "Outcome",
    "PlannedRun",
    "Tracker",
    "Trials",
    "check",
    "planned_runs",
    "resolved_yaml",
    "run_all",
    "settings_hash",
    "validation_scores",
]
