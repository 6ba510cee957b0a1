"""Sentences from Pydantic's errors: the field, what it must be, what was given, and the nearest known name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from alzbench.registry import did_you_mean

_KEY = "[key]"  # Pydantic's name for the location of a bad key


def explain_validation(error: ValidationError, section: str, model: type[BaseModel]) -> str:
    """Return a sentence with a part for each wrong field.

    Args:
        error: The error.
        section: Path of the model's section in the file, e.g. `model.options`; empty for a whole file.
        model: The model.
    """
    text = "; ".join(_explain_one(item, section, model) for item in error.errors(include_url=False))
    sentence = " ".join(text.split())
    return sentence if sentence.endswith("?") else f"{sentence}."


def _explain_one(item: Any, section: str, model: type[BaseModel]) -> str:
    location = [str(part) for part in item["loc"]]
    unknown = location.pop() if item["type"] == "extra_forbidden" else ""
    names, inner = _walk(model, location)
    field = ".".join(filter(None, [section, *names, unknown]))
    if unknown:
        known = list(inner.model_fields)
        return f"unknown key {field}.{did_you_mean(unknown, known)} Known here: {', '.join(known)}"
    if item["type"] == "model_type":
        return f"{field}: must be a section of `key: value` lines, got {item['input']!r}"
    if item["type"] == "union_tag_not_found":
        return f"{field}: must have a {item['ctx']['discriminator']}, got {item['input']!r}"
    if item["type"] == "union_tag_invalid":
        known = [tag.strip().strip("'") for tag in item["ctx"]["expected_tags"].split(",")]
        tag = item["ctx"]["tag"]
        choice = f"{field}.{item['ctx']['discriminator'].strip(chr(39))}"
        return f"{choice}: must be one of {', '.join(known)}, got {tag!r}.{did_you_mean(tag, known)}"
    message = item["msg"].removeprefix("Value error, ")
    if not field:  # several fields do not fit together
        return f"{message[0].lower()}{message[1:]}"
    return f"{field}: {message[0].lower()}{message[1:]}, got {item['input']!r}"


def _walk(model: type[BaseModel], location: Sequence[str]) -> tuple[list[str], type[BaseModel]]:
    """Return the names of the fields that lead to an error, and the innermost model among them.

    Pydantic also puts the tag of a union's member into the location, and `[key]` for a bad key; these are not fields.
    """
    names: list[str] = []
    members: list[type[BaseModel]] = []
    in_mapping = False
    for part in location:
        chosen = next((m for m in members if part in get_args(m.model_fields["name"].annotation)), None)
        if chosen is not None:
            model, members = chosen, []
            continue
        if part.isidentifier() or part.isdigit() or (in_mapping and part != _KEY):
            names.append(part)
        if part not in model.model_fields:
            continue
        annotation = model.model_fields[part].annotation
        in_mapping = get_origin(annotation) is dict  # its keys may be any text
        sections = [kind for kind in (annotation, *get_args(annotation)) if _is_section(kind)]
        if len(sections) == 1:
            model = sections[0]
        else:
            members = sections
    return names, model


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
