"""Variants and backbones from a Python file outside the package, which `model.file` or `model.backbone.file` names.

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
from alzbench.experiment import BackboneSettings, ModelSettings
from alzbench.models.backbones import BACKBONES, Backbone
from alzbench.models.variants import VARIANTS, Variant

_loaded: dict[str, str] = {}  # content hash -> module name


def find_variant(settings: ModelSettings) -> Variant:
    """Return the variant of the settings, after executing their file if they name one.

    Raises:
        ExperimentError: The variant does not exist, or the file cannot be read or raises an error.
    """
    if settings.file is not None:
        _load(Path(settings.file).resolve(), "model.file")
    return VARIANTS[settings.variant]


def find_backbone(settings: BackboneSettings) -> Backbone:
    """Return the backbone of the settings, after executing their file if they name one.

    Raises:
        ExperimentError: The backbone does not exist, or the file cannot be read or raises an error.
    """
    if settings.file is not None:
        _load(Path(settings.file).resolve(), "model.backbone.file")
    return BACKBONES[settings.name]


def file_digest(settings: ModelSettings | BackboneSettings) -> str:
    """Return the hash of the file that the settings name; empty if they name none."""
    field = "model.file" if isinstance(settings, ModelSettings) else "model.backbone.file"
    return "" if settings.file is None else hashlib.sha256(_read(Path(settings.file), field)).hexdigest()


def _load(path: Path, field: str) -> None:
    digest = hashlib.sha256(_read(path, field)).hexdigest()
    if digest in _loaded:
        return
    name = f"alzbench_file_{digest[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ExperimentError(f"{field} must be a Python file whose name ends in .py, got {path}.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    before = [(registry, set(registry)) for registry in (VARIANTS, BACKBONES)]
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        for registry, names in before:
            for added in set(registry) - names:
                registry.remove(added)
        raise ExperimentError(
            f"{field} {path} fails{_line_of(error, path)}: {type(error).__name__}: {error}."
        ) from error
    _loaded[digest] = name


def _read(path: Path, field: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ExperimentError(f"{field} must name a readable Python file; {path}: {error.strerror}.") from None


def _line_of(error: BaseException, path: Path) -> str:
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f" in line {error.lineno}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path]
    return f" in line {frames[-1].lineno}" if frames else ""
