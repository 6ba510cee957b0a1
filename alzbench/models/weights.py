"""The file and fingerprint of a backbone's weights, without loading them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from alzbench.errors import DataError
from alzbench.experiment import BackboneSettings
from alzbench.models.user_file import find_backbone

VARIABLE = "ALZBENCH_WEIGHTS"
SKIPPED = "Skipping nested container"  # Keras's warning of layers that are not in a file


def is_published(settings: BackboneSettings) -> bool:
    """Return True if the settings name weights that Keras downloads."""
    return settings.weights in find_backbone(settings).published


def weights_file(settings: BackboneSettings) -> Path | None:
    """Return the file to load; None for weights that Keras downloads and for random weights (`none`).

    If ALZBENCH_WEIGHTS is set, it is used instead of a download: a file, a folder that holds a file for each backbone,
    or `backbone=file,backbone=file`.

    Raises:
        DataError: The file does not exist, or the folder or the list has none for the backbone.
    """
    if settings.weights == "none":
        return None
    if not is_published(settings):
        return _existing(settings.weights)
    value = os.environ.get(VARIABLE)
    if not value:
        return None
    if Path(value).expanduser().is_dir():
        return _in_folder(Path(value).expanduser(), settings)
    return _existing(_in_list(value, settings) if "=" in value and not Path(value).is_file() else value)


def _existing(name: str) -> Path:
    path = Path(name).expanduser()
    if not path.is_file():
        raise DataError(
            f"There is no weights file {path}. Set {VARIABLE} or model.backbone.weights to an existing file."
        )
    return path


def _in_folder(folder: Path, settings: BackboneSettings) -> Path:
    """Return the file of a backbone's weights in a folder, by its name."""
    usual = [pattern.format(alpha=settings.alpha) for pattern in find_backbone(settings).files]
    patterns = [f"{settings.name}.weights.h5", *usual, f"{settings.name}_*.weights.h5"]
    for pattern in patterns:
        found = sorted(folder.glob(pattern))
        if len(found) > 1:
            names = ", ".join(file.name for file in found)
            raise DataError(
                f"{VARIABLE}: {folder} must hold one weights file for {settings.name}; it holds {names}. Name the file "
                f"instead: {VARIABLE}={settings.name}=FILE."
            )
        if found:
            return found[0]
    raise DataError(
        f"{VARIABLE}: {folder} must hold the weights of {settings.name}, as {' or '.join(patterns[:-1])}, and it holds "
        "neither."
    )


def _in_list(value: str, settings: BackboneSettings) -> str:
    """Return the file of a backbone in `backbone=file,backbone=file`."""
    named = [part.partition("=") for part in value.split(",") if part.strip()]
    files = {name.strip(): file.strip() for name, _, file in named}
    if not files.get(settings.name):
        raise DataError(
            f"{VARIABLE} must name the weights of {settings.name}, as {settings.name}=FILE; it names those of "
            f"{', '.join(files)}."
        )
    return files[settings.name]


def weights_fingerprint(settings: BackboneSettings) -> str:
    """Return the hash of the weights file, or the value of `weights` if no file is loaded."""
    path = weights_file(settings)
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path else settings.weights
