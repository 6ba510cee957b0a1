"""The file and fingerprint of a backbone's weights, without loading them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from alzbench.errors import DataError
from alzbench.experiment import BackboneSettings
from alzbench.models.backbones import BACKBONES


def is_published(settings: BackboneSettings) -> bool:
    """Return True if the settings name weights that Keras downloads."""
    return settings.weights in BACKBONES[settings.name].published


def weights_file(settings: BackboneSettings) -> Path | None:
    """Return the file to load; None for weights that Keras downloads and for random weights (`none`).

    If ALZBENCH_WEIGHTS is set, it is used instead of a download.

    Raises:
        DataError: The file does not exist.
    """
    if settings.weights == "none":
        return None
    name = os.environ.get("ALZBENCH_WEIGHTS") if is_published(settings) else settings.weights
    if not name:
        return None
    path = Path(name).expanduser()
    if not path.is_file():
        raise DataError(
            f"There is no weights file {path}. Set ALZBENCH_WEIGHTS or model.backbone.weights to an existing file."
        )
    return path


def weights_fingerprint(settings: BackboneSettings) -> str:
    """Return the hash of the weights file, or the value of `weights` if no file is loaded."""
    path = weights_file(settings)
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path else settings.weights
