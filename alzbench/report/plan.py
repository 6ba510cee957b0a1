"""What `alzbench run --dry-run` prints: the resolved experiments, and the runs that there would be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alzbench.experiment import Experiment
from alzbench.runner import PlannedRun, resolved_yaml


def plan_text(experiments: Sequence[Experiment], planned: Sequence[PlannedRun]) -> str:
    """Return the experiments as YAML documents, and the runs as comments below them."""
    return "\n".join([*(f"---\n{resolved_yaml(experiment)}" for experiment in experiments), *map(_line, planned)])


def plan_json(experiments: Sequence[Experiment], planned: Sequence[PlannedRun]) -> dict[str, Any]:
    """Return the same as plain values."""
    return {
        "experiments": [experiment.model_dump(mode="json") for experiment in experiments],
        "runs": [
            {
                "experiment": run.experiment.name,
                "protocol": run.experiment.protocol.name,
                "seed": run.seed,
                "fold": run.fold,
                "stored": run.stored,
            }
            for run in planned
        ],
    }


def _line(run: PlannedRun) -> str:
    fold = "" if run.fold is None else f", fold {run.fold}"
    note = f"{run.stored}, if the images are the same" if run.stored else "would run"
    return f"# {run.experiment.name}, {run.experiment.protocol.name} protocol, seed {run.seed}{fold}: {note}"
