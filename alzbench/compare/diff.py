"""Two stored runs: in what they differ."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alzbench.compare.settings import ABSENT, flatten, value_text
from alzbench.errors import DataError
from alzbench.store import Run

# of an experiment, shown among the properties of the run; seeds are those of the file, and a run has one
_NOT_SETTINGS = ("name", "description", "seeds", "tracking", "demo", "sanity")
_OF_RUN = ("experiment", "seed", "fold", "protocol", "trial", "demo", "leaks")
_OF_DATA = ("data", "test")
_VERSIONS = ("alzbench", "git_commit", "python", "backend", "platform", "processor", "devices")
_WHOLE = 1_000_000  # characters of a value


@dataclass(frozen=True)
class Change:
    """A property in which two runs differ.

    Attributes:
        name: Its name.
        first, second: Its values as texts; ABSENT if a run does not have it.
    """

    name: str
    first: str
    second: str


@dataclass(frozen=True)
class RunDiff:
    """The differences of two runs; what is equal is not listed.

    Attributes:
        first, second: Names of the runs.
        run: Experiment, seed, fold, protocol and leakage.
        settings: The resolved experiment, by dotted names.
        code: Version and commit of alzbench, Python and hardware.
        packages: Versions of packages.
        data: Fingerprints of the image set, and of the test images with their labels.
        unknown: A sentence about each file that cannot be read.
    """

    first: str
    second: str
    run: tuple[Change, ...]
    settings: tuple[Change, ...]
    code: tuple[Change, ...]
    packages: tuple[Change, ...]
    data: tuple[Change, ...]
    unknown: tuple[str, ...] = ()


def diff_runs(first: Run, second: Run) -> RunDiff:
    """Return in what two runs differ.

    Raises:
        DataError: The resolved experiment of a run cannot be read.
    """
    cards = [run.card.model_dump() for run in (first, second)]
    environments, unknown = [], []
    for run in (first, second):
        environment, why = _environment(run)
        environments.append(environment)
        unknown += [why] if why else []
    if unknown:  # what one run alone is known to have is no difference
        environments = [{}, {}]
    return RunDiff(
        first=first.name,
        second=second.name,
        run=_changes(*({name: card[name] for name in _OF_RUN} for card in cards)),
        settings=_changes(*(_settings(run) for run in (first, second))),
        code=_changes(*({k: e[k] for k in _VERSIONS if k in e} for e in environments)),
        packages=_changes(*(dict(e.get("packages") or {}) for e in environments)),
        data=_changes(*({name: card[name] for name in _OF_DATA} for card in cards)),
        unknown=tuple(unknown),
    )


def _settings(run: Run) -> dict[str, Any]:
    return flatten({name: value for name, value in run.settings().items() if name not in _NOT_SETTINGS})


def _environment(run: Run) -> tuple[dict[str, Any], str]:
    """Return the content of environment.json, or {} and the reason why it cannot be read."""
    file = run.path / "environment.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = "it has none" if not file.exists() else " ".join(str(error).split())
        return {}, f"Code and packages are not compared, because {file} cannot be read ({reason})."
    if not isinstance(content, dict) or not isinstance(content.get("packages", {}), dict):
        raise DataError(f"{file} must hold a JSON object; repeat the run with --force.")
    return content, ""


def _changes(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[Change, ...]:
    names = dict.fromkeys([*first, *second])
    missing = object()
    return tuple(
        Change(name, *(value_text(side[name], _WHOLE) if name in side else ABSENT for side in (first, second)))
        for name in names
        if first.get(name, missing) != second.get(name, missing)
    )
