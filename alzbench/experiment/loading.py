"""From experiment files and command-line settings to checked experiments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, ValidationError

from alzbench.errors import ExperimentError
from alzbench.experiment.schema import Experiment
from alzbench.registry import did_you_mean

# What --demo changes: everything comes from the package itself, and all of it takes about a minute on two cores.
DEMO: dict[str, Any] = {
    "demo": True,
    "data": {"source": "phantom", "size": 96, "channels": 1, "scaling": "imagenet"},
    "augment": {"views": 2},
    "model": {"backbone": {"weights": "none"}},
    "train": {"epochs": 30, "batch_size": 32, "precision": "float32"},
}


def load_experiment(path: Path, settings: Sequence[str] = (), overrides: Mapping[str, Any] | None = None) -> Experiment:
    """Read an experiment file with all that it extends, apply settings, and check the result.

    Args:
        path: The YAML file.
        settings: ``a.b=value`` texts, as --set takes them; the value is read as YAML.
        overrides: Nested values that win over the file but not over `settings`.

    Raises:
        ExperimentError: The file is missing, is not YAML, or does not fit the schema.
    """
    merged = OmegaConf.create({"name": path.stem, **_read_with_bases(path, ())})
    try:
        config = OmegaConf.merge(merged, OmegaConf.create(dict(overrides or {})), _dotlist(settings))
        values = OmegaConf.to_container(config, resolve=False)
    except (OmegaConfBaseException, TypeError, ValueError) as error:
        raise ExperimentError(f"{path}: the settings {list(settings)} do not fit the file: {error}.") from error
    _refuse_interpolation(values, str(path))
    try:
        return Experiment.model_validate(values)
    except ValidationError as error:
        raise ExperimentError(_explain(error, path, Experiment)) from None


def explain_validation(error: ValidationError, where: str, model: type[BaseModel]) -> str:
    """Return one sentence for each field of a pydantic error, with the nearest known name for an unknown one."""
    return "; ".join(_explain_one(item, where, model) for item in error.errors(include_url=False))


def _read_with_bases(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    """Return the file's values over those of the files it extends."""
    if path.resolve() in seen:
        raise ExperimentError(f"{path} extends itself through {', '.join(p.name for p in seen)}; break the circle.")
    values = _read(path)
    bases = values.pop("extends", [])
    bases = [bases] if isinstance(bases, str) else bases
    if not (isinstance(bases, list) and all(isinstance(base, str) for base in bases)):
        raise ExperimentError(f"{path}: extends must be a file name or a list of them, got {bases!r}.")
    merged: dict[str, Any] = {}
    for base in bases:
        merged = _merge(merged, _read_with_bases(path.parent / base, (*seen, path.resolve())), path)
    merged.pop("name", None)  # a base's name and text are its own
    merged.pop("description", None)
    return _merge(merged, values, path)


def _merge(low: dict[str, Any], high: dict[str, Any], path: Path) -> dict[str, Any]:
    try:
        merged = OmegaConf.to_container(OmegaConf.merge(low, high), resolve=False)
    except (OmegaConfBaseException, TypeError, ValueError) as error:
        raise ExperimentError(f"{path}: cannot be laid over what it extends: {error}.") from error
    assert isinstance(merged, dict)
    return {str(key): value for key, value in merged.items()}


def _read(path: Path) -> dict[str, Any]:
    try:
        values = OmegaConf.to_container(OmegaConf.create(path.read_text(encoding="utf-8")), resolve=False)
    except FileNotFoundError:
        raise ExperimentError(
            f"There is no experiment file {path}; `alzbench list experiments` names those here."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ExperimentError(f"{path} cannot be read as UTF-8 text: {error}.") from error
    except (yaml.YAMLError, OmegaConfBaseException, ValueError) as error:
        raise ExperimentError(f"{path} is not valid YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(values, dict):
        raise ExperimentError(f"{path}: an experiment file must hold `key: value` lines, found a list or a text.")
    return {str(key): value for key, value in values.items()}


def _dotlist(settings: Sequence[str]) -> Any:
    for text in settings:
        key, equals, _ = text.partition("=")
        if not equals or not all(key.split(".")):
            raise ExperimentError(f"--set takes FIELD=VALUE, for example train.epochs=5; got {text!r}.")
    try:
        return OmegaConf.from_dotlist(list(settings))
    except (yaml.YAMLError, OmegaConfBaseException, ValueError) as error:
        raise ExperimentError(f"--set: a value is not valid YAML: {' '.join(str(error).split())}.") from error


def _refuse_interpolation(value: Any, where: str) -> None:
    """Refuse `${...}`: it could read the environment, and with it secrets, into a stored file."""
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_interpolation(item, f"{where}: {key}")
    elif isinstance(value, list):
        for item in value:
            _refuse_interpolation(item, where)
    elif isinstance(value, str) and "${" in value:
        raise ExperimentError(f"{where}: interpolation is not supported, found {value!r}; write the value out.")


def _explain(error: ValidationError, path: Path, model: type[BaseModel]) -> str:
    return f"{path}: {explain_validation(error, '', model)}."


def _explain_one(item: Any, where: str, model: type[BaseModel]) -> str:
    # the tags that pydantic adds for the members of a union are not fields
    location = [str(part) for part in item["loc"]]
    field = ".".join([*([where] if where else []), *location])
    if item["type"] == "extra_forbidden":
        known = _fields_at(model, location[:-1])
        return f"unknown key {field}.{did_you_mean(location[-1], known)} Known here: {', '.join(known)}"
    message = item["msg"].removeprefix("Value error, ")
    return f"{field}: {message[0].lower()}{message[1:]}, got {item['input']!r}"


def _fields_at(model: type[BaseModel], location: list[str]) -> list[str]:
    for part in location:
        inner = model.model_fields[part].annotation if part in model.model_fields else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            break
        model = inner
    return list(model.model_fields)
