"""Options that several commands take, and how a command shows its progress and its result."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

REPORTS = Path("reports")

Runs = Annotated[Path, typer.Option("--runs", envvar="ALZBENCH_RUNS", help="Folder of the run folders.")]
Data = Annotated[
    str | None,
    typer.Option(envvar="ALZBENCH_DATA", help="A folder laid out as the Kaggle set, `kaggle`, or `phantom`."),
]
Settings = Annotated[list[str] | None, typer.Option("--set", help="FIELD=VALUE, e.g. train.epochs=5.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress.")]


def make_progress(quiet: bool) -> Any:
    """Return where long work reports to: standard error, or nowhere."""
    from alzbench.progress import Progress

    return Progress(None if quiet else Console(stderr=True))


def make_tracker(progress: Any) -> Any:
    """Return what mirrors runs to W&B, where an experiment asks for it."""
    from alzbench.tracking import WandbTracker

    return WandbTracker(progress.say, progress.warn)


def warn_unreadable(error: Exception) -> None:
    """Say that a stored run cannot be read, and so is left out."""
    print(f"warning: left out: {error}", file=sys.stderr)


def print_json(content: Any) -> None:
    """Print one JSON document on standard output."""
    print(json.dumps(content, indent=2, allow_nan=False))
