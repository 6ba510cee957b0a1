"""The wheel holds everything that the commands need, and works in an empty folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.helpers.paths import EXPERIMENTS, ROOT

PARTS = ("alzbench", "experiments", "pyproject.toml", "setup.py", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of the repository."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, source / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, source)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", target, source]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if "No matching distribution found for setuptools" in done.stderr:
        pytest.skip("needs setuptools from a package index, to build a wheel")
    assert done.returncode == 0, done.stderr
    (path,) = target.glob("*.whl")
    return path


@pytest.fixture
def installed(wheel: Path, tmp_path: Path) -> Path:
    """A folder with the content of the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    return tmp_path / "installed"


def run(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the wheel in an empty folder."""
    folder = installed.parent / "empty"
    folder.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "PYTHONPATH": str(installed), "COLUMNS": "120"},
    )  # fmt: skip


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_package_and_every_experiment(installed: Path) -> None:
    package = {
        file.relative_to(ROOT / "alzbench") for file in (ROOT / "alzbench").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }  # fmt: skip
    experiments = {file.relative_to(ROOT) for ending in ("yaml", "json") for file in EXPERIMENTS.rglob(f"*.{ending}")}
    files = {file.relative_to(installed / "alzbench") for file in (installed / "alzbench").rglob("*") if file.is_file()}
    assert Path("py.typed") in package
    assert files == package | experiments
    assert sorted(path.name for path in installed.iterdir()) == ["alzbench", "alzbench-0.1.0.dist-info"]


@pytest.mark.slow
def test_an_experiment_runs_by_name_in_an_empty_folder(installed: Path) -> None:
    listed = run(installed, "-m", "alzbench", "list", "experiments")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "\n  attention " in listed.stdout
    done = run(installed, "-m", "alzbench", "run", "attention", "--demo", "--no-sanity", "--set", "train.epochs=2")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in installed.parent.joinpath("empty").iterdir()] == ["runs"]
    where = run(installed, "-c", "import alzbench.shipped as s; print(s.SHIPPED)")
    assert where.stdout.strip() == str(installed / "alzbench" / "experiments")


@pytest.mark.slow
def test_the_functions_are_typed_for_those_who_import_them(installed: Path) -> None:
    """Among them `compare`, which has the name of a package."""
    user = installed.parent / "user.py"
    user.write_text(
        "import alzbench as ab\n"
        "from alzbench.api import ComparisonResult\n"
        "compared: ComparisonResult = ab.compare(['a'], runs='r')\n"
        "number: int = len(ab.load_runs())\n"
        "wrong: int = ab.compare(baseline=3)\n"
    )
    command = ["-m", "mypy", "--strict", "--follow-imports=silent", "--no-error-summary", str(user)]
    done = run(installed, *command)
    lines = [line.rpartition("[")[2] for line in done.stdout.splitlines()]
    assert lines == ["assignment]", "arg-type]"], done.stdout
