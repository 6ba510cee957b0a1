"""Modules of the package and of the tests, and what they import."""

from __future__ import annotations

import ast
from pathlib import Path

import alzbench
from tests.helpers.paths import ROOT

PACKAGE = Path(alzbench.__file__).parent
HEAVY = ("tensorflow", "keras", "wandb", "optuna", "matplotlib", "kagglehub", "onnxruntime", "imblearn")


def module_name(path: Path, root: Path = ROOT) -> str:
    """Return the dotted name of a module's file below the folder `root`; that of a package for its __init__.py."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_names(path: Path) -> list[tuple[int, str]]:
    """Return the line and the dotted name of each import of a file but those for type checking alone."""
    names = []
    for node in _executed(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    return names


def _executed(tree: ast.AST) -> list[ast.AST]:
    """Return all nodes below one, without the bodies of `if TYPE_CHECKING`."""
    nodes: list[ast.AST] = []
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            nodes += [node for other in child.orelse for node in (other, *_executed(other))]
        else:
            nodes += [child, *_executed(child)]
    return nodes


def import_graph(files: list[Path], root: Path = ROOT) -> dict[str, set[str]]:
    """Return for each of these modules those of them that it imports; a name of a package is its __init__.py's."""
    paths = {module_name(path, root): path for path in files}
    graph = {}
    for module, path in paths.items():
        names = [name for _, name in imported_names(path)]
        graph[module] = {name if name in paths else name.rpartition(".")[0] for name in names} & paths.keys()
    return graph
