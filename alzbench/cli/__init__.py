"""The command line, one file for each verb. A verb does its heavy imports itself, so that --help is fast."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from alzbench import __version__, interrupts
from alzbench.cli import (
    audit,
    compare,
    dashboard,
    ensemble,
    export,
    importing,
    listing,
    predict,
    report,
    run,
    schema,
    show,
    sweep,
    sync,
)
from alzbench.cli import explain as explaining
from alzbench.cli.exits import explain
from alzbench.errors import Interrupted

app = typer.Typer(name="alzbench", no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)

app.command()(run.run)
app.command()(compare.compare)
app.command()(sweep.sweep)
app.command()(report.report)
app.command()(explaining.explain)
app.command()(predict.predict)
app.command()(export.export)
app.command()(ensemble.ensemble)
app.command("import")(importing.import_)
app.command()(audit.audit)
app.command("list")(listing.list_)
app.command()(show.show)
app.command()(schema.schema)
app.command()(sync.sync)
app.command()(dashboard.dashboard)

_TYPER_INTERRUPTED = 130  # Typer's exit code for a KeyboardInterrupt


def main() -> None:
    """Run the command line; print an error as a sentence on standard error, and exit with its code."""
    debug = "--debug" in sys.argv
    sys.argv = [argument for argument in sys.argv if argument != "--debug"]
    interrupts.install()
    try:
        code = app(prog_name="alzbench", standalone_mode=False)
    except Exception as error:
        if debug:
            raise
        # a library may turn the exception of Ctrl-C into another one
        code = _TYPER_INTERRUPTED if interrupts.was_stopped() else explain(error)
    except KeyboardInterrupt:
        code = _TYPER_INTERRUPTED
    if code == _TYPER_INTERRUPTED or (code and interrupts.was_stopped()):
        code = explain(Interrupted(interrupts.SENTENCE))
    sys.exit(code)


@app.callback(invoke_without_command=True)
def _alzbench(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Does this change help to classify brain MRI, by how much, and would it hold for a new patient?

    Exit codes: 0 done, 1 a run failed, 2 wrong usage or a bad experiment file, 3 data missing or unreadable,
    4 interrupted. Add --debug to see the traceback of an error.
    """
    if version:
        print(__version__)
        raise typer.Exit
