"""Arguments and options shared by several verbs, and the display of progress and results."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from alzbench.cli import completion

if TYPE_CHECKING:
    from alzbench.compare import Comparison
    from alzbench.progress import Progress
    from alzbench.report.document import Document
    from alzbench.tracking import WandbTracker

REPORTS = Path("reports")

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME",
        help="Stored runs and experiments, or the beginning of their names, `latest`, or experiment and study files. "
        "Default: all stored runs.",
        autocompletion=completion.names,
    ),
]
RunName = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="A stored run, as EXPERIMENT/RUN or as its folder, the beginning of its name, `latest`, or an experiment "
        "with one complete run.",
        autocompletion=completion.runs,
    ),
]
Runs = Annotated[Path, typer.Option("--runs", envvar="ALZBENCH_RUNS", metavar="DIR", help="Folder of the stored runs.")]


def _not_empty(source: str | None) -> str | None:
    """Refuse an empty source, which a shell leaves of a variable that is not set."""
    if source is not None and not source.strip():
        raise typer.BadParameter("must name a source of images; it is empty")
    return source


Data = Annotated[
    str | None,
    typer.Option(
        callback=_not_empty,
        metavar="SOURCE",
        help="Image source: `kaggle`, `phantom` (synthetic), or a folder with one folder of images per class. "
        "Default: that of the file, or else of the variable ALZBENCH_DATA.",
        autocompletion=completion.sources,
    ),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Change a field of the file, e.g. train.epochs=5; repeatable."),
]
Baseline = Annotated[
    str | None,
    typer.Option(
        metavar="EXPERIMENT",
        help="Experiment that the others are compared with, as the tables name it. Default: `baseline`, or the "
        "first one.",
        autocompletion=completion.experiments,
    ),
]
Markdown = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the tables as Markdown.")]
Latex = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the tables as LaTeX (booktabs).")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress.")]


def make_progress(quiet: bool) -> Progress:
    """Return the display of progress: on standard error, or silent."""
    from alzbench.progress import Progress

    return Progress(None if quiet else Console(stderr=True))


def make_tracker(progress: Progress) -> WandbTracker:
    """Return the tracker that sends runs to W&B, if an experiment asks for it."""
    from alzbench.tracking import WandbTracker

    return WandbTracker(progress.say, progress.warn)


def keep_stdout_clean(as_json: bool) -> contextlib.AbstractContextManager[Any]:
    """Return a context that redirects printed text to standard error, if standard output must hold JSON only."""
    return contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext()


def warn_unreadable(error: Exception) -> None:
    """Warn that a stored run cannot be read and is left out."""
    print(f"warning: left out: {error}", file=sys.stderr)


def print_document(document: Document, as_json: bool = False) -> None:
    """Print a document for people, or its data as JSON."""
    from alzbench.report.export import render_json
    from alzbench.report.terminal import render_terminal

    if as_json:
        print(render_json(document))
    else:
        Console().print(render_terminal(document), crop=False)  # never cut: a cut number is a wrong number


def print_summary(comparison: Comparison, *cautions: str) -> None:
    """Print the summary of a comparison, at most 24 lines a group."""
    from alzbench.report.summary import Summary

    Console().print(Summary(comparison, cautions), crop=False)


def print_json(content: Any) -> None:
    """Print one JSON document on standard output."""
    print(json.dumps(content, indent=2, allow_nan=False))
