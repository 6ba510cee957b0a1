"""Plan jobs and execute them, from experiment to run folder, with data, models, training, evaluation and store."""

from alzbench.runner.hashes import settings_hash
from alzbench.runner.job import Context, Job, Outcome
from alzbench.runner.listeners import EpochListener, EpochStored, EpochTrained
from alzbench.runner.plan import check, plan_jobs, stored_states
from alzbench.runner.recipe import run_job
from alzbench.runner.resolved import resolved_yaml
from alzbench.runner.run import execute, run_all, run_jobs
from alzbench.runner.tracker import Tracker

__all__ = [
    "Context",
    "EpochListener",
    "EpochStored",
    "EpochTrained",
    "Job",
    "Outcome",
    "Tracker",
    "check",
    "execute",
    "plan_jobs",
    "resolved_yaml",
    "run_all",
    "run_job",
    "run_jobs",
    "settings_hash",
    "stored_states",
]
