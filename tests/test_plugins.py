"""Kinds of plug-ins: the names that the schema accepts are the names that are registered, for every kind."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel

from alzbench.data.protocols import PROTOCOLS
from alzbench.evaluation.metrics import METRICS
from alzbench.evaluation.sanity import SANITY
from alzbench.experiment import BackboneSettings, Experiment, ModelSettings, TrainSettings
from alzbench.experiment.sweep import Sweep
from alzbench.explain.methods import METHODS
from alzbench.inference.formats import FORMATS
from alzbench.models.backbones import BACKBONES
from alzbench.models.variants import VARIANTS
from alzbench.registry import Registry
from alzbench.sweep.space import PRUNERS, SAMPLERS
from alzbench.training.imbalance import STRATEGIES
from alzbench.training.losses import LOSSES
from alzbench.training.optimizers import OPTIMIZERS, SCHEDULES

# the schema lists the names of these
LISTED = {
    "protocol": (PROTOCOLS, Experiment, "protocol"),
    "imbalance": (STRATEGIES, Experiment, "imbalance"),
    "loss": (LOSSES, TrainSettings, "loss"),
    "optimizer": (OPTIMIZERS, TrainSettings, "optimizer"),
    "schedule": (SCHEDULES, TrainSettings, "schedule"),
    "sampler": (SAMPLERS, Sweep, "sampler"),
    "pruner": (PRUNERS, Sweep, "pruner"),
}
# the schema takes any text for these, which `runner.check` looks up: a user's file may register more of them
OPEN = {
    "backbone": (BACKBONES, BackboneSettings, "name"),
    "variant": (VARIANTS, ModelSettings, "variant"),
}
REGISTRIES: dict[str, Registry[Any]] = {
    **{name: kind[0] for name, kind in (LISTED | OPEN).items()},
    "sanity": SANITY,
    "metric": METRICS,
    "map method": METHODS,
    "export format": FORMATS,
}


def accepted(model: type[BaseModel], field: str) -> dict[str, type[BaseModel] | None]:
    """Return the names that a field accepts, each with the model of its settings, or None where it has none."""
    annotation = model.model_fields[field].annotation
    if get_origin(annotation) is Literal:
        return dict.fromkeys(get_args(annotation))
    return {name: member for member in get_args(annotation) for name in accepted(member, "name")}


@pytest.mark.parametrize("kind", LISTED)
def test_the_schema_accepts_what_is_registered_and_nothing_else(kind: str) -> None:
    registry, model, field = LISTED[kind]
    assert {name: registry[name].settings for name in registry} == accepted(model, field)


@pytest.mark.parametrize("kind", OPEN)
def test_the_default_of_the_schema_is_registered(kind: str) -> None:
    registry, model, field = OPEN[kind]
    assert model.model_fields[field].annotation is str
    assert model.model_fields[field].default in registry


def test_the_default_objective_of_sweeps_is_a_metric() -> None:
    field = Sweep.model_fields["objective"]
    assert field.annotation == list[str]
    assert set(field.default) <= set(METRICS)


def test_no_variant_has_the_name_of_a_sanity_baseline() -> None:
    """Both are chosen by `model.variant`."""
    assert not set(VARIANTS) & set(SANITY)


@pytest.mark.parametrize("kind", REGISTRIES)
def test_each_entry_has_its_name_and_a_sentence_about_it(kind: str) -> None:
    registry = REGISTRIES[kind]
    assert list(registry)
    for name in registry:
        assert registry[name].name == name
        assert registry[name].description.endswith(".")


def test_names_blocks_and_options_are_checked_without_keras() -> None:
    code = """
import sys
from alzbench.errors import ExperimentError
from alzbench.experiment import Experiment
from alzbench.runner import check
wrong = [{"model": {"variant": "atention"}}, {"model": {"options": {"unit": 1}}}, {"fine_tune": {"first_block": "x"}},
         {"model": {"backbone": {"name": "resnet"}}}]
for values in wrong:
    try:
        check(Experiment.model_validate({"name": "x", **values}))
    except ExperimentError:
        print("refused")
print("keras" in sys.modules or "tensorflow" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["refused"] * 4 + ["False"]
