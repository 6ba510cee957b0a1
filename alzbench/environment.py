"""The environment of a run: versions, platform, devices and git commit."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

PACKAGES = ("tensorflow", "keras", "numpy", "scikit-learn", "imbalanced-learn", "pandas", "pillow", "onnxruntime")


def describe_environment() -> dict[str, Any]:
    """Return plain values for environment.json, without environment variables, which may hold secrets."""
    from alzbench import __version__

    keras = sys.modules.get("keras")  # a run without a network has not imported it

    return {
        "alzbench": __version__,
        "git_commit": _git_commit(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cpus": os.cpu_count(),
        "backend": keras.backend.backend() if keras else None,
        "devices": keras.distribution.list_devices() if keras else [],
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    """Return the commit of alzbench's repository, with `+changes` if files differ from it; None without git."""
    folder = Path(__file__).parent
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--dirty=+changes", "--exclude=*"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return described.stdout.strip() or None
