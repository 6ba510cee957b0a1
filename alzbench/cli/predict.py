"""`alzbench predict`: new images with a stored run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from alzbench.cli.arguments import Json, Quiet, RunName, Runs, keep_stdout_clean, make_progress, print_document
from alzbench.cli.conflicts import is_given
from alzbench.cli.outputs import check_file, check_folder
from alzbench.errors import ExperimentError


def predict(
    context: typer.Context,
    name: RunName,
    images: Annotated[
        list[Path],
        typer.Argument(metavar="IMAGE", help="JPEG, PNG, BMP, TIFF, DICOM or NIfTI files, and folders."),
    ],
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write one row per image as CSV.")] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Draw Grad-CAM maps of the first images into --folder.")
    ] = False,
    folder: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the maps of --explain.")] = Path("predictions"),
    slices: Annotated[
        str | None,
        typer.Option(metavar="NUMBERS", help="Slices of volumes, counted from 1, e.g. 80, 80-110 or 80,85,90."),
    ] = None,
    axis: Annotated[
        Literal["axial", "coronal", "sagittal"], typer.Option(help="Axis of the slices of NIfTI volumes.")
    ] = "axial",
    skip_unreadable: Annotated[
        bool, typer.Option("--skip-unreadable", help="Leave out files that cannot be read, instead of failing.")
    ] = False,
    runs: Runs = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Predict new images with a stored run.

    Images unlike the training images get a warning. alzbench is a research tool and not a medical device.
    """
    from alzbench.cli.texts import slice_numbers

    if is_given(context, "folder") and not explain:
        raise ExperimentError("--folder is the folder of the maps of --explain: add --explain, or leave it out.")
    numbers = slice_numbers(slices)
    check_file("--csv", csv)
    if explain:
        check_folder("--folder", folder)
    from alzbench.inference.inputs import SliceChoice, find_inputs
    from alzbench.inference.profile import read_profile
    from alzbench.store import RunStore

    run = RunStore(runs).find(name)
    progress = make_progress(quiet)
    with keep_stdout_clean(as_json):
        inputs = find_inputs(images, SliceChoice(numbers, axis), progress)
        paths = [file.path for file in inputs.files]
        check_file("--csv", csv, paths)
        if explain:
            check_folder("--folder", folder, paths)
        profile = read_profile(run.path)
        from alzbench.models.backend import start_backend

        start_backend()  # before anything else imports Keras, whose start prints
        from alzbench.inference.predict import predict as predict_images
        from alzbench.inference.trained import open_trained_run
        from alzbench.report.predictions import predictions_document

        trained = open_trained_run(run)
        predictions = predict_images(trained, inputs, progress, profile, skip_unreadable)
        document = predictions_document(run.name, str(run.path), predictions)
        if csv is not None:
            from alzbench.atomic import write_text

            write_text(csv, predictions.images.to_csv(index=False, lineterminator="\n"))
        if explain:
            from alzbench.explain.predicted import draw_maps

            drawn = draw_maps(trained, inputs, predictions, folder, progress)
            progress.say(f"{len(drawn)} {'map is' if len(drawn) == 1 else 'maps are'} in {folder}.")
    print_document(document, as_json)
