"""Settings of stored experiments, and those that differ."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alzbench.errors import DataError
from alzbench.store import Run

Settings = Mapping[str, Any]  # dotted name -> value

BY_FOLD = "chosen in each fold"
ABSENT = "–"
_LONGEST = 28  # characters of a value

# settings that change no result of a run, or that all runs of a group share by their content
_ALIKE = ("name", "label", "description", "seeds", "tracking", "demo", "sanity", "data.source", "data.kaggle",
          "data.subjects")  # fmt: skip
# settings that have a meaning only beside the same value of another one
_ONLY_WITH = {"model.options.": "model.variant", "imbalance.": "imbalance.name", "protocol.": "protocol.name"}


@dataclass(frozen=True)
class Differing:
    """The settings in which experiments differ.

    Attributes:
        names: Their short names, in the order of the experiment file.
        values: Label of each experiment -> short name -> value as text; a setting that it does not have is absent.
    """

    names: tuple[str, ...] = ()
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def between(self, label: str, baseline: str) -> tuple[str, ...]:
        """Return the settings of an experiment that are not those of the baseline: `train.lr 0.01`."""
        own, others = self.values.get(label, {}), self.values.get(baseline, {})
        return tuple(f"{name} {own[name]}" for name in self.names if name in own and own[name] != others.get(name))


def flatten(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return nested sections as one: ``{"train": {"lr": 1}}`` is ``{"train.lr": 1}``."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= flatten(value, f"{before}{key}.") if isinstance(value, dict) else {f"{before}{key}": value}
    return flat


def comparable(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of an experiment, not flat, as flat ones without those that change no result."""
    flat = flatten(settings)
    return {name: value for name, value in flat.items() if not any(_within(name, alike) for alike in _ALIKE)}


def _within(name: str, section: str) -> bool:
    return name == section or name.startswith(f"{section}.")


def settings_of(runs: Sequence[Run]) -> dict[str, Any]:
    """Return the comparable settings of an experiment from its runs; {} if they are not stored or cannot be read.

    Folds of a nested sweep may have different values; such a setting is BY_FOLD.
    """
    different: dict[str, dict[str, Any]] = {}
    for run in runs:
        try:
            settings = comparable(run.settings())
        except DataError:
            return {}  # the labels then have a hash
        for name, value in settings.items():
            different.setdefault(name, {})[_key(value)] = value
    folds = any(run.card.fold is not None for run in runs)
    return {
        name: next(iter(values.values())) if len(values) == 1 else BY_FOLD
        for name, values in different.items()
        if len(values) == 1 or folds
    }


def find_differing(experiments: Mapping[str, Settings]) -> Differing:
    """Return the settings in which experiments differ.

    Args:
        experiments: Label -> comparable settings. A setting that an experiment does not have, because its variant has
            no such option or an older version wrote it, is no difference.
    """
    whole = _with_sections(experiments)
    names = _differing(whole)
    short = short_names(names, {name for settings in whole.values() for name in settings})
    values = {
        label: {short[name]: value_text(settings[name]) for name in names if name in settings}
        for label, settings in whole.items()
    }
    return Differing(tuple(short[name] for name in names), values)


def _with_sections(experiments: Mapping[str, Settings]) -> dict[str, dict[str, Any]]:
    """Return the settings with a value for each section that another experiment sets to null, such as `fine_tune`."""
    null = {name for settings in experiments.values() for name, value in settings.items() if value is None}
    whole = {}
    for label, settings in experiments.items():
        sections = {name: True for name in null if any(_within(own, name) and own != name for own in settings)}
        whole[label] = {**settings, **sections}
    return whole


def _differing(experiments: Mapping[str, Settings]) -> list[str]:
    found = []
    for name in dict.fromkeys(name for settings in experiments.values() for name in settings):
        beside = next((other for start, other in _ONLY_WITH.items() if name.startswith(start) and name != other), None)
        by_kind: dict[str, set[str]] = {}
        for settings in experiments.values():
            if name in settings:
                by_kind.setdefault(_key(settings.get(beside)) if beside else "", set()).add(_key(settings[name]))
        if any(len(values) > 1 for values in by_kind.values()):
            found.append(name)
    return found


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def short_names(names: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Return each dotted name -> its last two parts, or the whole name if another one ends alike."""
    ends: dict[str, int] = {}
    for name in {*known, *names}:
        ends[_end(name)] = ends.get(_end(name), 0) + 1
    return {name: _end(name) if ends[_end(name)] == 1 else name for name in names}


def _end(name: str) -> str:
    return ".".join(name.split(".")[-2:])


def value_text(value: Any, most: int = _LONGEST) -> str:
    """Return the value of a setting for people, a list or text of more than `most` characters in short.

    `0.01`, `none`, `yes`, `[a, b … (9)]`.
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        whole = ", ".join(map(value_text, value))
        few = f"{', '.join(map(value_text, value[:2]))} … ({len(value)})"
        return f"[{whole}]" if len(whole) <= most or len(value) <= 2 else f"[{few}]"
    text = _key(value) if isinstance(value, dict) else str(value)
    return text if len(text) <= most else f"{text[: most // 2]}…{text[1 - most // 2 :]}"
