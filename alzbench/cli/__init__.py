"""The command line: one function a verb. Heavy imports are inside, so that --help and compare are quick."""

from __future__ import annotations

import contextlib
import gc
import signal
import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from alzbench import __version__
from alzbench.cli.arguments import (
    REPORTS,
    Data,
    Json,
    Quiet,
    Runs,
    Settings,
    make_progress,
    make_tracker,
    print_json,
    warn_unreadable,
)
from alzbench.cli.importing import import_
from alzbench.cli.sweep import sweep
from alzbench.cli.tracking import dashboard, sync
from alzbench.errors import ExperimentError, Interrupted
from alzbench.exits import as_interrupt, complain, explain

app = typer.Typer(
    name="alzbench", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)

_TYPER_INTERRUPTED = 130  # what Typer makes of a KeyboardInterrupt


class Listing(StrEnum):
    """What `alzbench list` lists."""

    variants = "variants"
    experiments = "experiments"
    runs = "runs"


def main() -> None:
    """Run the command line; errors become a sentence on standard error and an exit code."""
    debug = "--debug" in sys.argv
    sys.argv = [argument for argument in sys.argv if argument != "--debug"]
    signal.signal(signal.SIGTERM, as_interrupt)
    try:
        code = app(standalone_mode=False)
    except Exception as error:
        if debug:
            raise
        code = explain(error)
    except KeyboardInterrupt:
        code = _TYPER_INTERRUPTED
    if code == _TYPER_INTERRUPTED:
        code = explain(Interrupted("Interrupted; what was finished is kept, and the same command goes on from there."))
    sys.exit(code)


@app.callback(invoke_without_command=True)
def _alzbench(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Does this change help to classify brain MRI, by how much, and would it hold for a new patient?

    Exit codes: 0 done, 1 a run failed, 2 wrong usage or a bad experiment file, 3 data missing or unreadable,
    4 interrupted. --debug, anywhere, shows the traceback of an error.
    """
    if version:
        print(__version__)
        raise typer.Exit


@app.command()
def run(
    context: typer.Context,
    experiments: Annotated[list[Path], typer.Argument(help="Experiment and study files.", metavar="FILE...")],
    data: Data = None,
    settings: Settings = None,
    seeds: Annotated[str | None, typer.Option(help="Seeds instead of the file's, e.g. 0,1,2.")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Phantom images, no downloads, about a minute.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the resolved experiments and runs only.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Run again what is complete.")] = False,
    no_sanity: Annotated[bool, typer.Option("--no-sanity", help="Leave out the sanity rows.")] = False,
    runs: Runs = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run each experiment with each of its seeds, and score it on the test images."""
    from alzbench.options import load_experiments
    from alzbench.store import RunStore

    if demo and data != "phantom" and str(context.get_parameter_source("data")).endswith("COMMANDLINE"):
        raise ExperimentError("--demo draws its own images: leave out --data, or leave out --demo.")
    resolved = load_experiments(experiments, data, settings or [], seeds, demo)
    store = RunStore(runs)
    if dry_run:
        from alzbench.report import plan
        from alzbench.runner import planned_runs

        planned = planned_runs(resolved, store)
        if as_json:
            print_json(plan.plan_json(resolved, planned))
        else:
            print(plan.plan_text(resolved, planned))
        return
    from alzbench.report.export import outcome_json
    from alzbench.runner import run_all

    progress = make_progress(quiet)
    outcomes = []
    # libraries print on standard output, for example where they download from
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        for outcome in run_all(
            resolved, store, progress, force=force, quiet=quiet, sanity=not no_sanity, tracker=make_tracker(progress)
        ):
            outcomes.append(outcome)
            progress.say(outcome.sentence)
    if as_json:
        print_json({"runs": [outcome_json(outcome) for outcome in outcomes]})
    else:
        _print_results([outcome.run for outcome in outcomes if outcome.run is not None], experiments)
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    for outcome in failed:
        complain(f"{outcome.title}: {outcome.error}")
    if failed:
        complain(f"{len(failed)} of {len(outcomes)} runs failed; the same command runs them again, and only them.")
        raise typer.Exit(1)


def _print_results(runs: list[Any], files: list[Path]) -> None:
    """Print one run in full, or several as a comparison."""
    from alzbench.compare import compare as compare_runs
    from alzbench.compare import load_references
    from alzbench.options import study_levels
    from alzbench.report.terminal import render_comparison
    from alzbench.report.terminal_run import render_run

    asked_for = [run for run in runs if not run.card.sanity]
    if len(asked_for) == 1:
        Console().print(render_run(asked_for[0]))
    if len(runs) > 1:
        comparison = compare_runs(runs, load_references(), levels=study_levels([str(file) for file in files]))
        Console().print(render_comparison(comparison), crop=False)


@app.command()
def compare(
    names: Annotated[list[str] | None, typer.Argument(metavar="[RUN|EXPERIMENT|FILE]...")] = None,
    baseline: Annotated[str | None, typer.Option(help="The experiment that the others are compared with.")] = None,
    runs: Runs = Path("runs"),
    report: Annotated[str | None, typer.Option(metavar="NAME", help="Write all of it as reports/NAME.*")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the table here, too.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write one page with tables and figures here.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the tables here as Markdown.")] = None,
    latex: Annotated[Path | None, typer.Option(help="Write the tables here as LaTeX (booktabs).")] = None,
    figure: Annotated[Path | None, typer.Option(help="Draw the accuracies here, as PNG.")] = None,
    disagreements: Annotated[Path | None, typer.Option(help="List images answered differently here.")] = None,
    worth: Annotated[float, typer.Option(min=0.01, max=100, help="Points of accuracy it is worth to see.")] = 2.0,
    as_json: Json = False,
) -> None:
    """Compare stored runs: experiments with their uncertainty, against each other and the published reference."""
    from alzbench.compare import compare as compare_runs
    from alzbench.compare import load_references
    from alzbench.options import plain_name, select_runs, study_levels
    from alzbench.report.export import comparison_json
    from alzbench.report.pages import Files, write_comparison
    from alzbench.report.terminal import render_comparison

    # what is read of thousands of runs lives to the end: looking for garbage among it is a tenth of the work
    gc.disable()
    chosen = names or []
    selected = select_runs(runs, chosen, unreadable=warn_unreadable)
    comparison = compare_runs(selected, load_references(), baseline, study_levels(chosen), worth / 100)
    reported = [Files.under(REPORTS, plain_name(report, "--report"))] if report else []
    write_comparison(comparison, *reported, Files(html, markdown, latex, csv, figure, disagreements))
    if as_json:
        print_json(comparison_json(comparison))
    else:
        Console().print(render_comparison(comparison), crop=False)  # a figure that is cut would be another figure


app.command("import")(import_)
app.command()(sweep)
app.command()(sync)
app.command()(dashboard)


@app.command()
def show(name: Annotated[str, typer.Argument(metavar="RUN")], runs: Runs = Path("runs"), as_json: Json = False) -> None:
    """Show one stored run: what it is, how far it got, and what it scored."""
    from alzbench.report.terminal_run import render_run
    from alzbench.store import RunStore

    found = RunStore(runs).find(name)
    if as_json:
        metrics = found.json("metrics.json") if found.card.state == "complete" else None
        print_json({"path": str(found.path), **asdict(found.card), "metrics": metrics})
    else:
        Console().print(render_run(found))


@app.command()
def report(
    name: Annotated[str, typer.Argument(metavar="RUN")],
    runs: Runs = Path("runs"),
    folder: Annotated[Path, typer.Option(help="Folder for the page.")] = REPORTS,
    html: Annotated[Path | None, typer.Option(help="The page, instead of one in the folder.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the tables here as Markdown.")] = None,
    latex: Annotated[Path | None, typer.Option(help="Write the tables here as LaTeX (booktabs).")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the figures here, a row each.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON, and write no page.")] = False,
) -> None:
    """Write one stored run as a page: scores with intervals, curves, and where it was wrong."""
    from alzbench.report.pages import write_run
    from alzbench.report.run_scores import run_json
    from alzbench.store import RunStore

    run = RunStore(runs).find(name)
    page = html or (None if as_json else folder / f"{run.card.experiment}-{run.path.name}.html")
    write_run(run, page, markdown, latex, csv)
    if as_json:
        print_json(run_json(run))
    else:
        print(page)


@app.command()
def audit(
    experiment: Annotated[Path | None, typer.Argument(help="An experiment file, for its data and protocol.")] = None,
    data: Data = None,
    protocol: Annotated[str | None, typer.Option(help="Protocol instead of the file's, e.g. subject.")] = None,
    settings: Settings = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    fold: Annotated[int, typer.Option(min=0, help="For a protocol with folds.")] = 0,
    figure: Annotated[Path | None, typer.Option(help="Draw test images beside their nearest training images.")] = None,
    fail_on_leakage: Annotated[bool, typer.Option("--fail-on-leakage", help="Exit with 1 if it leaks.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Say who is in a set, and what the test images of a protocol share with its training images."""
    from alzbench.data.audit import audit as make_audit
    from alzbench.data.manifest import open_image_set
    from alzbench.evaluation.figures import save
    from alzbench.experiment import audited_experiment
    from alzbench.report import audit as report

    chosen = audited_experiment(experiment, data, protocol, settings or [])
    folds = chosen.protocol.test_folds
    if fold and fold not in folds:
        raise ExperimentError(f"--fold must be one of the protocol's {len(folds)} folds, counted from 0; got {fold}.")
    progress = make_progress(quiet)
    images = open_image_set(chosen.data, progress, quiet)
    found = make_audit(images, chosen.protocol, seed, folds[fold], progress)
    if figure:
        save(report.nearest_figure(found, images.manifest.set_index("image")["path"]), figure)
    if as_json:
        print_json(report.audit_json(found))
    else:
        Console().print(report.render_audit(found))
    if fail_on_leakage and found.leaks:
        raise typer.Exit(1)


@app.command("list")
def list_(
    what: Listing,
    folder: Annotated[Path, typer.Option(help="Folder of the experiment files.")] = Path("experiments"),
    runs: Runs = Path("runs"),
) -> None:
    """List the variants, the experiment files, or the stored runs."""
    from alzbench.options import all_runs
    from alzbench.report import listing
    from alzbench.report.terminal_run import render_runs

    if what is Listing.variants:
        Console().print(listing.variants())
    elif what is Listing.experiments:
        Console().print(listing.experiments(folder))
    else:
        Console().print(render_runs(all_runs(runs, warn_unreadable)))
