"""`alzbench run`: experiments with each of their seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alzbench.cli import completion
from alzbench.cli.arguments import (
    Assignments,
    Data,
    Json,
    Quiet,
    Runs,
    keep_stdout_clean,
    make_progress,
    make_tracker,
    print_json,
    print_summary,
)
from alzbench.cli.exits import complain
from alzbench.errors import ExperimentError

if TYPE_CHECKING:
    from alzbench.experiment import Experiment
    from alzbench.runner import Outcome
    from alzbench.store import Run, RunStore


def run(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE",
            help="Experiment and study files, or names of those that come with alzbench.",
            autocompletion=completion.run_files,
        ),
    ],
    data: Data = None,
    assignments: Assignments = None,
    seeds: Annotated[str | None, typer.Option(metavar="0,1,...", help="Seeds, instead of those in the file.")] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Use synthetic images and few epochs: takes a minute, downloads nothing.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print the planned runs and the time they would take; run nothing."),
    ] = False,
    settings: Annotated[
        bool, typer.Option("--settings", help="With --dry-run: print each experiment with all defaults, too.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Repeat complete runs, except sanity baselines.")] = False,
    no_sanity: Annotated[bool, typer.Option("--no-sanity", help="Leave out the sanity baselines.")] = False,
    runs: Runs = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run experiments and score them on test data.

    Trains and tests each experiment once for each seed and fold, and adds sanity baselines. Complete runs are not
    repeated.
    """
    from alzbench.runner.run import failure_sentences
    from alzbench.selection import load_experiments
    from alzbench.store import RunStore

    assigned = assignments or []
    experiments = load_experiments(files, data, assigned, seeds, demo)
    store = RunStore(runs)
    if settings and not dry_run:
        raise ExperimentError("--settings applies to --dry-run only: add it, or leave out --settings.")
    if dry_run:
        _print_plan(experiments, store, force, not no_sanity, as_json, settings)
        return
    outcomes = _run(experiments, store, force, not no_sanity, as_json, quiet)
    if as_json:
        from alzbench.report.export import outcome_json

        print_json({"runs": [outcome_json(outcome) for outcome in outcomes]})
    else:
        _print_results([outcome.run() for outcome in outcomes if outcome.path is not None], files)
    if failures := failure_sentences(outcomes):
        for sentence in failures:
            complain(sentence)
        raise typer.Exit(1)


def _print_plan(
    experiments: Sequence[Experiment], store: RunStore, force: bool, sanity: bool, as_json: bool, settings: bool
) -> None:
    from alzbench.cli.plan import make_plan, plan_json, plan_text

    plan = make_plan(experiments, store, force, sanity)
    if as_json:
        print_json(plan_json(plan))
    else:
        print(plan_text(plan, settings))


def _run(
    experiments: Sequence[Experiment], store: RunStore, force: bool, sanity: bool, as_json: bool, quiet: bool
) -> list[Outcome]:
    """Run everything, report each outcome, and return all of them."""
    from alzbench.data.manifest import ImageSets
    from alzbench.runner import Context
    from alzbench.runner.run import run_and_say

    progress = make_progress(quiet)
    context = Context(ImageSets(progress, quiet), store, progress, make_tracker(progress), force)
    with keep_stdout_clean(as_json):
        return run_and_say(experiments, context, sanity=sanity)


def _print_results(runs: Sequence[Run], files: Sequence[Path]) -> None:
    """Print the summary of the runs' comparison."""
    from alzbench.compare import compare, load_references
    from alzbench.selection import study_levels

    if runs:
        print_summary(compare(runs, load_references(), levels=study_levels([str(file) for file in files])))
