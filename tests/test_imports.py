"""Imports go one way, and the command line starts without the heavy packages."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import alzbench

PACKAGE = Path(alzbench.__file__).parent

# A module imports only from layers with a lower number, and from its own package; those of layer 0 from each other.
LAYERS = {
    "errors": 0, "registry": 0, "seeds": 0, "atomic": 0, "cache": 0, "arrays": 0, "progress": 0,
    "experiment": 1,
    "data": 2, "evaluation": 2,
    "models": 3,
    "training": 4,
    "environment": 5, "store": 5,
    "compare": 6,
    "runner": 7,
    "report": 8, "options": 8, "exits": 8,
    "sweep": 9, "tracking": 9,
    "cli": 10, "__main__": 11, "__init__": -1,
}  # fmt: skip

HEAVY = ("tensorflow", "keras", "wandb", "optuna", "matplotlib", "kagglehub", "onnxruntime", "imblearn")


def imported_modules(path: Path) -> list[tuple[int, str]]:
    """Return the line and the name of each alzbench module that a file imports, wherever in the file."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    return [(line, name) for line, name in found if name.startswith("alzbench.")]


def test_modules_import_from_lower_layers_only() -> None:
    offenders = []
    for path in sorted(PACKAGE.rglob("*.py")):
        own = path.relative_to(PACKAGE).with_suffix("").parts[0]
        for line, name in imported_modules(path):
            other = name.split(".")[1]
            lower = LAYERS.get(other, 0) < LAYERS[own] or LAYERS.get(other, 0) == LAYERS[own] == 0
            if other != own and not lower:
                offenders.append(f"{path.relative_to(PACKAGE)}:{line} imports {name}")
    assert offenders == []


def test_every_module_has_a_layer() -> None:
    assert {path.relative_to(PACKAGE).with_suffix("").parts[0] for path in PACKAGE.rglob("*.py")} == set(LAYERS)


@pytest.mark.parametrize(
    "module",
    ["alzbench", "alzbench.cli", "alzbench.experiment", "alzbench.store", "alzbench.compare", "alzbench.runner",
     "alzbench.tracking",
     "alzbench.report.terminal", "alzbench.report.export", "alzbench.report.listing"],
)  # fmt: skip
def test_importing_is_light(module: str) -> None:
    code = f"import sys, {module}; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == []
