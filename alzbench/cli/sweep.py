"""The command `sweep`."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from alzbench.cli.arguments import REPORTS, Data, Json, Quiet, Runs, Settings, make_progress, make_tracker, print_json
from alzbench.errors import RunError

if TYPE_CHECKING:
    from alzbench.experiment.sweep import LoadedSweep


def sweep(
    file: Annotated[Path, typer.Argument(help="A sweep file, e.g. experiments/sweeps/attention.yaml.")],
    data: Data = None,
    settings: Settings = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Trials in all, instead of the file's.")] = None,
    minutes: Annotated[float | None, typer.Option(help="No trial is begun later than this after the start.")] = None,
    storage: Annotated[
        str | None, typer.Option(envvar="ALZBENCH_STORAGE", help="postgresql://... or sqlite:///FILE, for the trials.")
    ] = None,
    best: Annotated[Path | None, typer.Option(help="File for the best experiment.")] = None,
    runs: Runs = Path("runs"),
    demo: Annotated[bool, typer.Option("--demo", help="Drawn images and few epochs; nothing is downloaded.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what is to be done, and do nothing.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Search settings with Optuna, by the validation part alone; then test the best, once, beside its base."""
    from alzbench.experiment.sweep import load_sweep
    from alzbench.options import overrides_of
    from alzbench.store import RunStore
    from alzbench.sweep import Places, run_sweep, sweep_plan

    loaded = load_sweep(file, settings or [], overrides_of(data, demo), trials=trials, minutes=minutes)
    page = REPORTS / f"{loaded.sweep.name}.html"
    places = Places(RunStore(runs), storage, best or _place_of_best(loaded, runs), page)
    if dry_run:
        plan = sweep_plan(loaded, places)
        if as_json:
            print_json(plan)
        else:
            print(plan["text"])
        return
    # libraries print on standard output, for example where they download from
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        progress = make_progress(quiet)
        result = run_sweep(loaded, places, progress, quiet, make_tracker(progress))
    if as_json:
        print_json(result.as_json())
    else:
        _print(result)
    failed = [outcome for outcome in result.outcomes if outcome.state == "failed"]
    if failed:
        raise RunError(f"{failed[0].title}: {failed[0].error}")


def _place_of_best(loaded: LoadedSweep, runs: Path) -> Path:
    """Return where the best experiment is written to: beside the base; a demo's, about phantoms, beside its runs."""
    if loaded.base.demo:
        return runs / loaded.sweep.name / "best.yaml"
    return _beside(loaded.base_file, f"{loaded.sweep.name}-best.yaml")


def _beside(file: Path, name: str) -> Path:
    """Return a file beside another one, as it is called from here."""
    path = file.resolve().with_name(name)
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _print(result: Any) -> None:
    from alzbench.report.terminal import render_comparison
    from alzbench.sweep import render_best

    console = Console()
    if result.best is None:
        return
    console.print(render_best(result.best, result.trials, result.storage), crop=False)
    if result.comparison.groups:
        console.print(render_comparison(result.comparison), crop=False)
    if result.caution:
        console.print(result.caution, style="yellow", soft_wrap=True)
    print(result.page)
