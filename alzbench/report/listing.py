"""What there is to run: variants, experiment files and studies."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from alzbench.errors import AlzbenchError, DataError
from alzbench.experiment import FineTuneSettings, load_experiment
from alzbench.experiment.study import expand_study, is_study, load_study
from alzbench.experiment.sweep import is_sweep, load_sweep
from alzbench.models.variants import VARIANTS

FILE_WIDTH = 32  # file names of up to this length are never broken


def variants() -> RenderableType:
    """Return what each registered variant costs, what it is and its options, and what fine-tuning adds."""
    from alzbench.models.backend import start_backend

    start_backend()
    from alzbench.models.cost import suffix_parameters, variant_costs

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("variant", no_wrap=True)
    for name in ("parameters", "trainable", "mult-adds"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, cost in variant_costs().items():
        figures = (f"{cost.parameters:,}", f"{cost.trainable:,}", f"{cost.multiply_adds / 1e6:.1f} M")
        table.add_row(name, *figures)
    block = FineTuneSettings().first_block
    note = (
        f"At 128 x 128 pixels, with default options and 4 classes. `fine_tune` trains the top of the backbone too: "
        f"{suffix_parameters(block):,} parameters more from {block} on. A file of your own: `model.file`."
    )
    return Group(table, *map(_about, VARIANTS), Text(note))


def _about(name: str) -> RenderableType:
    variant = VARIANTS[name]
    options = ", ".join(f"{key}={field.default}" for key, field in variant.settings.model_fields.items())
    return Group(Text(name, style="bold"), Padding(Text(f"{variant.description}\n{options}"), (0, 0, 1, 2)))


def experiments(folder: Path) -> Table:
    """Return a row an experiment, study or sweep file of a folder; one that cannot be loaded says so."""
    files = [file for below in ("", "studies/", "sweeps/") for file in sorted(folder.glob(f"{below}*.yaml"))]
    if not files:
        raise DataError(f"There are no experiment files in {folder}; --folder names another one.")
    names = [str(file.relative_to(folder)) for file in files]
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column(f"{folder}/", overflow="fold", min_width=min(FILE_WIDTH, max(map(len, names))))
    table.add_column("protocol", overflow="fold", min_width=len("reference"))
    table.add_column("description", overflow="fold")
    for file, name in zip(files, names, strict=True):
        try:
            protocol, description = _describe(file)
        except AlzbenchError as error:
            table.add_row(Text(name), "–", Text(str(error), style="red"))
            continue
        table.add_row(*map(Text, (name, protocol, description)))
    return table


def _describe(file: Path) -> tuple[str, str]:
    """Return the protocols and the description of an experiment, a study or a sweep."""
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
