"""Sentences from Pydantic's errors: the field, what it must be, what was given, and the nearest known name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from alzbench.registry import did_you_mean

_KEY = "[key]"  # Pydantic's name for the location of a bad key
_NAME = "^[A-Za-z0-9][A-Za-z0-9._-]"  # pattern of the names of experiments, studies and sweeps
_TYPES = {  # Pydantic's name of an error -> what the value must be
    "int_type": "a whole number", "int_parsing": "a whole number", "int_from_float": "a whole number",
    "float_type": "a number", "float_parsing": "a number", "finite_number": "a finite number",
    "bool_type": "true or false", "bool_parsing": "true or false", "string_type": "a text",
    "list_type": "a list", "tuple_type": "a list",
    "dict_type": "a section of `key: value` lines", "model_type": "a section of `key: value` lines",
}  # fmt: skip
_LIMITS = {  # Pydantic's name of an error -> words, and the name of the limit in its context
    "greater_than": ("above", "gt"), "greater_than_equal": ("at least", "ge"),
    "less_than": ("below", "lt"), "less_than_equal": ("at most", "le"),
}  # fmt: skip


def explain_validation(error: ValidationError, section: str, model: type[BaseModel]) -> str:
    """Return a sentence with a part for each wrong field.

    Args:
        error: The error.
        section: Path of the model's section in the file, e.g. `model.options`; empty for a whole file.
        model: The model.
    """
    by_field: dict[str, list[tuple[Any, type[BaseModel]]]] = {}
    for item in error.errors(include_url=False):
        names, inner = _walk(model, [str(part) for part in _location(item)])
        by_field.setdefault(".".join(filter(None, [section, *names])), []).append((item, inner))
    parts = [
        part
        for field, items in by_field.items()
        if not _fits_further_in(field, items[0][0], list(by_field))
        for part in _explain_field(field, items)
    ]
    sentence = " ".join("; ".join(parts).split()).rstrip(".")
    return sentence if sentence.endswith("?") else f"{sentence}."


def _location(item: Any) -> Sequence[Any]:
    location: Sequence[Any] = item["loc"]
    return location[:-1] if item["type"] == "extra_forbidden" else location


def _fits_further_in(field: str, item: Any, fields: Sequence[str]) -> bool:
    """Return True if another member of a union accepts the value itself, and refuses a part of it."""
    return (
        isinstance(item["input"], dict)
        and item["type"] in ("literal_error", *_TYPES)
        and any(other.startswith(f"{field}.") for other in fields)
    )


def _explain_field(field: str, items: Sequence[tuple[Any, type[BaseModel]]]) -> list[str]:
    """Return the errors of one field; the members of a union are joined with `or`."""
    if len(items) > 1 and all(item["type"] in ("literal_error", *_TYPES, *_LIMITS) for item, _ in items):
        rules = dict.fromkeys(_rule(item) for item, _ in items)
        return [f"{field}: must be {' or '.join(rules)}, got {items[0][0]['input']!r}"]
    return [_explain_one(field, item, inner) for item, inner in items]


def _explain_one(field: str, item: Any, inner: type[BaseModel]) -> str:
    if item["type"] == "extra_forbidden":
        unknown, known = str(item["loc"][-1]), list(inner.model_fields)
        place = f"{field}.{unknown}" if field else unknown
        return f"unknown key {place}.{did_you_mean(unknown, known)} Known here: {', '.join(known)}"
    if item["type"] == "missing":
        return f"{field}: must be given"
    if item["type"] == "union_tag_not_found":
        return f"{field}: must have a {item['ctx']['discriminator']}, got {item['input']!r}"
    if item["type"] == "union_tag_invalid":
        known = [tag.strip().strip("'") for tag in item["ctx"]["expected_tags"].split(",")]
        tag = item["ctx"]["tag"]
        choice = f"{field}.{item['ctx']['discriminator'].strip(chr(39))}"
        return f"{choice}: must be one of {', '.join(known)}, got {tag!r}.{did_you_mean(tag, known)}"
    if item["type"] in ("literal_error", *_TYPES, *_LIMITS):
        return f"{field}: must be {_rule(item)}, got {item['input']!r}"
    message = item["msg"].removeprefix("Value error, ").rstrip(".")
    message = f"{message[0].lower()}{message[1:]}"
    if not field:  # several fields do not fit together
        return message
    return f"{field}: {_in_our_words(item, message)}, got {item['input']!r}"


def _rule(item: Any) -> str:
    """Return what a value must be, for an error of its type, of its range or of a choice."""
    kind, context = item["type"], item.get("ctx", {})
    if kind == "literal_error":
        return str(context["expected"])
    if kind in _LIMITS:
        words, name = _LIMITS[kind]
        return f"{words} {context[name]:g}"
    if _TYPES[kind] == "a list" and isinstance(item["input"], str | int | float):
        return f"a list in brackets, as in [{item['input']}]"
    return _TYPES[kind]


def _in_our_words(item: Any, message: str) -> str:
    if item["type"] == "string_pattern_mismatch" and item["ctx"]["pattern"].startswith(_NAME):
        return "must begin with a letter or digit, and hold only letters, digits, `.`, `_` and `-`"
    return message.replace("input should be ", "must be ").replace("input should have ", "must have ")


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
