"""Sweeps: a base experiment, and a space of values for its fields that is searched for the best validation score.

    base: ../attention.yaml
    set: {protocol.name: subject}
    objective: macro_f1
    trials: 40
    space:
      train.lr: {low: 1e-4, high: 1e-2, log: true}
      model.options.key_dim: {choices: [64, 128, 256]}
      train.schedule: {choices: [constant, cosine]}
      train.warmup_epochs: {low: 0, high: 5, when: {train.schedule: cosine}}

Trials are compared by validation scores only; the test part is read once, at the end, for the base and the best.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from alzbench.experiment.parameter import Parameter
from alzbench.experiment.search import NoPruner, PrunerSettings, SamplerSettings, TpeSampler
from alzbench.experiment.strict import Seeds, StrictModel

# Fields that decide which images a trial is trained and evaluated on, or how it is stored: trials that differ in them
# could not be compared.
FIXED = (
    "name", "description", "seeds", "labels", "sanity", "demo", "protocol", "model.file", "model.backbone.file",
    "data.source", "data.kaggle", "data.classes", "data.exclude", "data.healthy", "data.subjects", "data.volumes",
    "data.on_corrupt",
    "tracking",
)  # fmt: skip
MOST_IN_GRID = 1000
REPLACED = ("name", "description", "seeds")  # the sweep has its own, so a value for the base would be lost


class Final(StrictModel):
    """Test of the best experiment and its base."""

    seeds: Seeds = Field([0, 1, 2], description="seeds of the runs of both; [] for no test")


class Sweep(StrictModel):
    """A sweep file."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$", description="default: the file's name and -sweep")
    description: str = Field("", description="one line for tables")
    base: str = Field(description="experiment file whose fields are searched, relative to the sweep's file")
    set: dict[str, Any] = Field({}, description="fields of the base and the values they have in every trial")
    space: dict[str, Parameter] = Field(min_length=1, description="fields that are searched, and their possible values")
    objective: list[str] = Field(  # their names are checked by `sweep.objective`, where the metrics are known
        ["macro_f1"], min_length=1, max_length=2, description="validation metric to optimise; or two of them"
    )
    by: Literal["slice", "subject"] | None = Field(
        None, description="unit that is scored; default: subject if the protocol keeps subjects apart, else slice"
    )
    sampler: SamplerSettings = TpeSampler()
    pruner: PrunerSettings = NoPruner()
    trials: int = Field(40, ge=1, description="number of trials")
    minutes: float | None = Field(None, gt=0, description="time after which no trial is started")
    seed: int = Field(0, ge=0, description="seed of the sampler")
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] = Field(
        [0],
        description="seeds of each trial's runs, all on the split of the first; the objective is the mean over them",
    )
    nested: bool = Field(
        False,
        description="nested cross-validation: search in each fold of the protocol without its test images, and test "
        "the settings chosen there on them",
    )
    final: Final = Final()

    @field_validator("objective", mode="before")
    @classmethod
    def _one_objective(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("sampler", "pruner", mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _fields_fit(self) -> Sweep:
        if len(self.objective) > 1 and self.pruner.name != "none":
            raise ValueError("trials with two objectives cannot be pruned: pruner must be none")
        if len(set(self.objective)) < len(self.objective):
            raise ValueError("the two objectives must differ")
        if self.sampler.name == "grid":
            self._check_grid()
        refuse_replaced(self.set)
        for field in self.space:
            if any(field == fixed or field.startswith(f"{fixed}.") for fixed in FIXED):
                raise ValueError(f"space.{field} cannot be searched, as trials could not be compared; put it under set")
        return self

    def _check_grid(self) -> None:
        ranges = [field for field, parameter in self.space.items() if parameter.choices is None]
        if ranges:
            raise ValueError(f"sampler grid needs choices for every field, and space.{ranges[0]} has a range")
        size = math.prod(len(parameter.ends) for parameter in self.space.values())
        if size > MOST_IN_GRID:
            raise ValueError(
                f"sampler grid tries every combination: at most {MOST_IN_GRID:,}, and the space has {size:,}"
            )
        if "trials" in self.model_fields_set:
            raise ValueError("trials must be left out with sampler grid, which tries every combination")

    @model_validator(mode="after")
    def _conditions_can_be_met(self) -> Sweep:
        earlier: dict[str, Parameter] = {}
        for field, parameter in self.space.items():
            for other, value in parameter.when.items():
                if other in self.space and other not in earlier:
                    raise ValueError(f"space.{field} depends on {other}, which must stand above it")
                if other in earlier and not earlier[other].accepts(value):
                    raise ValueError(f"space.{field}.when needs {other} {value}, which is not among its values")
            self.conditions(field)
            earlier[field] = parameter
        return self

    def conditions(self, field: str) -> dict[str, Any]:
        """Return the values that other fields must have for a field to be searched, including their own conditions.

        Raises:
            ValueError: The conditions contradict each other.
        """
        needed: dict[str, Any] = {}
        for other, other_value in self.space[field].when.items():
            inherited = self.conditions(other) if other in self.space else {}
            for name, value in {**inherited, other: other_value}.items():
                if needed.setdefault(name, value) != value:
                    raise ValueError(f"space.{field} needs {name} to be both {needed[name]} and {value}")
        return needed


def refuse_replaced(fields: Mapping[str, Any]) -> None:
    """Raise ValueError if a field is set that the sweep replaces."""
    replaced = [field for field in fields if field.split(".")[0] in REPLACED]
    if replaced:
        raise ValueError(
            f"set {replaced[0]} must be left out: a sweep has its own name, description, seeds and final.seeds"
        )
