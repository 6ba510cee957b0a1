"""JSON Schema of experiment, study and sweep files, for editors: from the same models that check the files.

A file may leave out what another file or a default gives, so nothing is required but the base, the plan and the space.
A section with a `name`, such as `protocol`, may also be the name alone, and it may leave out the name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from alzbench.evaluation.metrics import metrics
from alzbench.experiment.schema import Experiment
from alzbench.experiment.study import Study
from alzbench.experiment.sweep import FIXED, REPLACED, Sweep
from alzbench.models.backbones import BACKBONES
from alzbench.models.variants import VARIANTS

Schema = dict[str, Any]

DRAFT = "http://json-schema.org/draft-07/schema#"  # the newest one that all editors read
_REF = "#/$defs/"


def experiment_schema() -> Schema:
    """Return the schema of an experiment file."""
    schema = _of_model(Experiment)
    extends = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    about = {"description": "file or files with the settings that this one changes, relative to this file", **extends}
    schema["properties"] = {"extends": about, **schema["properties"]}
    return schema


def study_schema() -> Schema:
    """Return the schema of a study file."""
    schema = _with_fields(_of_model(Study))
    level = {"allOf": [{"$ref": f"{_REF}Fields"}], "minProperties": 1, "description": "fields and their values"}
    factor = {"type": "object", "minProperties": 1, "additionalProperties": level, "description": "levels of a factor"}
    schema["properties"]["factors"] |= {"additionalProperties": factor}
    protocols = _names_of(Experiment.model_json_schema()["properties"]["protocol"])
    schema["properties"]["protocols"]["anyOf"][0]["items"] = {"enum": protocols}
    return {**schema, "required": ["base", "plan", "factors"]}


def sweep_schema() -> Schema:
    """Return the schema of a sweep file."""
    schema = _with_fields(_of_model(Sweep))
    properties, fields = schema["properties"], schema["$defs"]["Fields"]["properties"]
    searched = {
        name: {"$ref": f"{_REF}Parameter", "description": field["description"]}
        for name, field in fields.items()
        if not _is_below(name, (*FIXED, *REPLACED))
    }
    properties["space"] |= {
        "properties": searched, "additionalProperties": False,
        "patternProperties": {r"^model\.options\.": {"$ref": f"{_REF}Parameter"}},
    }  # fmt: skip
    properties["set"] = {"$ref": f"{_REF}Fields", "description": properties["set"]["description"]}
    known = {"anyOf": [{"enum": [metric.name for metric in metrics(per_class=False)]}, {"type": "string"}]}
    several = {"type": "array", "items": known, "minItems": 1, "maxItems": 2}
    properties["objective"] = {"description": properties["objective"]["description"], "anyOf": [known, several]}
    return {**schema, "required": ["base", "space"]}


SCHEMAS: Mapping[str, Callable[[], Schema]] = {
    "experiment": experiment_schema,
    "study": study_schema,
    "sweep": sweep_schema,
}


def _of_model(model: type[BaseModel]) -> Schema:
    """Return the schema of a file with the settings of a model, all of them optional."""
    schema = model.model_json_schema()
    definitions: Schema = schema.pop("$defs", {})
    _forget(schema, ("title", "required"))
    for name, definition in definitions.items():
        _forget(definition, ("title", "required"))
        for key, field in definition["properties"].items():
            _open_union(f"{name}.{key}", field, definitions)
    for key, field in schema["properties"].items():
        _open_union(key, field, definitions)
    if model is Experiment:
        _open_model(definitions)
    return {"$schema": DRAFT, **schema, "$defs": definitions}


def _forget(schema: Any, keys: Sequence[str]) -> None:
    """Remove keys of all schemas below one, but no properties of that name."""
    if isinstance(schema, list):
        for item in schema:
            _forget(item, keys)
    if not isinstance(schema, dict):
        return
    for key in keys:
        schema.pop(key, None)
    for key, value in list(schema.items()):
        if key in ("properties", "patternProperties", "$defs"):
            for inner in value.values():
                _forget(inner, keys)
        elif key not in ("default", "const", "enum"):
            _forget(value, keys)


def _open_union(key: str, field: Schema, definitions: Schema) -> None:
    """Let a field that is one of several sections, each with its name, also be a name alone, or leave it out."""
    mapping = field.pop("discriminator", {}).get("mapping")
    if not mapping:
        return
    del field["oneOf"]
    members = {name: definitions[ref.removeprefix(_REF)] for name, ref in mapping.items()}
    names = [{"const": name, "description": _first_line(member)} for name, member in members.items()]
    merged: Schema = {"name": {"anyOf": names, "description": f"name of the {key}"}}
    for member in members.values():
        for other, value in member["properties"].items():
            member["properties"][other] = value if other != "name" else {**value, "description": "its name"}
            if other != "name" and value != merged.setdefault(other, value):
                merged[other] = {"description": value.get("description", ""), "anyOf": [merged[other], value]}
    rules = [
        {"if": {"properties": {"name": {"const": name}}, "required": ["name"]}, "then": {"$ref": ref}}
        for name, ref in mapping.items()
    ]
    section = {"type": "object", "properties": merged, "additionalProperties": False, "allOf": rules}
    definitions[_any(key)] = section
    field |= {"anyOf": [*names, {"$ref": _REF + _any(key)}]}
    field.setdefault("description", f"the {key}: a name, or a section with a name")


def _open_model(definitions: Schema) -> None:
    """Add the short forms of an experiment, and the options of each variant and the names of backbones."""
    data, model = definitions["DataSettings"]["properties"], definitions["ModelSettings"]
    table = {"type": "string", "pattern": r"\.([cC][sS][vV]|[tT][sS][vV])$", "description": "a CSV or TSV file"}
    data["subjects"]["anyOf"] += [{"const": "bids", "description": "folders `sub-*` and `participants.tsv`"}, table]
    data["volumes"]["anyOf"] += [definitions["VolumeSettings"]["properties"]["axis"]]
    backbones = [{"const": name, "description": BACKBONES[name].description} for name in BACKBONES]
    definitions["BackboneSettings"]["properties"]["name"]["anyOf"] = [*backbones, {"type": "string"}]
    properties = model["properties"]
    properties["backbone"] = {
        "description": "the pretrained network: a name, or a section",
        "anyOf": [*backbones, {"type": "string"}, {"$ref": f"{_REF}BackboneSettings"}],
    }
    variants = [{"const": name, "description": VARIANTS[name].description} for name in VARIANTS]
    properties["variant"]["anyOf"] = [*variants, {"type": "string"}]
    rules, every = [], Schema()
    for name in VARIANTS:
        options = VARIANTS[name].settings.model_json_schema()
        _forget(options, ("title", "required"))
        options["additionalProperties"] = {"type": "null"}  # removes an option of the extended file's variant
        options["properties"] = {key: _or_null(value) for key, value in options["properties"].items()}
        definitions[f"options_{name}"] = options
        every |= {key: value for key, value in options["properties"].items() if key not in every}
        chosen = {"properties": {"variant": {"const": name}}, "required": ["variant"]}
        rules.append({"if": chosen, "then": {"properties": {"options": {"$ref": f"{_REF}options_{name}"}}}})
    properties["options"] |= {"properties": every}
    model["allOf"] = rules


def _or_null(field: Schema) -> Schema:
    """Return the schema of an option that may also be null, which removes one of the extended file."""
    about: Schema = {key: field[key] for key in ("description", "default") if key in field}
    return {**about, "anyOf": [{key: value for key, value in field.items() if key not in about}, {"type": "null"}]}


def _with_fields(schema: Schema) -> Schema:
    """Return the schema of a file that sets fields of an experiment, with the definition `Fields` of all of them."""
    experiment = experiment_schema()
    definitions = {**experiment["$defs"], **schema["$defs"]}
    definitions["Experiment"] = {key: experiment[key] for key in ("type", "description", "properties")}
    del definitions["Experiment"]["properties"]["extends"]
    definitions["Fields"] = {
        "type": "object",
        "properties": dict(_fields("", f"{_REF}Experiment", definitions)),
        "additionalProperties": False,
        "patternProperties": {r"^model\.options\.": {}},  # of a variant of the user's
    }
    return {**schema, "$defs": definitions}


def _fields(before: str, section: str, definitions: Schema) -> Iterator[tuple[str, Schema]]:
    """Yield the fields of an experiment, `train` and `train.lr`, as references to their schemas.

    Args:
        before: What the names begin with.
        section: Reference to the section whose fields are yielded.
        definitions: All definitions.
    """
    for key, field in _at(section, definitions)["properties"].items():
        place = f"{section}/properties/{key}"
        about = _description(field, definitions)
        yield before + key, {"$ref": place, "description": about}
        for inner in _sections(field, place):
            if "properties" in _at(inner, definitions):
                yield from _fields(f"{before}{key}.", inner, definitions)


def _sections(field: Schema, place: str) -> list[str]:
    """Return references to the sections that a field may be, among them itself."""
    named = [member["$ref"] for member in (field, *field.get("anyOf", [])) if "$ref" in member]
    return named or [place]


def _at(reference: str, definitions: Schema) -> Schema:
    schema = {"$defs": definitions}
    for part in reference.removeprefix("#/").split("/"):
        schema = schema[part]
    return schema


def _description(field: Schema, definitions: Schema) -> str:
    named = definitions[field["$ref"].removeprefix(_REF)] if "$ref" in field else field
    return str(field.get("description") or named.get("description", ""))


def _any(key: str) -> str:
    """Return the name of the definition of all sections that a field may be."""
    return f"Any{key.rpartition('.')[2].capitalize()}"


def _first_line(schema: Schema) -> str:
    return str(schema.get("description", "")).split("\n")[0]


def _names_of(field: Schema) -> list[str]:
    return list(field["discriminator"]["mapping"])


def _is_below(name: str, fields: Sequence[str]) -> bool:
    return any(name == field or name.startswith(f"{field}.") for field in fields)
