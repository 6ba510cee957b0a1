"""`alzbench sweep`: a search for the best settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alzbench.cli import completion
from alzbench.cli.arguments import (
    REPORTS,
    Assignments,
    Data,
    Json,
    Quiet,
    Runs,
    keep_stdout_clean,
    make_progress,
    make_tracker,
    print_document,
    print_json,
    print_summary,
)
from alzbench.errors import RunError
from alzbench.shipped import base_name, find_file

if TYPE_CHECKING:
    from alzbench.experiment.loaded_sweep import LoadedSweep


def sweep(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A sweep file, or the name of one that comes with alzbench.",
            autocompletion=completion.sweep_files,
        ),
    ],
    data: Data = None,
    assignments: Assignments = None,
    trials: Annotated[
        int | None, typer.Option(min=1, metavar="NUMBER", help="Total number of trials, instead of that in the file.")
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(metavar="MINUTES", help="Start no trial after this time, instead of that in the file."),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            envvar="ALZBENCH_STORAGE",
            metavar="URL",
            help="Database of the trials, postgresql://... or sqlite:///FILE. Default: a file in the sweep's folder.",
        ),
    ] = None,
    best: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File for the best experiment. Default: beside the base experiment."),
    ] = None,
    runs: Runs = Path("runs"),
    demo: Annotated[
        bool, typer.Option("--demo", help="Use synthetic images and few epochs; nothing is downloaded.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the sweep and print what it would run; run nothing.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Search for the best settings with Optuna.

    Trials are scored on the validation images only. At the end, the best experiment and the base are scored on the
    test images. Run the same command again to continue a stopped sweep, or several times at once to share the work.
    """
    from alzbench.experiment.loaded_sweep import load_sweep
    from alzbench.selection import check_source, overrides_of
    from alzbench.store import RunStore
    from alzbench.sweep import Places, run_sweep, sweep_plan

    assigned = assignments or []
    check_source(data, demo, assigned)
    sweep_file = find_file(file, first="sweep")
    loaded = load_sweep(sweep_file, assigned, overrides_of(data, demo), trials=trials, minutes=minutes)
    page = REPORTS / f"{loaded.sweep.name}.html"
    places = Places(RunStore(runs), storage, best or _place_of_best(loaded, runs), page)
    if dry_run:
        plan = sweep_plan(loaded, places)
        if as_json:
            print_json(plan)
        else:
            print(plan["text"])
        return
    with keep_stdout_clean(as_json):
        progress = make_progress(quiet)
        result = run_sweep(loaded, places, progress, quiet, make_tracker(progress))
    if as_json:
        print_document(result.document, as_json)
    elif result.page is not None:
        # the comparison of base and best follows as a summary
        print_document(replace(result.document, sections=result.document.sections[:1]))
        print_summary(result.comparison, *result.cautions)
        print(result.page)
    failed = [outcome for outcome in result.outcomes if outcome.state == "failed"]
    if failed:
        raise RunError(f"{failed[0].job.title}: {failed[0].error}")


def _place_of_best(loaded: LoadedSweep, runs: Path) -> Path:
    """Return the file of the best experiment: beside the base's if that is the user's, or in a demo beside the runs."""
    if loaded.base.demo:
        return runs / loaded.sweep.name / "best.yaml"
    name = f"{loaded.sweep.name}-best.yaml"
    return Path(name) if base_name(loaded.base_file) else _beside(loaded.base_file, name)


def _beside(file: Path, name: str) -> Path:
    """Return a file beside another one, relative to the working folder if it is inside."""
    path = file.resolve().with_name(name)
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
