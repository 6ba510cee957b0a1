"""`alzbench list`: variants, backbones, experiment files and stored runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from alzbench.cli.arguments import Runs, make_progress, print_document, print_json, warn_unreadable
from alzbench.cli.conflicts import is_given
from alzbench.errors import AlzbenchError, DataError, ExperimentError
from alzbench.shipped import OWN, SHIPPED, files_below

if TYPE_CHECKING:
    from alzbench.models.variants import Variant
    from alzbench.progress import Progress

FILE_WIDTH = 32  # file names of up to this length are never broken


class Listing(StrEnum):
    """Kinds of things that can be listed."""

    variants = "variants"
    backbones = "backbones"
    experiments = "experiments"
    runs = "runs"


def list_(
    context: typer.Context,
    what: Annotated[Listing, typer.Argument(metavar="WHAT", help="What to list.")],
    folder: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of the experiment files, for `list experiments`. Default: `experiments`, and the files that "
            "come with alzbench.",
        ),
    ] = None,
    runs: Runs = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print `list backbones` as one JSON document.")] = False,
) -> None:
    """List variants, backbones, files or runs."""
    for option, listing in (("folder", Listing.experiments), ("runs", Listing.runs), ("as_json", Listing.backbones)):
        if what is not listing and is_given(context, option):
            name = option.removeprefix("as_")
            raise ExperimentError(f"--{name} applies to `alzbench list {listing}` only: leave it out.")
    if what is Listing.variants:
        Console().print(variants())
    elif what is Listing.backbones:
        listed = backbones(make_progress(False))
        if as_json:
            print_json(listed)
        else:
            Console().print(backbone_table(listed))
    elif what is Listing.experiments:
        Console().print(experiments(folder) if folder else all_experiments())
    else:
        from alzbench.report.run import runs_document
        from alzbench.selection import all_runs

        print_document(runs_document(all_runs(runs, warn_unreadable)))


def variants() -> RenderableType:
    """Return each registered variant with its cost, description and options, and the cost of fine-tuning."""
    from alzbench.experiment import FineTuneSettings
    from alzbench.models.backend import start_backend
    from alzbench.models.variants import VARIANTS

    start_backend()
    from alzbench.models.cost import suffix_parameters, variant_costs

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("variant", no_wrap=True)
    for name in ("parameters", "trainable", "mult-adds"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, cost in variant_costs().items():
        table.add_row(name, f"{cost.parameters:,}", f"{cost.trainable:,}", f"{cost.multiply_adds / 1e6:.1f} M")
    block = FineTuneSettings().first_block
    note = (
        f"Costs are for 128 x 128 pixels, default options and 4 classes. `fine_tune` also trains the top of the "
        f"backbone: {suffix_parameters(block):,} more parameters from {block} on. `model.file` adds your own variant."
    )
    return Group(table, *(_about(name, VARIANTS[name]) for name in VARIANTS), Text(note))


def backbones(progress: Progress) -> dict[str, dict[str, Any]]:
    """Return each registered backbone's cost at 128 x 128 pixels, its sizes, and the layers where it can be cut."""
    from alzbench.models.backbones import BACKBONES
    from alzbench.models.backend import start_backend

    start_backend()
    import numpy as np

    from alzbench.models.cost import backbone_costs
    from alzbench.training.features import FEATURE_DTYPE

    listed = {}
    with progress.track("backbones", len(list(BACKBONES))) as advance:
        for name, cost in backbone_costs():
            listed[name] = {
                "description": BACKBONES[name].description,
                "parameters": cost.parameters,
                "multiply_adds": cost.multiply_adds,
                "feature_map": list(cost.shape),
                "cache_bytes": math.prod(cost.shape) * np.dtype(FEATURE_DTYPE).itemsize,
                "smallest_size": BACKBONES[name].min_size,
                "layers": list(cost.layers),
            }
            advance(1)
    return listed


def backbone_table(listed: dict[str, dict[str, Any]]) -> RenderableType:
    """Return a row for each backbone that `backbones` returned, and a note."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("backbone", no_wrap=True)
    for name in ("parameters", "mult-adds", "feature map", "cache", "min. size"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, row in listed.items():
        size = " x ".join(map(str, row["feature_map"]))
        cost = f"{row['multiply_adds'] / 1e6:,.0f} M"
        cache = f"{row['cache_bytes'] / 1e3:.0f} kB"
        table.add_row(name, f"{row['parameters']:,}", cost, size, cache, str(row["smallest_size"]))
    note = (
        "Costs are for one image of 128 x 128 pixels; cache is the size of its stored feature map. min. size "
        "is the smallest `data.size`. `model.backbone.until` cuts a backbone at a layer; --json lists the layers. "
        "`model.backbone.file` adds your own backbone."
    )
    return Group(table, Text(note))


def _about(name: str, variant: Variant) -> RenderableType:
    options = ", ".join(f"{key}={field.default}" for key, field in variant.settings.model_fields.items())
    return Group(Text(name, style="bold"), Padding(Text(f"{variant.description}\n{options}"), (0, 0, 1, 2)))


def all_experiments() -> RenderableType:
    """Return the files of the user's folder, and those of the package that it does not have, by name."""
    own = {file.relative_to(OWN).with_suffix(""): file for file in files_below(OWN)}
    others = {file.relative_to(SHIPPED).with_suffix(""): file for file in files_below(SHIPPED)}
    tables = [experiments(OWN)] if own else []
    if missing := {str(name): file for name, file in others.items() if name not in own}:
        tables.append(_table("with alzbench", missing))
    return Group(*tables)


def experiments(folder: Path) -> Table:
    """Return a row for each experiment, study or sweep file of a folder; raises DataError if there is none."""
    files = {str(file.relative_to(folder)): file for file in files_below(folder)}
    if not files:
        raise DataError(f"There are no experiment files in {folder}; give another folder with --folder.")
    return _table(f"{folder}/", files)


def _table(heading: str, files: Mapping[str, Path]) -> Table:
    """Return a row for each file, with the error if it cannot be loaded."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column(heading, overflow="fold", min_width=min(FILE_WIDTH, max(map(len, files))))
    table.add_column("protocol", overflow="fold", min_width=len("reference"))
    table.add_column("description", overflow="fold")
    for name, file in files.items():
        try:
            protocol, description = _describe(file)
        except AlzbenchError as error:
            table.add_row(Text(name), "–", Text(str(error), style="red"))
            continue
        table.add_row(*map(Text, (name, protocol, description)))
    return table


def _describe(file: Path) -> tuple[str, str]:
    """Return the protocols and the description of an experiment, a study or a sweep."""
    from alzbench.experiment import load_experiment
    from alzbench.experiment.loaded_sweep import is_sweep, load_sweep
    from alzbench.experiment.study import expand_study, is_study, load_study

    if is_sweep(file):
        loaded = load_sweep(file)
        sweep = loaded.sweep
        return loaded.base.protocol.name, f"{sweep.description} ({sweep.sampler.name}: {sweep.trials} trials)"
    if not is_study(file):
        experiment = load_experiment(file)
        return experiment.protocol.name, experiment.description
    study, expanded = load_study(file), expand_study(file)
    runs = sum(len(experiment.seeds) for experiment in expanded)
    protocols = dict.fromkeys(experiment.protocol.name for experiment in expanded)
    return ", ".join(protocols), f"{study.description} ({study.plan}: {len(expanded)} experiments, {runs} seeds in all)"
