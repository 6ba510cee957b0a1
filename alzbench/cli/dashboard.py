"""`alzbench dashboard`: a W&B workspace and report that compare the stored runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alzbench.cli.arguments import Baseline, Names, Runs, print_json, warn_unreadable


def dashboard(
    names: Names = None,
    baseline: Baseline = None,
    project: Annotated[
        str | None,
        typer.Option(envvar="WANDB_PROJECT", metavar="NAME", help="W&B project. Default: alzbench."),
    ] = None,
    entity: Annotated[
        str | None,
        typer.Option(envvar="WANDB_ENTITY", metavar="NAME", help="W&B user or team. Default: that of the API key."),
    ] = None,
    runs: Runs = Path("runs"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the dashboard as JSON; send nothing.")] = False,
) -> None:
    """Create or update a W&B workspace and report.

    Both compare the stored runs with each other and with the published result. They show runs with
    tracking.wandb: disabled only if you name them, and never demo runs.
    """
    from alzbench.compare import compare, load_references
    from alzbench.selection import all_runs, select_runs, study_levels
    from alzbench.tracking.client import Destination, TrackingError, default_entity
    from alzbench.tracking.credentials import has_key
    from alzbench.tracking.dashboard import build, specification
    from alzbench.tracking.destination import DEFAULT_PROJECT
    from alzbench.tracking.publish import publish, read_content, searched_sweeps
    from alzbench.tracking.sweep_summary import stored_summaries
    from alzbench.tracking.sync import is_private

    chosen = names or []
    selected = select_runs(runs, chosen, unreadable=warn_unreadable)
    shown = selected if chosen else [run for run in selected if not is_private(run)]
    if not shown:
        raise TrackingError("All stored runs have tracking.wandb: disabled; name the runs to show.")
    if all(run.card.demo for run in shown):
        raise TrackingError("A dashboard shows no demo runs, and all these runs are demo runs; name other runs.")
    comparison = compare(shown, load_references(), baseline, study_levels(chosen))
    if not dry_run and not has_key():
        raise TrackingError("W&B needs an API key: run `wandb login` or set WANDB_API_KEY; --dry-run needs no key.")
    destination = Destination("online", project or DEFAULT_PROJECT, entity or ("" if dry_run else default_entity()))
    content = read_content(comparison)
    trials = [run for run in all_runs(runs, lambda _: None) if run.card.trial is not None and not is_private(run)]
    built = build(
        content,
        searched_sweeps(trials, stored_summaries(runs, warn_unreadable)),
        destination.project,
        destination.entity or "",
        located=not dry_run,
    )
    if dry_run:
        print_json(specification(built))
        return
    for address in publish(built, content, destination, runs).values():
        print(address)
