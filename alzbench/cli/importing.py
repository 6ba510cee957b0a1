"""`alzbench import`: predictions from elsewhere as a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alzbench.cli.arguments import Runs, make_progress


def import_(
    file: Annotated[Path, typer.Argument(help="CSV: image, label, and predicted or p_<class> for each class.")],
    name: Annotated[str, typer.Option(help="Name of the experiment.")],
    like: Annotated[str | None, typer.Option(help="A stored RUN on the same test images.")] = None,
    protocol: Annotated[str | None, typer.Option(help="The protocol, where there is no such run.")] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            metavar="A,B,...",
            help="Class names in label order, the healthy one first; or the option once for each. "
            "Default: those of --like, or of the p_ columns in their order.",
        ),
    ] = None,
    column: Annotated[list[str] | None, typer.Option(help="WHAT=NAME, e.g. image=filename.")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="The seed it was made with. Default: that of --like, or 0.")
    ] = None,
    other_subjects: Annotated[
        bool, typer.Option("--trained-on-other-subjects", help="Its training has seen no subject of the test images.")
    ] = False,
    runs: Runs = Path("runs"),
) -> None:
    """Store predictions from elsewhere as a run, to be compared like any other."""
    from alzbench.options import class_list, column_names, plain_name
    from alzbench.runner.importing import Source, import_predictions
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
