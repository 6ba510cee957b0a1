"""`alzbench show`: one stored run."""

from __future__ import annotations

from pathlib import Path

from alzbench.cli.arguments import Json, RunName, Runs, print_document, print_json


def show(name: RunName, runs: Runs = Path("runs"), as_json: Json = False) -> None:
    """Show one stored run and its scores."""
    from alzbench.report.run import summary_document
    from alzbench.store import RunStore

    run = RunStore(runs).find(name)
    if as_json:
        metrics = run.metrics().to_json() if run.card.state == "complete" else None
        print_json({"path": str(run.path), **run.card.model_dump(mode="json"), "metrics": metrics})
    else:
        print_document(summary_document(run))
