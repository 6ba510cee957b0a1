"""Modules and what they import."""

from __future__ import annotations

import ast
from pathlib import Path

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
