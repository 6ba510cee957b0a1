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
from alzbench.errors import DataError, ExperimentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alzbench.data.manifest import ImageSets
    from alzbench.progress import Progress
    from alzbench.store import Run, RunStore
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
    stored: Annotated[
        bool, typer.Option("--stored", help="Write the page of maps that are stored already; compute none.")
    ] = False,
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
    from alzbench.data.manifest import ImageSets
    from alzbench.explain.methods import chosen_methods
    from alzbench.store import RunStore

    in_folder = is_given(context, "folder")
    if html and in_folder:
        raise ExperimentError("--html and --folder both set the place of the page: leave out one of them.")
    if stored:
        for option in ("images", "methods", "data", "no_checks"):
            if is_given(context, option):
                raise ExperimentError(f"--stored computes nothing: leave out --{option.replace('_', '-')}.")
    chosen = chosen_methods(None if methods is None else methods.split(","))
    if images < 1:
        raise ExperimentError(f"--images must be at least 1, got {images}.")
    store = RunStore(runs)
    found = list({run.path.resolve(): run for run in map(store.find, names)}.values())
    page = html or (folder / _page_name(found) if in_folder or not as_json else None)
    check_file("--html" if html else "--folder", page)
    progress = make_progress(quiet)
    with keep_stdout_clean(as_json):
        if stored:
            explanations = [_stored(run) for run in found]
        else:
            source, sets = _source(context, data, found), ImageSets(progress, quiet)
            explanations = _explain(found, store, chosen, images, source, not no_checks, sets, progress)
        if page is not None:
            from alzbench.report.pages import Files, write_explanation

            write_explanation(list(zip(found, explanations, strict=True)), Files(page))
    if as_json:
        print_json({"runs": [_as_json(run, one) for run, one in zip(found, explanations, strict=True)]})
    else:
        from alzbench.report.examples import explained_runs
        from alzbench.report.map_answer import answer

        pairs = list(zip(found, explanations, strict=True))
        for run, one in pairs:
            print(_summary(run, one))
        print("\n".join(["", *answer(explained_runs(pairs)), str(page)]))


def _explain(
    runs: list[Run],
    store: RunStore,
    methods: Sequence[str],
    images: int,
    source: str | None,
    checked: bool,
    sets: ImageSets,
    progress: Progress,
) -> list[Explanation]:
    """Compute, check and store the maps of runs."""
    from alzbench.models.backend import start_backend

    start_backend()  # before anything else imports Keras, whose start prints
    from alzbench.explain.checking import check_explained, open_siblings
    from alzbench.explain.explain import explain_runs
    from alzbench.inference.trained import open_trained_run

    opened = [open_trained_run(run) for run in runs]
    checks = None
    if checked:
        siblings = open_siblings(runs, store.runs(lambda _: None), open_trained_run, progress)
        checks = functools.partial(check_explained, siblings=siblings)
    return explain_runs(opened, sets, methods, progress, images, source, checks)


def _stored(run: Run) -> Explanation:
    """Return the stored explanation of a run; raises DataError if there is none."""
    from alzbench.store.explanation import read_explanation

    explanation = read_explanation(run.path)
    if explanation is None:
        raise DataError(f"{run.name} has no stored maps: leave out --stored, or explain this run first.")
    return explanation


def _page_name(runs: list[Run]) -> str:
    """Return the file name of the page of some runs, different for different runs."""
    names = [f"{run.card.experiment}-{run.path.name}" for run in runs]
    if len(names) > 2:
        digest = hashlib.sha256("\n".join(names).encode()).hexdigest()[:6]
        names = [names[0], f"and-{len(names) - 1}-more-{digest}"]
    return f"explain-{'-'.join(names)}.html"


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
