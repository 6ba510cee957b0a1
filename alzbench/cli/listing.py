"""`alzbench list`: variants, backbones, experiment files and stored runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from alzbench.cli import completion
from alzbench.cli.arguments import Json, Runs, print_document, print_json, warn_unreadable
from alzbench.cli.conflicts import is_given
from alzbench.errors import AlzbenchError, DataError, ExperimentError
from alzbench.shipped import OWN, SHIPPED, files_below

FEATURE_BYTES = 2  # of a number in a stored feature map, see `training.features.FEATURE_DTYPE`
FILE_WIDTH = 32  # file names of up to this length are never broken


class Listing(StrEnum):
    """Kinds of things that can be listed."""

    variants = "variants"
    backbones = "backbones"
    experiments = "experiments"
    runs = "runs"


State = StrEnum("State", ["complete", "running", "failed", "interrupted", "pruned"])  # as `store.card.State`


def list_(
    context: typer.Context,
    what: Annotated[Listing, typer.Argument(metavar="WHAT", help="What to list.")],
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME",
            help="For `list runs`: only runs and experiments of these names, or that begin with them.",
            autocompletion=completion.stored,
        ),
    ] = None,
    state: Annotated[
        State | None, typer.Option(metavar="STATE", help="For `list runs`: only those in this state, e.g. failed.")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of the experiment files, for `list experiments`. Default: `experiments`, and the files that "
            "come with alzbench.",
        ),
    ] = None,
    runs: Runs = Path("runs"),
    as_json: Json = False,
) -> None:
    """List variants, backbones, files or runs."""
    for option, listing in (("folder", Listing.experiments), ("runs", Listing.runs), ("state", Listing.runs)):
        if what is not listing and is_given(context, option):
            raise ExperimentError(f"--{option} applies to `alzbench list {listing}` only: leave it out.")
    if names and what is not Listing.runs:
        raise ExperimentError(f"Names are for `alzbench list runs` only: leave out {', '.join(names)}.")
    if what is Listing.runs:
        _print_runs(runs, names or [], state, as_json)
    elif as_json:
        listings = {Listing.variants: variants, Listing.backbones: backbones}
        print_json(listings.get(what, lambda: _without_headings(experiments(folder)))())
    elif what is Listing.variants:
        Console().print(variant_table(variants()))
    elif what is Listing.backbones:
        Console().print(backbone_table(backbones()))
    else:
        Console().print(Group(*(experiment_table(listed, heading) for heading, listed in experiments(folder).items())))


def _print_runs(root: Path, names: Sequence[str], state: State | None, as_json: bool) -> None:
    from alzbench.report.runs import runs_document
    from alzbench.selection import all_runs, select_runs

    found = (
        select_runs(root, names, trials=True, unreadable=warn_unreadable) if names else all_runs(root, warn_unreadable)
    )
    if state is not None:
        chosen = [run for run in found if run.card.state == state]
        if not chosen:
            states = ", ".join(sorted({run.card.state for run in found}))
            raise DataError(f"No run there is {state}; the states there are {states}. Leave out --state, or change it.")
        found = chosen
    print_document(runs_document(found), as_json)


def variants() -> dict[str, dict[str, Any]]:
    """Return each registered variant's cost, description and options with their defaults."""
    from alzbench.models.stored_costs import stored_costs
    from alzbench.models.variants import VARIANTS

    costs = stored_costs().variants
    return {
        name: {
            "description": VARIANTS[name].description,
            "classifies": VARIANTS[name].classifies,
            **asdict(costs[name]),
            "options": {key: field.default for key, field in VARIANTS[name].settings.model_fields.items()},
        }
        for name in VARIANTS
    }


def variant_table(listed: dict[str, dict[str, Any]]) -> RenderableType:
    """Return a row for each variant that `variants` returned, their options, and the cost of fine-tuning."""
    from alzbench.models.stored_costs import stored_costs

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("variant", no_wrap=True)
    for name in ("parameters", "trainable", "mult-adds"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, row in listed.items():
        table.add_row(name, f"{row['parameters']:,}", f"{row['trainable']:,}", f"{row['multiply_adds'] / 1e6:.1f} M")
    costs = stored_costs()
    note = (
        f"Costs are for 128 x 128 pixels, default options and 4 classes. `fine_tune` also trains the top of the "
        f"backbone: {costs.suffix_parameters:,} more parameters from {costs.first_block} on. `model.file` adds your "
        "own variant."
    )
    return Group(table, *(_about(name, row) for name, row in listed.items()), Text(note))


def backbones() -> dict[str, dict[str, Any]]:
    """Return each registered backbone's cost at 128 x 128 pixels, its sizes, and the layers where it can be cut."""
    from alzbench.models.backbones import BACKBONES
    from alzbench.models.stored_costs import stored_costs

    costs = stored_costs().backbones
    return {
        name: {
            "description": BACKBONES[name].description,
            "parameters": costs[name].parameters,
            "multiply_adds": costs[name].multiply_adds,
            "feature_map": list(costs[name].shape),
            "cache_bytes": math.prod(costs[name].shape) * FEATURE_BYTES,
            "smallest_size": BACKBONES[name].min_size,
            "layers": list(costs[name].layers),
        }
        for name in BACKBONES
    }


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


def _about(name: str, row: dict[str, Any]) -> RenderableType:
    options = ", ".join(f"{key}={value}" for key, value in row["options"].items())
    return Group(Text(name, style="bold"), Padding(Text(f"{row['description']}\n{options}"), (0, 0, 1, 2)))


def experiments(folder: Path | None) -> dict[str, dict[str, dict[str, str]]]:
    """Return heading -> file -> its protocol and description, or why it cannot be loaded.

    Args:
        folder: The folder of the files; None: the user's folder, and the files of the package that it does not have.

    Raises:
        DataError: There is no file in the folder.
    """
    if folder is not None:
        files = {str(file.relative_to(folder)): file for file in files_below(folder)}
        if not files:
            raise DataError(f"There are no experiment files in {folder}; give another folder with --folder.")
        return {f"{folder}/": _described(files)}
    own = {file.relative_to(OWN).with_suffix(""): file for file in files_below(OWN)}
    others = {file.relative_to(SHIPPED).with_suffix(""): file for file in files_below(SHIPPED)}
    missing = {str(name): file for name, file in others.items() if name not in own}
    listed = {f"{OWN}/": {str(file.relative_to(OWN)): file for file in own.values()}, "with alzbench": missing}
    return {heading: _described(files) for heading, files in listed.items() if files}


def _without_headings(listed: dict[str, dict[str, dict[str, str]]]) -> dict[str, dict[str, str]]:
    return {name: row for rows in listed.values() for name, row in rows.items()}


def _described(files: Mapping[str, Path]) -> dict[str, dict[str, str]]:
    listed = {}
    for name, file in files.items():
        try:
            protocol, description = _describe(file)
            row = {"protocol": protocol, "description": description, "error": ""}
        except AlzbenchError as error:
            row = {"protocol": "", "description": "", "error": str(error)}
        listed[name] = row
    return listed


def experiment_table(listed: dict[str, dict[str, str]], heading: str) -> Table:
    """Return a row for each file that `experiments` returned under a heading."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column(heading, overflow="fold", min_width=min(FILE_WIDTH, max(map(len, listed))))
    table.add_column("protocol", overflow="fold", min_width=len("reference"))
    table.add_column("description", overflow="fold")
    for name, row in listed.items():
        about = Text(row["error"], style="red") if row["error"] else Text(row["description"])
        table.add_row(Text(name), Text(row["protocol"] or "–"), about)
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
