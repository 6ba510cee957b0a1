"""The commands that talk to W&B by themselves: `sync` and `dashboard`."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from alzbench.cli.arguments import Json, Quiet, Runs, make_progress, print_json, warn_unreadable

Project = Annotated[str | None, typer.Option(help="W&B project, instead of the experiments' own.")]
Entity = Annotated[str | None, typer.Option(help="W&B user or team, instead of the experiments' own.")]


def sync(
    names: Annotated[list[str] | None, typer.Argument(metavar="[RUN|EXPERIMENT|FILE]...")] = None,
    project: Project = None,
    entity: Entity = None,
    runs: Runs = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Send stored runs to W&B that it does not have whole: offline ones, interrupted ones, and those never tracked.

    All complete ones under --runs but demo runs and those with tracking.wandb: disabled; or the named ones.
    """
    from alzbench.options import select_runs
    from alzbench.tracking.sync import SyncResult, runs_to_send, summaries_to_send
    from alzbench.tracking.sync import sync as send

    every = select_runs(runs, names or [], trials=True, unreadable=warn_unreadable)
    complete = runs_to_send(every, bool(names))
    summaries = summaries_to_send(runs, names or [], warn_unreadable)
    progress = make_progress(quiet)
    done: list[SyncResult] = []
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        for sent in send(complete, summaries, progress, project, entity):
            done.append(sent)
            progress.say(sent.sentence)
    counts = {state: sum(sent.state == state for sent in done) for state in ("sent", "present", "failed")}
    if as_json:
        print_json({**counts, "runs": [{"run": s.name, "state": s.state, "url": s.url} for s in done]})
    else:
        print(f"{counts['sent']} sent, {counts['present']} already sent, {counts['failed']} failed.")
    if counts["failed"]:
        raise typer.Exit(1)


def dashboard(
    names: Annotated[list[str] | None, typer.Argument(metavar="[RUN|EXPERIMENT|FILE]...")] = None,
    baseline: Annotated[str | None, typer.Option(help="The experiment that the others are compared with.")] = None,
    project: Annotated[str | None, typer.Option(envvar="WANDB_PROJECT", help="W&B project; default: alzbench.")] = None,
    entity: Annotated[str | None, typer.Option(envvar="WANDB_ENTITY", help="Default: the API key's own.")] = None,
    runs: Runs = Path("runs"),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be saved as JSON; send nothing.")
    ] = False,
) -> None:
    """Make or update a W&B workspace and a report that compare the stored runs with the published result.

    Without those with tracking.wandb: disabled, unless they are named.
    """
    from alzbench.compare import compare, load_references
    from alzbench.options import all_runs, select_runs, study_levels
    from alzbench.tracking.client import Destination, TrackingError, default_entity
    from alzbench.tracking.credentials import has_key
    from alzbench.tracking.dashboard import build, specification
    from alzbench.tracking.destination import DEFAULT_PROJECT
    from alzbench.tracking.publish import figures, publish, searched_sweeps
    from alzbench.tracking.sync import is_private

    chosen = names or []
    selected = select_runs(runs, chosen, unreadable=warn_unreadable)
    shown = selected if chosen else [run for run in selected if not is_private(run)]
    if not shown:
        raise TrackingError("Every stored run says tracking.wandb: disabled; name those that are to be shown.")
    comparison = compare(shown, load_references(), baseline, study_levels(chosen))
    if not dry_run and not has_key():
        raise TrackingError("W&B needs an API key: `wandb login` or WANDB_API_KEY; --dry-run needs none.")
    where = Destination("online", project or DEFAULT_PROJECT, entity or ("" if dry_run else default_entity()))
    drawn = figures(comparison)
    sweeps = searched_sweeps(
        [run for run in all_runs(runs, lambda _: None) if run.card.trial is not None and not is_private(run)]
    )
    made = build(comparison, sweeps, drawn, where.project, where.entity or "", located=not dry_run)
    if dry_run:
        print_json(specification(made))
        return
    for address in publish(made, comparison, drawn, where, runs).values():
        print(address)
