"""`alzbench compare`: stored runs side by side."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alzbench.cli.arguments import (
    REPORTS,
    Baseline,
    Json,
    Latex,
    Markdown,
    Names,
    Runs,
    print_document,
    print_summary,
    warn_unreadable,
)
from alzbench.cli.conflicts import is_given
from alzbench.cli.outputs import check_file
from alzbench.errors import ExperimentError

if TYPE_CHECKING:
    from alzbench.report.document import Document
    from alzbench.report.pages import Files


def _check_points(points: float | None) -> float | None:
    """Return the points as they are; raises BadParameter where no difference of accuracy has so many."""
    if points is None or 0.01 <= points <= 100:
        return points
    raise typer.BadParameter(f"must be a number from 0.01 to 100, got {points:g}")


def compare(
    context: typer.Context,
    names: Names = None,
    baseline: Baseline = None,
    runs: Runs = Path("runs"),
    report: Annotated[
        str | None, typer.Option(metavar="NAME", help="Write every format below, as reports/NAME.*")
    ] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the table as CSV.")] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page with the tables and figures, as HTML.")
    ] = None,
    markdown: Markdown = None,
    latex: Latex = None,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a figure of the accuracies, as PNG.")
    ] = None,
    disagreements: Annotated[
        Path | None, typer.Option(metavar="FILE", help="List the images that experiments predict differently, as CSV.")
    ] = None,
    min_effect: Annotated[
        float,
        typer.Option(
            callback=_check_points,
            metavar="POINTS",
            help="Minimum detectable difference, in percentage points of accuracy, from 0.01 to 100.",
        ),
    ] = 2.0,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="CONDITION",
            help="Compare on the test images of a subgroup, e.g. \"age >= 60 and sex == 'F'\".",
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Add published results of a YAML file, or `literature` for those that come with alzbench, and the "
            "protocols under which experiments here reproduce them.",
        ),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Print all tables, instead of a summary.")] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show in what two runs differ: settings, versions, packages and data.")
    ] = False,
    worth: Annotated[float | None, typer.Option(callback=_check_points, hidden=True)] = None,
    as_json: Json = False,
) -> None:
    """Compare stored runs with 95 % intervals.

    Prints a summary: the scores of each experiment, its difference to the baseline, and what is shown. Only runs with
    the same test images and the same protocol are compared.
    """
    from alzbench.compare import Condition, load_references
    from alzbench.compare import compare as compare_runs
    from alzbench.compare.literature import find_published
    from alzbench.report.pages import Files, write_comparison
    from alzbench.selection import plain_name, select_runs, study_levels

    if worth is not None:
        if is_given(context, "min_effect"):
            raise ExperimentError("--worth is the old name of --min-effect: leave out --worth.")
        min_effect = worth
    files = Files(html, markdown, latex, csv, figure, disagreements)
    if diff:
        print_document(_difference(runs, names or [], [*_given(files), *(["report"] if report else [])]), as_json)
        return
    for field in fields(files):
        check_file(f"--{field.name}", getattr(files, field.name))
    published = find_published(against) if against is not None else []
    condition = Condition.parse(where) if where is not None else None
    # the objects read from thousands of runs live until the end: garbage collection would cost a tenth of the time
    gc.disable()
    chosen = names or []
    selected = select_runs(runs, chosen, unreadable=warn_unreadable)
    comparison = compare_runs(selected, load_references(), baseline, study_levels(chosen), min_effect / 100, condition)
    reported = [Files.under(REPORTS, plain_name(report, "--report"))] if report else []
    document = write_comparison(comparison, *reported, files, predictions=as_json, published=published)
    if as_json or full:
        print_document(document, as_json)
    else:
        print_summary(comparison)
        if published:
            print_document(replace(document, sections=document.sections[-1:]), False)


def _given(files: Files) -> list[str]:
    return [field.name for field in fields(files) if getattr(files, field.name)]


def _difference(runs: Path, names: Sequence[str], written: Sequence[str]) -> Document:
    """Return the document of --diff; raises ExperimentError unless two runs are named and no file is asked for."""
    from alzbench.compare.diff import diff_runs
    from alzbench.report.diff import diff_document
    from alzbench.selection import select_runs

    if len(names) != 2:
        raise ExperimentError(f"--diff compares two runs; name two runs or experiments, got {len(names)}.")
    if written:
        raise ExperimentError(f"--diff prints its tables only; leave out --{written[0]}, or redirect --json to a file.")
    found = []
    for name in names:
        selected = select_runs(runs, [name], trials=True)
        if len(selected) > 1:
            some = ", ".join(run.name for run in selected[:3])
            raise ExperimentError(
                f"--diff compares two runs; {name} has {len(selected)} runs. Name one of them, e.g. {some}."
            )
        found += selected
    return diff_document(diff_runs(*found))
