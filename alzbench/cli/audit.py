"""`alzbench audit`: the subjects of an image set, and train/test leakage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alzbench.cli import completion
from alzbench.cli.arguments import Assignments, Data, Json, Quiet, make_progress, print_document
from alzbench.cli.conflicts import is_given
from alzbench.cli.outputs import check_file
from alzbench.errors import ExperimentError

if TYPE_CHECKING:
    from alzbench.data.manifest import ImageSet
    from alzbench.experiment import DataSettings


def audit(
    context: typer.Context,
    experiment: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="An experiment file or name, for its images and protocol.",
            autocompletion=completion.experiment_files,
        ),
    ] = None,
    data: Data = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Protocol with its default settings, instead of the file's.",
            autocompletion=completion.protocols,
        ),
    ] = None,
    assignments: Assignments = None,
    seed: Annotated[int, typer.Option(min=0, metavar="NUMBER", help="Seed of the split.")] = 0,
    fold: Annotated[int, typer.Option(min=0, metavar="NUMBER", help="Fold of a protocol with folds.")] = 0,
    figure: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw test images beside the most similar training images, as PNG."),
    ] = None,
    duplicates: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write all pairs of exact and near copies in the set, as CSV."),
    ] = None,
    write_split: Annotated[
        Path | None,
        typer.Option(
            "--write-split",
            metavar="FILE",
            help="Write a split without leakage, as CSV for data.subjects and the protocol given. Copies, and images "
            "that look like one subject, stay in one part.",
        ),
    ] = None,
    fail_on_leakage: Annotated[
        bool, typer.Option("--fail-on-leakage", help="Exit with code 1 if there is leakage.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check an image set for train/test leakage.

    Counts the subjects. Finds test images with a copy, or another image of the same subject, in training or
    validation.
    """
    from alzbench import atomic
    from alzbench.data.audit import audit as make_audit
    from alzbench.data.groups import corrected_split
    from alzbench.data.manifest import open_image_set
    from alzbench.drawing import save
    from alzbench.experiment import audited_experiment
    from alzbench.experiment.subjects import is_table
    from alzbench.report.audit import audit_document, nearest_figure, split_notes
    from alzbench.selection import check_assigned_once, check_fold, check_seed, check_source
    from alzbench.shipped import find_file

    assigned = assignments or []
    outputs = (("--figure", figure), ("--duplicates", duplicates), ("--write-split", write_split))
    for option, file in outputs:
        check_file(option, file)
    if write_split and not is_table(write_split.name):
        raise ExperimentError(f"--write-split must name a .csv file; got {write_split}.")
    check_source(data, demo=False, assignments=assigned)
    if protocol:
        check_assigned_once("--protocol", "protocol.name", assigned)
    experiment = find_file(experiment) if experiment else None
    audited = audited_experiment(experiment, data, protocol, assigned)
    if is_given(context, "seed"):
        check_seed(audited.protocol, seed)
    folds = audited.protocol.test_folds
    if is_given(context, "fold"):
        check_fold(audited.protocol, folds, fold)
    progress = make_progress(quiet)
    images = open_image_set(audited.data, progress, quiet)
    for option, file in outputs:
        check_file(option, file, _inputs(experiment, audited.data, images))
    result = make_audit(images, audited.protocol, seed, folds[fold], progress)
    if figure:
        save(nearest_figure(result, images.manifest.set_index("image")["path"]), figure)
    if duplicates:
        atomic.write_text(duplicates, result.pairs.to_csv(index=False))
    notes = []
    if write_split:
        corrected = corrected_split(
            images, result.cluster, result.pairs, audited.protocol, seed, audited.data.volumes is not None
        )
        atomic.write_text(write_split, corrected.table.to_csv(index=False))
        notes = split_notes(corrected, write_split)
    print_document(audit_document(result, notes), as_json)
    if fail_on_leakage and result.leaks:
        raise typer.Exit(1)


def _inputs(file: Path | None, data: DataSettings, images: ImageSet) -> Iterator[Path]:
    """Yield the files that an audit reads."""
    table = data.subjects.table if data.subjects else None
    yield from (Path(name).expanduser() for name in (file, table) if name is not None)
    yield from map(Path, images.manifest["path"])
