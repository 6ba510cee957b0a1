"""`alzbench ensemble`: store the mean prediction of experiments as an experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alzbench.cli import completion
from alzbench.cli.arguments import Runs, warn_unreadable


def ensemble(
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME", help="Experiments, two or more.", autocompletion=completion.experiments),
    ],
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of the new experiment.")],
    runs: Runs = Path("runs"),
) -> None:
    """Average the predictions of experiments.

    For each protocol, seed and fold that all of them have, the probabilities are averaged. Compare it like any other
    experiment. The mean over the seeds of one experiment needs no command: `alzbench compare` shows it.
    """
    from alzbench.runner.ensembling import ensemble_experiments
    from alzbench.selection import plain_name
    from alzbench.store import RunStore

    store = RunStore(runs)
    for run in ensemble_experiments(store.runs(warn_unreadable), names, plain_name(name, "--name"), store):
        print(run.path)
