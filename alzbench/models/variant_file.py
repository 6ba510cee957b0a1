"""Variants from a Python file outside the package, which an experiment names in `model.file`.

This is the only module that executes a user's file, only for `run` and `sweep`, and only if the experiment names it.
Listing, comparing and reporting never execute one.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import traceback
from pathlib import Path

from alzbench.errors import ExperimentError
from alzbench.experiment import ModelSettings
from alzbench.models.variants import VARIANTS, Variant

_loaded: dict[str, str] = {}  # content hash -> module name


def find_variant(settings: ModelSettings) -> Variant:
    """Return the variant of the settings, after executing their file if they name one.

    Raises:
        ExperimentError: The variant does not exist, or the file cannot be read or raises an error.
    """
    if settings.file is not None:
        _load(Path(settings.file).resolve())
    return VARIANTS[settings.variant]


def file_digest(settings: ModelSettings) -> str:
    """Return the hash of the variant's file; empty for a variant of the package."""
    return "" if settings.file is None else hashlib.sha256(_read(Path(settings.file))).hexdigest()


def _load(path: Path) -> None:
    digest = hashlib.sha256(_read(path)).hexdigest()
    if digest in _loaded:
        return
    name = f"alzbench_variant_{digest[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ExperimentError(f"model.file must be a Python file whose name ends in .py, got {path}.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    before = list(VARIANTS)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        for added in set(VARIANTS) - set(before):
            VARIANTS.remove(added)
        raise ExperimentError(
            f"model.file {path} fails{_line_of(error, path)}: {type(error).__name__}: {error}."
        ) from error
    _loaded[digest] = name


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ExperimentError(f"model.file must name a readable Python file; {path}: {error.strerror}.") from None


def _line_of(error: BaseException, path: Path) -> str:
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f" in line {error.lineno}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path]
    return f" in line {frames[-1].lineno}" if frames else ""
