"""Checked experiments from YAML files and `a.b=value` assignments."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from alzbench.errors import ExperimentError
from alzbench.experiment.explain import explain_validation
from alzbench.experiment.schema import Experiment
from alzbench.experiment.subjects import is_table
from alzbench.experiment.yaml_1_2 import read_yaml
from alzbench.registry import did_you_mean
from alzbench.shipped import FOLDERS, find_base, shipped_names

# Values that --demo sets: the images are synthetic, and a run takes about a minute on two cores.
DEMO: dict[str, Any] = {
    "demo": True,
    "data": {"source": "phantom", "size": 96, "channels": 1, "scaling": "imagenet"},
    "augment": {"views": 2},
    "model": {"backbone": {"weights": "none"}},
    "train": {"epochs": 30, "batch_size": 32, "precision": "float32"},
    "tracking": {"wandb": "disabled"},
}


def load_experiment(
    path: Path, assignments: Sequence[str] = (), overrides: Mapping[str, Any] | None = None
) -> Experiment:
    """Read an experiment file and the files that it extends, apply assignments, and check the result.

    Args:
        path: The YAML file.
        assignments: ``a.b=value`` texts, as --set takes them; the value is read as YAML.
        overrides: Nested values that win over the file but not over `assignments`.

    Raises:
        ExperimentError: The file is missing, is not YAML, or does not fit the schema.
    """
    values = file_values(path)
    for changes in (dict(overrides or {}), parse_assignments(assignments)):
        values = merge(values, changes)
    return validated(values, path)


def audited_experiment(
    path: Path | None, data: str | None, protocol: str | None, assignments: Sequence[str]
) -> Experiment:
    """Return the experiment whose data and protocol are audited: that of a file, or the defaults.

    Args:
        path: An experiment file, or None.
        data: Source of the images instead of the file's.
        protocol: Name of a protocol, with its default settings, instead of the file's.
        assignments: As for `load_experiment`.
    """
    values = with_default_source({"name": "audit"}) if path is None else file_values(path)
    if data:
        values = merge(values, {"data": {"source": data}})
    if protocol:
        values["protocol"] = {"name": protocol}
    return validated(merge(values, parse_assignments(assignments)), path or Path("audit"))


def validated(values: dict[str, Any], path: Path, changes: str = "") -> Experiment:
    """Return the experiment that nested values describe.

    Args:
        values: The values of the whole file.
        path: The file, for errors.
        changes: The changes that were made to the values, for errors.

    Raises:
        ExperimentError: The values do not fit the schema.
    """
    place = f"{path}: {changes}: " if changes else f"{path}: "
    for key, value in values.items():
        _refuse_interpolation(value, f"{place}{key}")
    try:
        return Experiment.model_validate(values)
    except ValidationError as error:
        raise ExperimentError(f"{place}{explain_validation(error, '', Experiment)}") from None


def file_values(path: Path) -> dict[str, Any]:
    """Return the values of an experiment with its name, and ALZBENCH_DATA if no file names a source of the images."""
    return with_default_source({"name": path.stem, **resolve(path)})


def with_default_source(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values with ALZBENCH_DATA as `data.source`, unless they set it or the variable is empty."""
    source, data = os.environ.get("ALZBENCH_DATA"), values.get("data")
    if not source or not isinstance(data, dict | None):
        return values
    return merge({"data": {"source": source}}, {**values, "data": data or {}})


def resolve(path: Path, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Return the values of an experiment file laid over those of the files it extends; raises ExperimentError."""
    if path.resolve() in seen:
        raise ExperimentError(f"{path} must not extend itself, and does so through {', '.join(p.name for p in seen)}.")
    values = with_absolute_files(read_file(path), path.parent)
    bases = values.pop("extends", [])
    bases = [bases] if isinstance(bases, str) else bases
    if not (isinstance(bases, list) and all(isinstance(base, str) for base in bases)):
        raise ExperimentError(f"{path}: extends must be a file name or a list of them, got {bases!r}.")
    merged: dict[str, Any] = {}
    for base in bases:
        file = find_base(base, path.parent)
        if not file.is_file():
            raise ExperimentError(f"{path}: extends names {base}, but there is no file {file}.")
        merged = merge(merged, resolve(file, (*seen, path.resolve())))
    merged.pop("name", None)  # name and description are not inherited
    merged.pop("description", None)
    return merge(merged, values)


def with_absolute_files(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the values with the files they name, which are relative to the experiment file, as absolute paths."""
    model, data = values.get("model"), values.get("data")
    if isinstance(model, dict):
        model = _with_absolute_file(model, folder)
        if isinstance(model.get("backbone"), dict):
            model = {**model, "backbone": _with_absolute_file(model["backbone"], folder)}
        values = {**values, "model": model}
    if isinstance(data, dict) and (table := _table_of(data.get("subjects"))):
        subjects = {"table": str((folder / Path(table).expanduser()).resolve())}
        given = data["subjects"] if isinstance(data["subjects"], dict) else {}
        values = {**values, "data": {**data, "subjects": {**given, **subjects}}}
    return values


def _with_absolute_file(section: dict[str, Any], folder: Path) -> dict[str, Any]:
    named = section.get("file")
    return {**section, "file": str((folder / named).resolve())} if isinstance(named, str) else section


def _table_of(subjects: Any) -> str:
    """Return the file that `data.subjects` names, in either form; empty if it names none."""
    named = subjects.get("table") if isinstance(subjects, dict) else subjects
    return named if isinstance(named, str) and is_table(named) else ""


def merge(low: dict[str, Any], high: dict[str, Any]) -> dict[str, Any]:
    """Return `low` with `high` laid over it: sections are merged, other values replaced.

    A backbone that is written as a name alone is a section with a name, so that the rest of the section is kept.
    """
    return _merge(_with_backbone_as_section(low), _with_backbone_as_section(high))


def _merge(low: dict[str, Any], high: dict[str, Any]) -> dict[str, Any]:
    merged = dict(low)
    for key, value in high.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _with_backbone_as_section(values: dict[str, Any]) -> dict[str, Any]:
    model = values.get("model")
    if not isinstance(model, dict) or not isinstance(model.get("backbone"), str):
        return values
    return {**values, "model": {**model, "backbone": {"name": model["backbone"]}}}


def nested(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return `{"a.b": 1}` as `{"a": {"b": 1}}`; keys without dots stay as they are."""
    values: dict[str, Any] = {}
    for key, value in fields.items():
        for part in reversed(str(key).split(".")):
            value = {part: value}
        values = merge(values, value)
    return values


def read_file(path: Path) -> dict[str, Any]:
    """Return the values of a YAML file without those it extends; raises ExperimentError."""
    from omegaconf import OmegaConf  # imported here, as comparisons do not need it
    from omegaconf.errors import OmegaConfBaseException

    if path.is_dir():
        raise ExperimentError(
            f"{path} is a folder, and an experiment is a YAML file; name the file, and give a folder of images as "
            f"`--data {path}`."
        )
    try:
        text = path.read_text(encoding="utf-8")
        if not isinstance(yaml.compose(text, Loader=yaml.SafeLoader), yaml.MappingNode | None):
            raise ExperimentError(
                f"{path}: an experiment file must hold `key: value` lines; it holds a list or a text."
            )
        values = OmegaConf.to_container(OmegaConf.create(read_yaml(text) or {}), resolve=False)
    except FileNotFoundError:
        known = did_you_mean(path.stem, shipped_names(*FOLDERS))
        raise ExperimentError(
            f"There is no experiment file {path}; `alzbench list experiments` lists those here.{known}"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ExperimentError(f"{path} cannot be read as UTF-8 text: {error}.") from error
    except (yaml.YAMLError, OmegaConfBaseException, ValueError) as error:
        raise ExperimentError(f"{path} is not valid YAML: {' '.join(str(error).split())}.") from error
    except RecursionError:
        raise ExperimentError(f"{path} is not valid YAML: it is nested too deeply.") from None
    return _with_text_keys(values)


def parse_assignments(assignments: Sequence[str]) -> dict[str, Any]:
    """Return `a.b=value` texts as nested values; raises ExperimentError for a text of another form."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    config = OmegaConf.create()
    try:
        for text in assignments:
            key, equals, value = text.partition("=")
            if not equals or not all(key.split(".")):
                raise ExperimentError(f"--set takes FIELD=VALUE, for example train.epochs=5; got {text!r}.")
            OmegaConf.update(config, key, read_yaml(value))
        return _with_text_keys(OmegaConf.to_container(config, resolve=False))
    except (yaml.YAMLError, OmegaConfBaseException, ValueError) as error:
        raise ExperimentError(f"--set: a value is not valid YAML: {' '.join(str(error).split())}.") from error


def _with_text_keys(values: Any) -> dict[str, Any]:
    return {str(key): value for key, value in values.items()}


def _refuse_interpolation(value: Any, field: str) -> None:
    """Refuse `${...}`: it could copy environment variables, and with them secrets, into a stored file."""
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_interpolation(item, f"{field}.{key}")
    elif isinstance(value, list):
        for item in value:
            _refuse_interpolation(item, field)
    elif isinstance(value, str) and "${" in value:
        raise ExperimentError(f"{field}: interpolation is not supported, found {value!r}; write the value out.")
