"""`alzbench import`: store predictions of another program as a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alzbench.cli import completion
from alzbench.cli.arguments import Runs, make_progress


def import_(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="CSV with the columns image, label, and predicted or p_CLASS for each class."
        ),
    ],
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of the experiment.")],
    like: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="A stored run on the same test images; its subjects, fold and protocol are used.",
            autocompletion=completion.runs,
        ),
    ] = None,
    protocol: Annotated[str | None, typer.Option(metavar="NAME", help="Protocol, if --like is not given.")] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            metavar="A,B,...",
            help="Class names in label order, the healthy class first; all in one option, or one per option. "
            "Default: those of --like, or of the p_CLASS columns.",
        ),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=NAME", help="Name of a column in your file, e.g. image=filename; repeatable."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, metavar="NUMBER", help="Seed of the training. Default: that of --like, or 0."),
    ] = None,
    other_subjects: Annotated[
        bool,
        typer.Option("--trained-on-other-subjects", help="Declare that the training used no test subjects."),
    ] = False,
    runs: Runs = Path("runs"),
) -> None:
    """Store predictions from a CSV file as a run.

    You can then show and compare it like any other run.
    """
    from alzbench.cli.texts import class_list, column_names
    from alzbench.runner.importing import Source, import_predictions
    from alzbench.selection import plain_name
    from alzbench.store import RunStore

    store = RunStore(runs)
    source = Source(
        plain_name(name, "--name"),
        seed,
        store.find(like) if like else None,
        protocol,
        class_list(classes or []),
        column_names(column or []),
        other_subjects,
    )
    print(import_predictions(file, source, store, make_progress(quiet=False).say).path)
