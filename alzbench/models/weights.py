"""Which weights a backbone is given, told without loading them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from alzbench.errors import DataError
from alzbench.experiment import BackboneSettings


def weights_file(settings: BackboneSettings) -> Path | None:
    """Return the file to load, or None for Keras's own download (`imagenet`) and for random weights (`none`).

    ALZBENCH_WEIGHTS names a file for `imagenet`.

    Raises:
        DataError: There is no such file.
    """
    named = {"imagenet": os.environ.get("ALZBENCH_WEIGHTS"), "none": None}.get(settings.weights, settings.weights)
    if not named:
        return None
    path = Path(named).expanduser()
    if not path.is_file():
        raise DataError(f"There is no weights file {path}; set ALZBENCH_WEIGHTS or model.backbone.weights to one.")
    return path


def weights_fingerprint(settings: BackboneSettings) -> str:
    """Return what tells weights apart: the hash of a file's content, or the name of weights that need no file."""
    path = weights_file(settings)
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path else settings.weights
