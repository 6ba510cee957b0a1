"""`alzbench explain`: maps of what the models of stored runs look at."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alzbench.cli import completion
from alzbench.cli.arguments import (
    REPORTS,
    Data,
    Quiet,
    Runs,
    keep_stdout_clean,
    make_progress,
    print_json,
)
from alzbench.cli.conflicts import is_given
from alzbench.cli.outputs import check_file
from alzbench.errors import ExperimentError

if TYPE_CHECKING:
    from alzbench.store import Run
    from alzbench.store.explanation import Explanation


def explain(
    context: typer.Context,
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN",
            help="Stored runs, as EXPERIMENT/RUN or as their folders, or experiments with one complete run.",
            autocompletion=completion.stored,
        ),
    ],
    images: Annotated[
        int,
        typer.Option(
            metavar="NUMBER", help="Largest number of test images of a run; whole subjects for a model of subjects."
        ),
    ] = 200,
    methods: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Map methods separated by commas, or `all`. Default: attention, grad_cam, grad_cam_plus_plus.",
            autocompletion=completion.map_methods,
        ),
    ] = None,
    data: Data = None,
    no_checks: Annotated[bool, typer.Option("--no-checks", help="Do not check what the maps are worth.")] = False,
    runs: Runs = Path("runs"),
    folder: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the page.")] = REPORTS,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File of the page, instead of a file in --folder.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON; write a page only with --html or --folder.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Show what trained models look at.

    Computes maps of test images, checks what the maps are worth, and stores them in the folder `explain` of each run.
    Writes a page that shows the runs side by side.
    """
    from alzbench.explain.methods import chosen_methods

    in_folder = is_given(context, "folder")
    if html and in_folder:
        raise ExperimentError("--html and --folder both set the place of the page: leave out one of them.")
    chosen = chosen_methods(None if methods is None else methods.split(","))
    if images < 1:
        raise ExperimentError(f"--images must be at least 1, got {images}.")
    found = _find_runs(runs, names)
    page = html or (folder / _page_name(found) if in_folder or not as_json else None)
    check_file("--html" if html else "--folder", page)
    progress = make_progress(quiet)
    with keep_stdout_clean(as_json):
        from alzbench.models.backend import start_backend

        start_backend()  # before anything else imports Keras, whose start prints
        from alzbench.data.manifest import ImageSets
        from alzbench.explain.checking import check_explained, open_siblings
        from alzbench.explain.explain import explain_runs
        from alzbench.inference.trained import open_trained_run
        from alzbench.store import RunStore

        opened = [open_trained_run(run) for run in found]
        source = _source(context, data, found)
        checks = None
        if not no_checks:
            siblings = open_siblings(found, RunStore(runs).runs(lambda _: None), open_trained_run, progress)
            checks = functools.partial(check_explained, siblings=siblings)
        explanations = explain_runs(opened, ImageSets(progress, quiet), chosen, progress, images, source, checks)
        if page is not None:
            from alzbench.report.pages import Files, write_explanation

            write_explanation(list(zip(found, explanations, strict=True)), Files(page))
    if as_json:
        print_json({"runs": [_as_json(run, one) for run, one in zip(found, explanations, strict=True)]})
    else:
        for run, one in zip(found, explanations, strict=True):
            print(_summary(run, one))
        print(page)


def _page_name(runs: list[Run]) -> str:
    """Return the file name of the page of some runs, different for different runs."""
    names = [f"{run.card.experiment}-{run.path.name}" for run in runs]
    if len(names) > 2:
        digest = hashlib.sha256("\n".join(names).encode()).hexdigest()[:6]
        names = [names[0], f"and-{len(names) - 1}-more-{digest}"]
    return f"explain-{'-'.join(names)}.html"


def _find_runs(root: Path, names: list[str]) -> list[Run]:
    """Return the named runs, each once.

    Raises:
        ExperimentError: An experiment has several complete runs.
        DataError: There is no such run.
    """
    from alzbench.store import RunStore

    store = RunStore(root)
    found = [_run_of_experiment(store.runs(lambda _: None), name) or store.find(name) for name in names]
    return list({run.path.resolve(): run for run in found}.values())


def _run_of_experiment(runs: list[Run], name: str) -> Run | None:
    """Return the only complete run of an experiment; None if no complete run has this experiment."""
    complete = [run for run in runs if run.card.experiment == name and run.is_scored]
    if len(complete) > 1:
        listed = ", ".join(run.name for run in complete)
        raise ExperimentError(f"RUN must name one run; {name} has {len(complete)}: {listed}. Choose among them.")
    return complete[0] if complete else None


def _source(context: typer.Context, data: str | None, runs: list[Run]) -> str | None:
    """Return the source of --data or ALZBENCH_DATA; the latter does not replace the generated images of a demo."""
    return data if is_given(context, "data") or not any(run.card.demo for run in runs) else None


def _summary(run: Run, explanation: Explanation) -> str:
    """Return the methods, the checks and the folder of an explanation."""
    contents = explanation.contents
    width = max(len(method.label) for method in contents.methods.values())
    lines = [f"{run.name}: {len(explanation.images)} images"]
    for name, method in contents.methods.items():
        _, height, columns = explanation.maps(name).shape
        lines.append(f"  {method.label:{width}}  maps of {height} x {columns}, {contents.seconds.get(name, 0):.1f} s")
        lines += [f"    {check.verdict}: {check.sentence}" for check in contents.checks if check.method == name]
    return "\n".join([*lines, f"  {explanation.path}"])


def _as_json(run: Run, explanation: Explanation) -> dict[str, Any]:
    """Return an explanation for --json."""
    images = explanation.images
    return {
        "run": run.name,
        "folder": str(explanation.path),
        "images": len(images),
        "groups": {str(name): int(number) for name, number in images["group"].value_counts().sort_index().items()},
        **explanation.contents.model_dump(mode="json"),
    }
