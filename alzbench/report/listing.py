"""What there is to run: variants and experiment files."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from alzbench.errors import AlzbenchError, DataError
from alzbench.experiment import load_experiment
from alzbench.models.variants import VARIANTS

FILE_WIDTH = 32  # file names of up to this length are never broken


def variants() -> Table:
    """Return a row a registered variant: name, description, options."""
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("variant", "what it is", "options"):
        table.add_column(name, overflow="fold")
    for name in VARIANTS:
        variant = VARIANTS[name]
        options = ", ".join(f"{key}={field.default}" for key, field in variant.options.model_fields.items())
        table.add_row(*map(Text, (name, variant.description, options)))
    return table


def experiments(folder: Path) -> Table:
    """Return a row an experiment file of a folder; files that others extend and that cannot be loaded say so."""
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise DataError(f"There are no experiment files in {folder}; --folder names another one.")
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("file", overflow="fold", min_width=min(FILE_WIDTH, max(len(str(file)) for file in files)))
    for name in ("variant", "protocol"):
        table.add_column(name, no_wrap=True)
    table.add_column("description", overflow="fold")
    for file in files:
        try:
            experiment = load_experiment(file)
        except AlzbenchError as error:
            table.add_row(Text(str(file)), "–", "–", Text(str(error), style="red"))
            continue
        about = (str(file), experiment.model.variant, experiment.protocol.name, experiment.description)
        table.add_row(*map(Text, about))
    return table
