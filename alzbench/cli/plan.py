"""The plan that `alzbench run --dry-run` prints: the runs that would start, and the time that they would take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import yaml

from alzbench.experiment import Experiment
from alzbench.runner import Job, plan_jobs, resolved_yaml, stored_states
from alzbench.runner.plan import sanity_experiments, would_run
from alzbench.runner.remaining import expected_seconds
from alzbench.store import RunStore, State

Planned = tuple[Job, State | None]  # and the state of its stored run


@dataclass(frozen=True)
class Plan:
    """The runs of a command.

    Attributes:
        experiments: The experiments of the files.
        runs: Their jobs.
        sanity_runs: The jobs of the sanity baselines beside them.
        force: True if complete runs are run again, except those of sanity baselines.
        seconds: Expected time of the runs to do, without feature maps; None if it is not known.
    """

    experiments: tuple[Experiment, ...]
    runs: tuple[Planned, ...]
    sanity_runs: tuple[Planned, ...]
    force: bool
    seconds: float | None


def make_plan(experiments: Sequence[Experiment], store: RunStore, force: bool, sanity: bool) -> Plan:
    """Return the plan of a command, without opening any image; raises ExperimentError if an experiment is invalid."""
    jobs = plan_jobs(experiments)
    baselines = plan_jobs(sanity_experiments(experiments)) if sanity else []
    states = stored_states([*jobs, *baselines], store)
    planned = tuple(zip([*jobs, *baselines], states, strict=True))
    left = [job.experiment for job, state in planned if would_run(job, state, force)]
    seconds = expected_seconds(left, store.runs(unreadable=lambda _: None))
    return Plan(tuple(experiments), planned[: len(jobs)], planned[len(jobs) :], force, seconds)


def plan_text(plan: Plan, settings: bool = False) -> str:
    """Return a line for each run, and their number and expected time.

    Args:
        plan: The plan.
        settings: Also return the experiments as YAML documents; then the lines are comments below them.
    """
    lines = [_line(*planned, plan.force) for planned in (*plan.runs, *plan.sanity_runs)]
    lines.append(_total(plan))
    if not settings:
        return "\n".join(lines)
    documents = [f"---\n{resolved_yaml(experiment)}" for experiment in plan.experiments]
    return "\n".join([*documents, *(f"# {line}" for line in lines)])


def plan_json(plan: Plan) -> dict[str, Any]:
    """Return the plan as plain values, with every setting of the experiments."""
    return {
        "experiments": [yaml.safe_load(resolved_yaml(experiment)) for experiment in plan.experiments],
        "runs": [_values(*planned, plan.force) for planned in plan.runs],
        "sanity_runs": [_values(*planned, plan.force) for planned in plan.sanity_runs],
        "seconds": plan.seconds,
    }


def _values(job: Job, stored: State | None, force: bool) -> dict[str, Any]:
    return {
        "experiment": job.experiment.name,
        "protocol": job.experiment.protocol.name,
        "seed": job.seed,
        "fold": job.fold,
        "stored": stored,
        "would_run": would_run(job, stored, force),
    }


def _line(job: Job, stored: State | None, force: bool) -> str:
    fold = "" if job.fold is None else f", fold {job.fold}"
    note = f"{stored}; used again if the images are unchanged"
    if would_run(job, stored, force):
        note = f"would run (stored: {stored})" if stored else "would run"
    return f"{job.experiment.name}, {job.experiment.protocol.name} protocol, seed {job.seed}{fold}: {note}"


def _total(plan: Plan) -> str:
    planned = [*plan.runs, *plan.sanity_runs]
    left = sum(would_run(job, state, plan.force) for job, state in planned)
    text = f"{left} of {len(planned)} run{'' if len(planned) == 1 else 's'} to do"
    if not left:
        return f"{text}."
    if plan.seconds is None:
        return f"{text}; the time is not known before a first run is stored."
    about = timedelta(seconds=round(plan.seconds))
    return f"{text}, in about {about} by the stored runs, and the time of new feature maps."
