"""`alzbench export`: the model of a run as one file for other programs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alzbench.cli import completion
from alzbench.cli.arguments import Data, Json, Quiet, RunName, Runs, make_progress, print_json
from alzbench.cli.outputs import check_file, check_folder
from alzbench.errors import ExperimentError

if TYPE_CHECKING:
    from alzbench.inference.export import Exported
    from alzbench.inference.formats import Format
    from alzbench.store import Run

EXPORTS = Path("exports")
_LARGEST = 0.01  # --max-difference: beyond, it is another model


def export(
    name: RunName,
    kind: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="Format: `keras`, `savedmodel`, `onnx` or `litert`.",
            autocompletion=completion.formats,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="The file, or folder for `savedmodel`. Default: a name in exports/."),
    ] = None,
    data: Data = None,
    runs: Runs = Path("runs"),
    max_difference: Annotated[
        float | None,
        typer.Option(
            metavar="NUMBER", help="Largest accepted difference of a probability from the run's. Default: 0.0001."
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Export a run's model as one file.

    The file takes pixels from 0 to 255 and returns probabilities. It is kept only if it predicts 100 test images as
    the run did. A model card is written beside it. It is for research; it is not a medical device.
    """
    from alzbench.inference.formats import FORMATS, LIMIT
    from alzbench.store import RunStore

    format_ = FORMATS[kind]
    limit = LIMIT if max_difference is None else max_difference
    if not 0 < limit <= _LARGEST:
        raise ExperimentError(f"--max-difference must be above 0 and at most {_LARGEST:g}; got {limit:g}.")
    run = RunStore(runs).find(name)
    path, card = _places(format_, run, out)
    from alzbench.models.backend import start_backend

    start_backend()  # before the imports below, which would show its output
    from alzbench import atomic
    from alzbench.data.manifest import open_image_set
    from alzbench.inference.export import export_run
    from alzbench.inference.trained import open_trained_run
    from alzbench.report.model_card import render_model_card
    from alzbench.report.run import score_run

    trained = open_trained_run(run)
    scored, split, progress = score_run(run), run.table("split.csv"), make_progress(quiet)
    settings = trained.experiment.data
    images = open_image_set(settings.model_copy(update={"source": data}) if data else settings, progress, quiet)
    exported = export_run(trained, kind, path, images, progress, limit)
    atomic.write_text(card, render_model_card(scored, split, trained.experiment, exported, trained.model.slices))
    if as_json:
        print_json({**asdict(exported), "path": str(path), "card": str(card)})
    else:
        print("\n".join(_summary(exported, card)))


def _places(format_: Format, run: Run, out: Path | None) -> tuple[Path, Path]:
    """Return the paths of the export and its card; raises ExperimentError if the export cannot be written."""
    format_.require_packages()
    path = out or EXPORTS / f"{run.card.experiment}-{run.path.name}{format_.ending}"
    format_.require_path(path)
    (check_folder if format_.folder else check_file)("--out", path)
    card = path.with_name(f"{path.name}.md")
    if card.is_dir():
        raise ExperimentError(f"The model card {card} must be a file, and a folder has its name: move it away.")
    return path, card


def _summary(exported: Exported, card: Path) -> list[str]:
    against = "the run's model, with slices repeated to fill the sets" if exported.filled else "the run's predictions"
    return [
        f"{exported.path} ({exported.bytes / 1e6:.1f} MB)",
        f"largest difference from {against}: {exported.difference:.1e} on {exported.images} test images",
        f"model card: {card}",
        "For research; not a medical device.",
    ]
