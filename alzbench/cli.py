"""The command line: one function a verb. Heavy imports are inside, so that --help and compare are quick."""

from __future__ import annotations

import json
import signal
import sys
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from rich.console import Console

from alzbench import __version__
from alzbench.errors import AlzbenchError, DataError, ExperimentError, Interrupted, describe_os_error

app = typer.Typer(
    name="alzbench", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)

Runs = Annotated[Path, typer.Option("--runs", envvar="ALZBENCH_RUNS", help="Folder of the run folders.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress.")]


class Listing(StrEnum):
    """What `alzbench list` lists."""

    variants = "variants"
    experiments = "experiments"
    runs = "runs"


def main() -> None:
    """Run the command line; errors become a sentence on standard error and an exit code."""
    debug = "--debug" in sys.argv
    sys.argv = [argument for argument in sys.argv if argument != "--debug"]
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        code = app(standalone_mode=False)
    except Exception as error:
        if debug:
            raise
        code = _explain(error)
    except KeyboardInterrupt:
        _complain("Interrupted; what was finished is kept, and the same command goes on from there.")
        code = Interrupted.exit_code
    sys.exit(code)


def _explain(error: Exception) -> int:
    """Print an error and return its exit code."""
    import click

    if isinstance(error, AlzbenchError):
        _complain(str(error))
        return error.exit_code
    if isinstance(error, click.exceptions.Abort):
        _complain("Interrupted; what was finished is kept, and the same command goes on from there.")
        return Interrupted.exit_code
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    if isinstance(error, OSError):
        _complain(describe_os_error(error))
        return 1
    _complain(f"Unexpected {type(error).__name__}: {error}\nThis is a bug; --debug shows where.")
    return 1


def _complain(text: str) -> None:
    print(f"error: {text}", file=sys.stderr)


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


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
    experiments: Annotated[list[Path], typer.Argument(help="Experiment files.", metavar="EXPERIMENT...")],
    data: Annotated[
        str | None,
        typer.Option(envvar="ALZBENCH_DATA", help="A folder laid out as the Kaggle set, `kaggle`, or `phantom`."),
    ] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="FIELD=VALUE, e.g. train.epochs=5.")] = None,
    seeds: Annotated[str | None, typer.Option(help="Seeds instead of the file's, e.g. 0,1,2.")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Phantom images, no downloads, about a minute.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the resolved experiments and runs only.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Run again what is complete.")] = False,
    runs: Runs = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run each experiment with each of its seeds, and score it on the test images."""
    from alzbench.store import RunStore

    resolved = _load(experiments, data, settings or [], seeds, demo)
    store = RunStore(runs)
    if dry_run:
        _print_plan(resolved, store, as_json)
        return
    from alzbench.report.terminal import render_run
    from alzbench.runner import run_all

    outcomes = []
    for outcome in run_all(resolved, store, _progress(quiet), force=force, quiet=quiet):
        outcomes.append(outcome)
        if outcome.state == "failed":
            _complain(f"{outcome.experiment}, seed {outcome.seed}: {outcome.error}")
        elif outcome.run is not None and not as_json:
            Console().print(render_run(outcome.run))
    if as_json:
        _print_json({"runs": [_outcome_json(outcome) for outcome in outcomes]})
    failed = sum(outcome.state == "failed" for outcome in outcomes)
    if failed:
        _complain(f"{failed} of {len(outcomes)} runs failed.")
        raise typer.Exit(1)


@app.command()
def compare(
    names: Annotated[list[str] | None, typer.Argument(metavar="[RUN|EXPERIMENT]...")] = None,
    runs: Runs = Path("runs"),
    csv: Annotated[Path | None, typer.Option(help="Write the table here, too.")] = None,
    as_json: Json = False,
) -> None:
    """Compare stored runs: a row an experiment, over its seeds, and against the published reference."""
    from alzbench import atomic
    from alzbench.compare import compare as compare_runs
    from alzbench.compare import load_references
    from alzbench.report.export import comparison_json, comparison_table
    from alzbench.report.terminal import render_comparison

    comparison = compare_runs(_select(runs, names or []), load_references())
    if csv:
        atomic.write_text(csv, comparison_table(comparison).to_csv(index=False, lineterminator="\n"))
    if as_json:
        _print_json(comparison_json(comparison))
    else:
        Console().print(render_comparison(comparison))


@app.command()
def show(name: Annotated[str, typer.Argument(metavar="RUN")], runs: Runs = Path("runs"), as_json: Json = False) -> None:
    """Show one stored run: what it is, how far it got, and what it scored."""
    from dataclasses import asdict

    from alzbench.report.terminal import render_run
    from alzbench.store import RunStore

    found = RunStore(runs).find(name)
    if as_json:
        metrics = found.metrics if found.card.state == "complete" else None
        _print_json({"path": str(found.path), **asdict(found.card), "metrics": metrics})
    else:
        Console().print(render_run(found))


@app.command("list")
def list_(
    what: Listing,
    folder: Annotated[Path, typer.Option(help="Folder of the experiment files.")] = Path("experiments"),
    runs: Runs = Path("runs"),
) -> None:
    """List the variants, the experiment files, or the stored runs."""
    from alzbench.report import listing
    from alzbench.report.terminal import render_runs

    if what is Listing.variants:
        Console().print(listing.variants())
    elif what is Listing.experiments:
        Console().print(listing.experiments(folder))
    else:
        Console().print(render_runs(_select(runs, [])))


def _load(files: list[Path], data: str | None, settings: list[str], seeds: str | None, demo: bool) -> list[Any]:
    from alzbench.experiment.loading import DEMO, load_experiment

    if demo and data not in (None, "phantom") and "--data" in " ".join(sys.argv):
        raise ExperimentError("--demo draws its own images: leave out --data, or leave out --demo.")
    overrides: dict[str, Any] = {**DEMO} if demo else {}
    if data and not demo:
        overrides["data"] = {"source": data}
    if seeds is not None:
        overrides["seeds"] = _seeds(seeds)
    resolved = [load_experiment(file, settings, overrides) for file in files]
    names = [experiment.name for experiment in resolved]
    if len(set(names)) < len(names):
        raise ExperimentError(f"Experiments must have different names, got {', '.join(names)}.")
    return resolved


def _seeds(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ExperimentError(
            f"--seeds takes whole numbers with commas between them, e.g. 0,1,2; got {text!r}."
        ) from None


def _print_plan(experiments: list[Any], store: Any, as_json: bool) -> None:
    from alzbench.runner import check, resolved_yaml, settings_hash

    for experiment in experiments:
        check(experiment)
    stored = store.runs()
    plan = []
    for experiment in experiments:
        for seed in experiment.seeds:
            key = (experiment.name, seed, settings_hash(experiment))
            states = [r.card.state for r in stored if (r.card.experiment, r.card.seed, r.card.settings) == key]
            plan.append({"experiment": experiment.name, "seed": seed, "stored": states[-1] if states else None})
    if as_json:
        documents = [experiment.model_dump(mode="json") for experiment in experiments]
        _print_json({"experiments": documents, "runs": plan})
        return
    for experiment in experiments:
        print(resolved_yaml(experiment))
    for item in plan:
        stored_as = item["stored"]
        note = f"{stored_as}, if the images are the same" if stored_as else "would run"
        print(f"# {item['experiment']}, seed {item['seed']}: {note}")


def _select(root: Path, names: list[str]) -> list[Any]:
    from alzbench.store import RunStore

    runs = RunStore(root).runs()
    if not runs:
        raise DataError(f"There are no runs under {root}; `alzbench run` makes some, and --runs names another folder.")
    if not names:
        return runs
    selected = []
    for name in names:
        found = [r for r in runs if name in (r.card.experiment, r.name) or Path(name).resolve() == r.path.resolve()]
        if not found:
            raise DataError(
                f"There is no run or experiment {name} under {root}; `alzbench list runs` names those there."
            )
        selected += found
    return list({run.path: run for run in selected}.values())


def _outcome_json(outcome: Any) -> dict[str, Any]:
    stored = outcome.run
    return {
        "experiment": outcome.experiment,
        "seed": outcome.seed,
        "state": outcome.state,
        "error": outcome.error,
        "path": str(stored.path) if stored else None,
        "leaks": stored.card.leaks if stored else None,
        "demo": stored.card.demo if stored else None,
        "metrics": stored.metrics if stored else None,
    }


def _progress(quiet: bool) -> Any:
    from alzbench.progress import Progress

    return Progress(None if quiet else Console(stderr=True))


def _print_json(content: Any) -> None:
    print(json.dumps(content, indent=2, allow_nan=False))
