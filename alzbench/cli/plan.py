"""The plan that `alzbench run --dry-run` prints: the resolved experiments, and the runs that would start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from alzbench.experiment import Experiment
from alzbench.runner import Job, plan_jobs, resolved_yaml, stored_states
from alzbench.runner.plan import sanity_experiments, would_run
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
    """

    experiments: tuple[Experiment, ...]
    runs: tuple[Planned, ...]
    sanity_runs: tuple[Planned, ...]
    force: bool


def make_plan(experiments: Sequence[Experiment], store: RunStore, force: bool, sanity: bool) -> Plan:
    """Return the plan of a command, without opening any image; raises ExperimentError if an experiment is invalid."""
    jobs = plan_jobs(experiments)
    baselines = plan_jobs(sanity_experiments(experiments)) if sanity else []
    states = stored_states([*jobs, *baselines], store)
    planned = tuple(zip([*jobs, *baselines], states, strict=True))
    return Plan(tuple(experiments), planned[: len(jobs)], planned[len(jobs) :], force)


def plan_text(plan: Plan) -> str:
    """Return the experiments as YAML documents, and the runs as comments below them."""
    documents = [f"---\n{resolved_yaml(experiment)}" for experiment in plan.experiments]
    return "\n".join([*documents, *(_line(*planned, plan.force) for planned in (*plan.runs, *plan.sanity_runs))])


def plan_json(plan: Plan) -> dict[str, Any]:
    """Return the plan as plain values."""
    return {
        "experiments": [experiment.model_dump(mode="json") for experiment in plan.experiments],
        "runs": [_values(*planned, plan.force) for planned in plan.runs],
        "sanity_runs": [_values(*planned, plan.force) for planned in plan.sanity_runs],
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
    return f"# {job.experiment.name}, {job.experiment.protocol.name} protocol, seed {job.seed}{fold}: {note}"
