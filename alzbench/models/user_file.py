"""Variants and backbones from a Python file outside the package, which `model.file` or `model.backbone.file` names.

This is the only module that executes a user's file, only for `run` and `sweep`, and only if the experiment names it.
Listing, comparing and reporting never execute one.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alzbench.errors import AlzbenchError, ExperimentError
from alzbench.experiment import BackboneSettings, ModelSettings
from alzbench.models.backbones import BACKBONES, Backbone
from alzbench.models.backend import start_backend
from alzbench.models.variants import VARIANTS, Variant

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")

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


@contextmanager
def blaming_files() -> Iterator[None]:
    """Turn an error that code of a loaded file raises in the block into an ExperimentError with its file and line."""
    try:
        yield
    except AlzbenchError:
        raise
    except Exception as error:
        file = next((path for path in _loaded_files() if _frames(error, path)), None)
        if file is None:
            raise
        raise ExperimentError(f"{file} fails{_line_of(error, file)}: {_short(error)}.") from error


def _loaded_files() -> list[Path]:
    return [Path(str(sys.modules[name].__file__)) for name in _loaded.values() if name in sys.modules]


def _short(error: BaseException) -> str:
    """Return the class of an error and the paragraph of its text that says what is wrong, in one line."""
    paragraphs = [" ".join(part.split()) for part in _COLOURS.sub("", str(error)).strip().split("\n\n")]
    for text in paragraphs[:-1]:  # Keras's own come first
        if text.startswith("Exception encountered when calling") or text.endswith("Error encountered:"):
            paragraphs = paragraphs[1:]
    return f"{type(error).__name__}: {paragraphs[0]}".rstrip(": ")


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
    start_backend()  # most files import Keras, whose start prints
    before = [(registry, set(registry)) for registry in (VARIANTS, BACKBONES)]
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        for registry, names in before:
            for added in set(registry) - names:
                registry.remove(added)
        raise ExperimentError(f"{field} {path} fails{_line_of(error, path)}: {_short(error)}.") from error
    _loaded[digest] = name


def _read(path: Path, field: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ExperimentError(f"{field} must name a readable Python file; {path}: {error.strerror}.") from None


def _line_of(error: BaseException, path: Path) -> str:
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f" in line {error.lineno}"
    frames = _frames(error, path)
    return f" in line {frames[-1].lineno}" if frames else ""


def _frames(error: BaseException, path: Path) -> list[traceback.FrameSummary]:
    """Return the lines of a file that led to an error, or to those behind it; Keras raises others in their place."""
    behind = error.__cause__ or error.__context__
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path]
    return frames or (_frames(behind, path) if behind is not None else [])
