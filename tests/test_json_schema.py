"""JSON Schema for editors: it accepts what the program accepts, refuses what it refuses, and explains every setting."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from alzbench.errors import ExperimentError
from alzbench.experiment import Experiment, load_experiment
from alzbench.experiment.loaded_sweep import load_sweep
from alzbench.experiment.loading import read_file
from alzbench.experiment.study import expand_study
from alzbench.json_schema import SCHEMAS
from alzbench.models.backbones import BACKBONES
from alzbench.models.variants import VARIANTS
from alzbench.runner.plan import check
from alzbench.shipped import FOLDERS
from tests.helpers.command import Command
from tests.helpers.paths import EXPERIMENTS

VALIDATORS = {kind: Draft7Validator(make()) for kind, make in SCHEMAS.items()}
FILES = [(kind, file) for kind, folder in FOLDERS.items() for file in sorted((EXPERIMENTS / folder).glob("*.yaml"))]
every_kind = pytest.mark.parametrize("kind", FOLDERS)


def problems(kind: str, values: Any) -> list[str]:
    """Return what is wrong with the values of a file."""
    return [f"{list(error.absolute_path)}: {error.message}" for error in VALIDATORS[kind].iter_errors(values)]


@every_kind
def test_the_command_prints_the_schema_that_the_files_name(alzbench: Command, kind: str) -> None:
    """After a change of the settings: `alzbench schema KIND > experiments/schema/KIND.json`."""
    Draft7Validator.check_schema(VALIDATORS[kind].schema)
    printed = alzbench("schema", kind)
    assert (printed.code, printed.err) == (0, "")
    assert json.loads(printed.out) == VALIDATORS[kind].schema
    assert (EXPERIMENTS / "schema" / f"{kind}.json").read_text() == printed.out


@pytest.mark.parametrize(("kind", "file"), FILES, ids=lambda value: value if isinstance(value, str) else value.stem)
def test_every_file_fits_the_schema_that_it_names(kind: str, file: Path) -> None:
    assert problems(kind, read_file(file)) == []
    text = file.read_text()
    if text.startswith("# Written by `alzbench sweep"):
        return  # it has a checksum, and no one edits it
    (named,) = re.findall(r"^# yaml-language-server: \$schema=(.+)$", text, re.MULTILINE)
    assert (file.parent / named).resolve() == EXPERIMENTS / "schema" / f"{kind}.json"


# The same verdict as that of the program

GOOD = [
    "{}",
    "extends: []",
    "name: x\ndescription: y\nseeds: [0, 1]",
    "protocol: slice",
    "protocol: {name: subject_cv, folds: 3, validation_folds: 2}",
    "imbalance: smote",
    "imbalance: {name: class_weights, weights: effective_number}",
    "imbalance: {name: svm_smote, neighbours: 3}",
    "model: {backbone: vgg16}",
    "model: {backbone: {name: vgg16, until: block3_pool}}",
    "model: {variant: attention, options: {key_dim: 64, heads: null}}",
    "model: {variant: multi_head_attention, options: {heads: 2}}",
    "model: {options: {pooling: mean_max}}",
    "data: {subjects: bids}",
    "data: {subjects: a.CSV}",
    "data: {subjects: {pattern: '(?P<subject>x)'}}",
    "data: {volumes: axial}",
    "data: {volumes: {axis: axial, between: [0.1, 0.2]}}",
    "data: {classes: {a: b, c: [d, e]}, exclude: [f], healthy: a}",
    "data: {classes: [a, b], healthy: null}",
    "augment: {views: online}",
    "train: {lr: 1, patience: null}",
    "fine_tune: {epochs: 3}",
    "fine_tune: null",
    "tracking: {wandb: disabled}",
]
BAD = [
    "trian: {}",
    "train: {epoch: 3}",
    "train: {epochs: 0}",
    "train: {epochs: ten}",
    "train: {lr: -1}",
    "train: {optimizer: adm}",
    "train: 3",
    "protocol: subjects",
    "protocol: {name: slice, folds: 3}",
    "protocol: {name: subject, test: 1.5}",
    "imbalance: smot",
    "imbalance: {name: oversampling, beta: 0.5}",
    "model: {variant: attention, options: {heads: 2}}",
    "model: {variant: baseline, options: {units: many}}",
    "model: {variant: subject_slabs, options: {pooling: max}}",
    "model: {backbone: {name: vgg16, layer: x}}",
    "data: {size: 10}",
    "data: {channels: 2}",
    "data: {subjects: people.txt}",
    "data: {subjects: {tabel: a.csv}}",
    "data: {volumes: diagonal}",
    "augment: {views: 0}",
    "seeds: []",
    "seeds: [-1]",
    "seeds: 3",
    "tracking: {wandb: never}",
    "name: a/b",
]


def is_accepted(kind: str, file: Path) -> bool:
    """Return True if the program accepts a file."""
    try:
        if kind == "experiment":
            check(load_experiment(file))
        elif kind == "study":
            for experiment in expand_study(file):
                check(experiment)
        else:
            load_sweep(file)
    except ExperimentError:
        return False
    return True


@pytest.mark.parametrize(("text", "good"), [*((text, True) for text in GOOD), *((text, False) for text in BAD)])
def test_an_experiment_is_accepted_or_refused_as_by_the_program(tmp_path: Path, text: str, good: bool) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(text)
    assert is_accepted("experiment", file) is good
    assert (problems("experiment", read_file(file)) == []) is good


STUDY = "base: experiments/baseline.yaml\nplan: add_one\nfactors: {a: {b: {%s}}}\n%s"
SWEEP = "base: experiments/baseline.yaml\nspace: {%s}\n%s"


@pytest.mark.parametrize(
    ("kind", "text", "good"),
    [
        ("study", STUDY % ("train.lr: 0.1", ""), True),
        ("study", STUDY % ("train: {lr: 0.1}", "protocols: [slice, given]"), True),
        ("study", STUDY % ("imbalance.name: smote, model.options.units: 3", "seeds: [1]"), True),
        ("study", STUDY % ("protocol.folds: 3, protocol.name: subject_cv", ""), True),
        ("study", STUDY % ("model.backbone: vgg16, data.scaling: native", ""), True),
        ("study", STUDY % ("train.lrr: 0.1", ""), False),
        ("study", STUDY % ("train.lr: fast", ""), False),
        ("study", STUDY % ("", ""), False),
        ("study", STUDY % ("train.lr: 0.1", "protocols: [slices]"), False),
        ("study", STUDY % ("train.lr: 0.1", "plan_b: grid"), False),
        ("study", "plan: grid\nbase: experiments/baseline.yaml", False),
        ("sweep", SWEEP % ("train.lr: {low: 0.1, high: 1, log: true}", ""), True),
        ("sweep", SWEEP % ("model.options.units: {choices: [1, 2]}", "sampler: random\npruner: median"), True),
        ("sweep", SWEEP % ("train.lr: {low: 0.1, high: 1}", "objective: [macro_f1, loss]"), True),
        ("sweep", SWEEP % ("train.lr: {low: 0.1, high: 1}", "set: {protocol: {name: slice}, train.epochs: 3}"), True),
        ("sweep", SWEEP % ("train.lr: {low: 0.1, high: 1}", "sampler: {name: tpe, n_startup_trials: 3}"), True),
        ("sweep", SWEEP % ("train.lr: {low: 0.1, hi: 1}", ""), False),
        ("sweep", SWEEP % ("data.source: {choices: [a, b]}", ""), False),
        ("sweep", SWEEP % ("protocol.name: {choices: [slice, subject]}", ""), False),
        ("sweep", SWEEP % ("train.lr: {low: 0.1, high: 1}", "sampler: cma"), False),
        ("sweep", SWEEP % ("train.lr: {low: 0.1, high: 1}", "sampler: {name: random, n_startup_trials: 3}"), False),
        ("sweep", SWEEP % ("train.lr: {low: 0.1, high: 1}", "trials: 0"), False),
        ("sweep", SWEEP % ("train.lr: {low: 0.1, high: 1}", "objective: []"), False),
        ("sweep", "base: experiments/baseline.yaml", False),
    ],
)
def test_studies_and_sweeps_are_accepted_or_refused_as_by_the_program(
    tmp_path: Path, kind: str, text: str, good: bool
) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(text)
    assert is_accepted(kind, file) is good
    assert (problems(kind, read_file(file)) == []) is good


def test_a_file_that_extends_another_need_not_repeat_a_name() -> None:
    assert problems("experiment", {"extends": "a.yaml", "protocol": {"folds": 3}, "imbalance": {"beta": 0.5}}) == []
    assert problems("experiment", {"extends": ["a.yaml"], "protocol": {"fold": 3}}) != []


def test_own_variants_and_backbones_are_accepted() -> None:
    assert problems("experiment", {"model": {"variant": "mine", "file": "mine.py", "options": {"depth": 3}}}) == []
    assert problems("experiment", {"model": {"backbone": {"name": "mine", "file": "mine.py"}}}) == []


@given(st.data())
def test_every_setting_may_have_its_default_and_no_setting_another_name(data: st.DataObject) -> None:
    values = Experiment(name="x").model_dump(mode="json")
    place = data.draw(st.sampled_from(sorted(paths(values))))
    value = values
    for key in place:
        value = value[key]
    nested = renamed = value
    for key in reversed(place):
        nested = {key: nested}
    for k, key in enumerate(reversed(place)):
        renamed = {key if k else f"{key}_": renamed}
    assert problems("experiment", nested) == []
    assert problems("experiment", renamed) != []


def paths(values: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the place of each setting."""
    for key, value in values.items():
        yield (*before, key)
        if isinstance(value, dict):
            yield from paths(value, (*before, key))


# What an editor shows


@every_kind
def test_every_setting_is_described(kind: str) -> None:
    schema = VALIDATORS[kind].schema
    without = [place for place, field in properties(schema, "") if not described(field, schema)]
    assert without == []


def properties(schema: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Yield the properties of all schemas below one."""
    if isinstance(schema, list):
        for item in schema:
            yield from properties(item, place)
    elif isinstance(schema, dict):
        for key, value in schema.items():
            if key == "properties" and "if" not in place.split("/"):
                yield from ((f"{place}/{name}", field) for name, field in value.items())
            if key != "if":
                yield from properties(value, f"{place}/{key}")


def described(field: Any, schema: Any) -> bool:
    """Return True if a field, or the section that it refers to, has a description."""
    named = schema if "$ref" in field else field
    for part in field["$ref"].removeprefix("#/").split("/") if "$ref" in field else []:
        named = named[part]
    return bool(field.get("description") or named.get("description"))


def test_variants_and_backbones_are_named_with_their_descriptions() -> None:
    definitions = VALIDATORS["experiment"].schema["$defs"]
    model = definitions["ModelSettings"]["properties"]
    for field, registry in (("variant", VARIANTS), ("backbone", BACKBONES)):
        named = {one["const"]: one["description"] for one in model[field]["anyOf"] if "const" in one}
        assert named == {name: registry[name].description for name in registry}
    for name in VARIANTS:
        assert set(definitions[f"options_{name}"]["properties"]) == set(VARIANTS[name].settings.model_fields)
