"""Where decoded images and feature maps are kept between runs, and whether more of them would fit."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from alzbench.errors import RunError

GIB = 2**30


def cache_folder() -> Path:
    """Return ALZBENCH_CACHE, or `alzbench` under the user's cache folder (XDG_CACHE_HOME, ~/.cache)."""
    named = os.environ.get("ALZBENCH_CACHE")
    if named:
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser() / "alzbench"


def require_space(folder: Path, needed: int, what: str) -> None:
    """Raise RunError where `needed` bytes do not fit beside `folder`, before any of the work is done."""
    existing = next(parent for parent in [folder, *folder.parents] if parent.exists())
    free = shutil.disk_usage(existing).free
    if needed > free:
        raise RunError(
            f"{what} need {needed / GIB:.1f} GiB of disk, but {existing} has {free / GIB:.1f} GiB free. Point "
            "ALZBENCH_CACHE at a larger disk, or lower augment.views."
        )
