"""The cache folder, which keeps decoded images and feature maps between runs, and its free space."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from alzbench.errors import RunError

GIB = 2**30


def cache_folder() -> Path:
    """Return ALZBENCH_CACHE, or `alzbench` under the user's cache folder (XDG_CACHE_HOME, ~/.cache)."""
    folder = os.environ.get("ALZBENCH_CACHE")
    if folder:
        return Path(folder).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser() / "alzbench"


def require_space(folder: Path, needed: int, contents: str) -> None:
    """Raise RunError if the disk of `folder` has less than `needed` bytes free for `contents`."""
    existing = next(parent for parent in [folder, *folder.parents] if parent.exists())
    free = shutil.disk_usage(existing).free
    if needed > free:
        raise RunError(
            f"{contents} need {needed / GIB:.1f} GiB of disk, but {existing} has {free / GIB:.1f} GiB free. Set "
            "ALZBENCH_CACHE to a folder on a larger disk, or lower augment.views."
        )
