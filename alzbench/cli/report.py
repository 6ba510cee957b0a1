"""`alzbench report`: one stored run as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alzbench.cli.arguments import REPORTS, Latex, Markdown, RunName, Runs, print_document
from alzbench.cli.conflicts import is_given
from alzbench.cli.outputs import check_file
from alzbench.errors import ExperimentError


def report(
    context: typer.Context,
    name: RunName,
    runs: Runs = Path("runs"),
    folder: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the page.")] = REPORTS,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File of the page, instead of a file in --folder.")
    ] = None,
    markdown: Markdown = None,
    latex: Latex = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the scores as CSV, one per row.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the scores as JSON; write a page only with --html or --folder.")
    ] = False,
) -> None:
    """Write a page about one stored run.

    The page shows the scores with confidence intervals, the training curves, and the most confident errors.
    """
    from alzbench.report.pages import Files, write_run
    from alzbench.store import RunStore

    in_folder = is_given(context, "folder")
    if html and in_folder:
        raise ExperimentError("--html and --folder both set the place of the page: leave out one of them.")
    run = RunStore(runs).find(name)
    page = html
    if page is None and (in_folder or not as_json):
        page = folder / f"{run.card.experiment}-{run.path.name}.html"
    files = {"--html" if html else "--folder": page, "--markdown": markdown, "--latex": latex, "--csv": csv}
    for option, file in files.items():
        check_file(option, file)
    document = write_run(run, Files(page, markdown, latex, csv))
    if as_json:
        print_document(document, as_json)
    else:
        print(page)
