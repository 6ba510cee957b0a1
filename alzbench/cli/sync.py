"""`alzbench sync`: stored runs sent to W&B."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alzbench.cli.arguments import (
    Json,
    Names,
    Quiet,
    Runs,
    keep_stdout_clean,
    make_progress,
    print_json,
    warn_unreadable,
)


def sync(
    names: Names = None,
    project: Annotated[
        str | None, typer.Option(metavar="NAME", help="W&B project, instead of the experiments' own.")
    ] = None,
    entity: Annotated[
        str | None, typer.Option(metavar="NAME", help="W&B user or team, instead of the experiments' own.")
    ] = None,
    runs: Runs = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Send stored runs to Weights & Biases.

    Sends the complete runs that W&B does not have, or has only in part. Sends demo runs and runs with
    tracking.wandb: disabled only if you name them.
    """
    from alzbench.selection import select_runs
    from alzbench.tracking.sync import SyncResult, runs_to_send, summaries_to_send
    from alzbench.tracking.sync import sync as send

    chosen = names or []
    selected = select_runs(runs, chosen, trials=True, unreadable=warn_unreadable)
    complete = runs_to_send(selected, bool(chosen))
    summaries = summaries_to_send(runs, chosen, warn_unreadable)
    progress = make_progress(quiet)
    results: list[SyncResult] = []
    with keep_stdout_clean(as_json):
        for result in send(complete, summaries, progress, project, entity):
            results.append(result)
            progress.say(result.sentence)
    counts = {state: sum(result.state == state for result in results) for state in ("sent", "present", "failed")}
    if as_json:
        print_json({**counts, "runs": [{"run": r.name, "state": r.state, "url": r.url} for r in results]})
    else:
        print(f"{counts['sent']} sent, {counts['present']} already sent, {counts['failed']} failed.")
    if counts["failed"]:
        raise typer.Exit(1)
