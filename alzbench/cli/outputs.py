"""Refuse places for output before any work: those that cannot be written, and those of what a command reads."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from alzbench.errors import ExperimentError


def check_file(option: str, path: Path | None, inputs: Iterable[Path] = ()) -> None:
    """Check the file of an option; None is not given.

    Raises:
        ExperimentError: It cannot be written, is in the folder of a run, or is one of the inputs.
    """
    if path is None:
        return
    if path.is_dir():
        raise ExperimentError(f"{option} must be a file, and {path} is a folder: choose another name.")
    _check_place(option, path)
    if path.exists() and any(path.samefile(file) for file in inputs):
        raise ExperimentError(f"{option} must not be a file that is read; {path} is one: choose another name.")


def check_folder(option: str, path: Path, inputs: Iterable[Path] = ()) -> None:
    """Check the folder of an option.

    Raises:
        ExperimentError: It cannot be written, is in the folder of a run, or has one of the inputs in it.
    """
    if path.exists() and not path.is_dir():
        raise ExperimentError(f"{option} must be a folder, and {path} is a file: choose another name.")
    _check_place(option, path)
    place = path.resolve()
    if any(file.resolve().parent == place for file in inputs):
        raise ExperimentError(f"{option} must not be a folder of the images; {path} is one: choose another folder.")


def _check_place(option: str, path: Path) -> None:
    """Raise ExperimentError if nothing can be written at a path, or if it is in the folder of a run."""
    place = path.resolve()
    run = next((folder for folder in (place, *place.parents) if (folder / "state.json").is_file()), None)
    if run is not None:
        raise ExperimentError(
            f"{option} must not be in the folder of a run, whose files it would replace; {path} is: choose another "
            "place."
        )
    existing = next(folder for folder in (place, *place.parents) if folder.exists())
    folder = existing if existing.is_dir() else existing.parent if existing == place else None
    if folder is None or not os.access(folder, os.W_OK | os.X_OK):
        raise ExperimentError(f"{option} must be in a folder that you may write to; {path} is not: choose another.")
