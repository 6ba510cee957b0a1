"""Imports go one way, without cycles, and the command line starts without the heavy packages."""

from __future__ import annotations

import graphlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.imports import HEAVY, PACKAGE, import_graph, imported_names
from tests.helpers.paths import ROOT

# A module imports only from layers with a lower number, and from its own package; those of layer 0 from each other.
LAYERS = {
    "errors": 0, "registry": 0, "seeds": 0, "atomic": 0, "cache": 0, "arrays": 0, "interrupts": 0, "progress": 0,
    "drawing": 0, "keras_layers": 0, "delimited": 0, "shipped": 0, "notebook": 0,
    "experiment": 1,
    "data": 2, "evaluation": 2,
    "models": 3,
    "training": 4,
    "environment": 5, "store": 5,
    "compare": 6, "inference": 6, "selection": 6, "json_schema": 6,
    "runner": 7, "explain": 7,
    "report": 8,
    "sweep": 9, "tracking": 9,
    "api": 10, "cli": 10, "__main__": 11, "__init__": 0,
}  # fmt: skip


def layered(path: Path) -> str:
    """Return the name in LAYERS of what a file of the package belongs to: a package, or a module beside them."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def cycle_of(graph: dict[str, set[str]]) -> list[str]:
    """Return the modules of an import cycle, the first one repeated as the last; none where there is no cycle."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def test_modules_import_from_lower_layers_only() -> None:
    offenders = []
    for path in sorted(PACKAGE.rglob("*.py")):
        own = layered(path)
        for line, name in imported_names(path):
            if not name.startswith("alzbench."):
                continue
            other = name.split(".")[1]
            lower = LAYERS.get(other, 0) < LAYERS[own] or LAYERS.get(other, 0) == LAYERS[own] == 0
            if other != own and not lower:
                offenders.append(f"{path.relative_to(PACKAGE)}:{line} imports {name}")
    assert offenders == []


def test_no_modules_import_each_other_in_a_cycle() -> None:
    assert cycle_of(import_graph(sorted(PACKAGE.rglob("*.py")))) == []


@pytest.mark.parametrize(
    ("first", "second", "cycle"),
    [
        ("from p.b import y", "import p.a", True),
        ("from p import b", "def f():\n    from p.a import x", True),
        ("from p.b import y", "x = 1", False),
        ("from p import b", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p.a import x", False),
    ],
    ids=["modules", "inside-a-function", "one-way", "type-checking"],
)
def test_a_cycle_is_seen_wherever_the_import_is(tmp_path: Path, first: str, second: str, cycle: bool) -> None:
    files = [tmp_path / "p" / name for name in ("__init__.py", "a.py", "b.py")]
    files[0].parent.mkdir()
    for file, text in zip(files, ("", first, second), strict=True):
        file.write_text(text)
    modules = cycle_of(import_graph(files, tmp_path))
    assert set(modules) == ({"p.a", "p.b"} if cycle else set())


def test_every_module_has_a_layer() -> None:
    assert {layered(path) for path in PACKAGE.rglob("*.py")} == set(LAYERS)


def test_the_table_of_layers_names_every_module() -> None:
    """In CONTRIBUTING.md: a row a package, its layer as here, and its modules between backticks, all and no others."""
    layers, modules = {}, {}
    for row in re.findall(r"^\| (-?\d+) \| (.+?) \| (.+) \|$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE):
        for name in re.findall(r"`(\w+)/?`", row[1]):
            layers[name] = int(row[0])
            modules[name] = set(re.findall(r"`(\w+)`", row[2])) if f"`{name}/`" in row[1] else set()
    assert layers == {name: layer for name, layer in LAYERS.items() if name != "__init__"}
    for name in layers:
        files = {path.relative_to(PACKAGE / name).with_suffix("") for path in (PACKAGE / name).rglob("*.py")}
        assert {str(file) for file in files} - {"__init__"} == modules[name], name


def test_tests_import_from_no_test_and_no_conftest() -> None:
    offenders = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for line, name in imported_names(path)
        if name.startswith("tests.") and any(re.match(r"test_|conftest$", part) for part in name.split("."))
    ]
    assert offenders == []


@pytest.mark.parametrize(
    "module",
    ["alzbench", "alzbench.cli", "alzbench.experiment", "alzbench.store", "alzbench.compare", "alzbench.runner",
     "alzbench.tracking",
     "alzbench.report.terminal", "alzbench.report.export", "alzbench.report.pages"],
)  # fmt: skip
def test_importing_is_light(module: str) -> None:
    code = f"import sys, {module}; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == []
