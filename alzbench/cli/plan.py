"""The plan that `alzbench run --dry-run` prints: the resolved experiments, and the runs that would be made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from alzbench.experiment import Experiment
from alzbench.runner import PlannedRun, planned_runs, resolved_yaml
from alzbench.runner.plan import sanity_experiments
from alzbench.store import RunStore


@dataclass(frozen=True)
class Plan:
    """The runs of a command.

    Attributes:
        experiments: The experiments of the files.
        runs: Their runs.
        sanity_runs: The runs of the sanity baselines beside them.
        force: True if complete runs are run again, except those of sanity baselines.
    """

    experiments: tuple[Experiment, ...]
    runs: tuple[PlannedRun, ...]
    sanity_runs: tuple[PlannedRun, ...]
    force: bool

    def would_run(self, run: PlannedRun) -> bool:
        """Return whether a run would be made, if the stored one is about the same images."""
        return run.stored != "complete" or (self.force and not run.experiment.sanity)


def make_plan(experiments: Sequence[Experiment], store: RunStore, force: bool, sanity: bool) -> Plan:
    """Return the plan of a command, without opening any image; raises ExperimentError where an experiment is wrong."""
    runs = planned_runs(experiments, store)
    baselines = planned_runs(sanity_experiments(experiments), store) if sanity else []
    return Plan(tuple(experiments), tuple(runs), tuple(baselines), force)


def plan_text(plan: Plan) -> str:
    """Return the experiments as YAML documents, and the runs as comments below them."""
    documents = [f"---\n{resolved_yaml(experiment)}" for experiment in plan.experiments]
    return "\n".join([*documents, *(_line(plan, run) for run in (*plan.runs, *plan.sanity_runs))])


def plan_json(plan: Plan) -> dict[str, Any]:
    """Return the plan as plain values."""
    return {
        "experiments": [experiment.model_dump(mode="json") for experiment in plan.experiments],
        "runs": [_values(plan, run) for run in plan.runs],
        "sanity_runs": [_values(plan, run) for run in plan.sanity_runs],
    }


def _values(plan: Plan, run: PlannedRun) -> dict[str, Any]:
    return {
        "experiment": run.experiment.name,
        "protocol": run.experiment.protocol.name,
        "seed": run.seed,
        "fold": run.fold,
        "stored": run.stored,
        "would_run": plan.would_run(run),
    }


def _line(plan: Plan, run: PlannedRun) -> str:
    fold = "" if run.fold is None else f", fold {run.fold}"
    note = f"{run.stored}, if the images are the same"
    if plan.would_run(run):
        note = f"would run (stored: {run.stored})" if run.stored else "would run"
    return f"# {run.experiment.name}, {run.experiment.protocol.name} protocol, seed {run.seed}{fold}: {note}"
