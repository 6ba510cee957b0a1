"""Shell completion of arguments. It reads only the names of folders and files, so that it is fast.

If there is no suggestion, the shell completes file names as usual.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import typer

from alzbench.shipped import FOLDERS, OWN, shipped_names


def runs(context: typer.Context, incomplete: str) -> list[str]:
    """Return the stored runs, as EXPERIMENT/RUN."""
    folders = [card.parent for card in _root(context).glob("*/*/state.json")]
    return _matching((f"{folder.parent.name}/{folder.name}" for folder in folders), incomplete)


def experiments(context: typer.Context, incomplete: str) -> list[str]:
    """Return the names of the experiments that have stored runs."""
    return _matching({card.parent.parent.name for card in _root(context).glob("*/*/state.json")}, incomplete)


def stored(context: typer.Context, incomplete: str) -> list[str]:
    """Return experiments with stored runs; after a slash, also runs."""
    return [*experiments(context, incomplete), *(runs(context, incomplete) if "/" in incomplete else [])]


def names(context: typer.Context, incomplete: str) -> list[str]:
    """Return experiments with stored runs and experiment files; after a slash, also runs."""
    return [*stored(context, incomplete), *_yaml_files([Path(), OWN, OWN / FOLDERS["study"]], incomplete)]


def experiment_files(incomplete: str) -> list[str]:
    """Return experiment files, and the names of those of the package."""
    return _yaml_files([Path(), OWN], incomplete, "experiment")


def run_files(incomplete: str) -> list[str]:
    """Return experiment and study files, and the names of those of the package."""
    return _yaml_files([Path(), OWN, OWN / FOLDERS["study"]], incomplete, "experiment", "study")


def sweep_files(incomplete: str) -> list[str]:
    """Return sweep files, and the names of those of the package."""
    return _yaml_files([Path(), OWN / FOLDERS["sweep"]], incomplete, "sweep")


def sources(incomplete: str) -> list[str]:
    """Return the image sources that are not folders."""
    return _matching(["kaggle", "phantom"], incomplete)


def formats(incomplete: str) -> list[str]:
    """Return the formats of exported models."""
    from alzbench.inference.formats import FORMATS

    return _matching(FORMATS, incomplete)


def protocols(incomplete: str) -> list[str]:
    """Return the names of the protocols."""
    from pydantic import TypeAdapter

    from alzbench.experiment.protocols import ProtocolSettings

    schema = TypeAdapter(ProtocolSettings).json_schema()
    return _matching(schema["discriminator"]["mapping"], incomplete)


def map_methods(incomplete: str) -> list[str]:
    """Return the map methods; after a comma, those that are not yet named."""
    from alzbench.explain.methods import ALL, METHODS

    before, comma, last = incomplete.rpartition(",")
    left = [name for name in METHODS if name not in before.split(",")] + ([] if comma else [ALL])
    return [before + comma + name for name in _matching(left, last)]


def _root(context: typer.Context) -> Path:
    return Path(context.params.get("runs") or os.environ.get("ALZBENCH_RUNS") or "runs")


def _yaml_files(folders: Iterable[Path], incomplete: str, *kinds: str) -> list[str]:
    files = [str(file) for folder in folders for file in sorted(folder.glob("*.yaml"))]
    return [*_matching(files, incomplete), *_matching(shipped_names(*kinds), incomplete)]


def _matching(values: Iterable[str], incomplete: str) -> list[str]:
    return sorted(value for value in values if value.startswith(incomplete))
