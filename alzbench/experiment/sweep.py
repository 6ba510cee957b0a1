"""Sweeps: a base experiment and a space of values for its fields, searched for the best validation score.

    base: ../attention.yaml
    set: {protocol.name: subject}
    objective: macro_f1
    trials: 40
    space:
      train.lr: {low: 1e-4, high: 1e-2, log: true}
      model.options.key_dim: {choices: [64, 128, 256]}
      train.schedule: {choices: [constant, cosine]}
      train.warmup_epochs: {low: 0, high: 5, when: {train.schedule: cosine}}

Only validation scores decide; the test part is first used for the best experiment, at the end.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from alzbench.errors import ExperimentError
from alzbench.experiment.explain import explain_validation
from alzbench.experiment.loading import merge, nested, parse_assignments, read_file, resolve, validated
from alzbench.experiment.parameter import Parameter
from alzbench.experiment.schema import Experiment
from alzbench.experiment.search import NoPruner, PrunerSettings, SamplerSettings, TpeSampler
from alzbench.experiment.strict import Seeds, StrictModel

Objective = Literal["macro_f1", "accuracy", "balanced_accuracy", "loss"]


# Fields that decide which images a trial learns from and is evaluated on, or its name: trials that differ in them could
# not be compared.
FIXED = (
    "name", "description", "seeds", "labels", "sanity", "demo", "protocol", "model.file",
    "data.source", "data.kaggle", "data.classes", "data.on_corrupt", "tracking",
)  # fmt: skip
OWN = ("name", "description", "seeds")  # fields that the sweep replaces, so a value for the base would be lost


class Final(StrictModel):
    """Test of the best configuration."""

    seeds: Seeds = Field([0, 1, 2], description="seeds of its runs and the base's; [] for no test")


class Sweep(StrictModel):
    """A sweep file."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$", description="default: the file's name and -sweep")
    description: str = ""
    base: str = Field(description="experiment file whose fields are searched, relative to the sweep's file")
    set: dict[str, Any] = Field({}, description="fields of the base and the values they have in every trial")
    space: dict[str, Parameter] = Field(min_length=1, description="fields that are searched, and their possible values")
    objective: list[Objective] = Field(
        ["macro_f1"],
        min_length=1,
        max_length=2,
        strict=False,
        description="validation metric to optimise; or two of them",
    )
    by: Literal["slice", "subject"] | None = Field(
        None, description="unit that is scored; default: subject if the protocol keeps subjects apart, else slice"
    )
    sampler: SamplerSettings = TpeSampler()
    pruner: PrunerSettings = NoPruner()
    trials: int = Field(40, ge=1)
    minutes: float | None = Field(None, gt=0, description="time after which no further trial is started")
    seed: int = Field(0, ge=0, description="seed of the sampler")
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] = Field(
        [0], description="seeds of each trial's runs, all on the split of the first; the objective is their mean"
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
    def _pruning_fits(self) -> Sweep:
        if len(self.objective) > 1 and self.pruner.name != "none":
            raise ValueError("trials with two objectives cannot be pruned: pruner must be none")
        if len(set(self.objective)) < len(self.objective):
            raise ValueError("the two objectives must differ")
        refuse_own(self.set)
        for field in self.space:
            if any(field == fixed or field.startswith(f"{fixed}.") for fixed in FIXED):
                raise ValueError(f"space.{field} cannot be searched, as trials could not be compared; use set for it")
        return self

    @model_validator(mode="after")
    def _conditions_can_be_met(self) -> Sweep:
        earlier: dict[str, Parameter] = {}
        for field, parameter in self.space.items():
            for other, wanted in parameter.when.items():
                if other in self.space and other not in earlier:
                    raise ValueError(f"space.{field} depends on {other}, which must stand above it")
                if other in earlier and not earlier[other].takes(wanted):
                    raise ValueError(f"space.{field}.when needs {other} {wanted}, which is not among its values")
            self.conditions(field)
            earlier[field] = parameter
        return self

    def conditions(self, field: str) -> dict[str, Any]:
        """Return the values that other fields must have for a field to be searched, conditions of theirs included.

        Raises:
            ValueError: The conditions contradict each other.
        """
        needed: dict[str, Any] = {}
        for other, wanted in self.space[field].when.items():
            inherited = self.conditions(other) if other in self.space else {}
            for name, value in {**inherited, other: wanted}.items():
                if needed.setdefault(name, value) != value:
                    raise ValueError(f"space.{field} needs {name} to be both {needed[name]} and {value}")
        return needed


@dataclass(frozen=True)
class LoadedSweep:
    """A checked sweep with its base.

    Attributes:
        file: The sweep's file.
        sweep: Its content.
        base_file: The base's file.
        base: The base with the sweep's `set` and the command's assignments, as it is run beside the best.
    """

    file: Path
    sweep: Sweep
    base_file: Path
    base: Experiment
    _values: dict[str, Any]  # the base's
    _assigned: dict[str, Any]  # by the command's --set
    _demo: dict[str, Any]  # laid over the base by --demo

    def experiment(self, params: Mapping[str, Any]) -> Experiment:
        """Return the experiment of a trial; raises ExperimentError where the values do not fit together."""
        return self._with(params, self.sweep.name, f"trial of {self.sweep.name}", self.sweep.seeds)

    def best(self, params: Mapping[str, Any], description: str) -> Experiment:
        """Return the experiment of the best trial's values as it is tested, on the split of the trials."""
        return self._with(params, self.best_name, description, self.sweep.final.seeds or [0])

    def final_base(self) -> Experiment:
        """Return the base as it is tested beside the best: with the same seeds and split."""
        protocol = self.base.protocol.model_copy(update={"split_seed": self.split_seed})
        return self.base.model_copy(update={"protocol": protocol, "seeds": self.sweep.final.seeds})

    def _with(self, params: Mapping[str, Any], name: str, description: str, seeds: list[int]) -> Experiment:
        values = merge(merge(self._values, nested(params)), self._split)
        values |= {"name": name, "description": description, "seeds": seeds}
        return validated(values, self.file, f"with {_listed(params)}" if params else "")

    def changes(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of an experiment file that extends the base and describes the trial.

        The place of the images and the tracking are left to the person who runs it.
        """
        assigned = {key: value for key, value in self._assigned.items() if key not in ("data", "tracking")}
        if data := {key: value for key, value in self._assigned.get("data", {}).items() if key != "source"}:
            assigned["data"] = data
        values = {key: value for key, value in nested(self.sweep.set).items() if key != "tracking"}
        for changes in (self._demo, assigned, nested(params), self._split):
            values = merge(values, changes)
        return values

    @property
    def best_name(self) -> str:
        """Name of the best experiment."""
        return f"{self.sweep.name}-best"

    @property
    def split_seed(self) -> int:
        """Seed of the one split that all trials and the final runs share.

        With one split for each seed, the test images of one seed would be training or validation images of another.
        """
        own = self.base.protocol.split_seed
        return self.sweep.seeds[0] if own is None else own

    @property
    def _split(self) -> dict[str, Any]:
        return {"protocol": {"name": self.base.protocol.name, "split_seed": self.split_seed}}

    @property
    def nested_test(self) -> bool:
        """True if no trial has seen the test images; with folds, every trial has seen all of them."""
        return self.base.protocol.test_folds == [None]

    def applies(self, field: str, params: Mapping[str, Any]) -> bool:
        """Return True if a field of the space is searched, given the values of the fields above it."""
        values = merge(self.base.model_dump(mode="json"), nested(params))
        return all(_value(values, other) == wanted for other, wanted in self.sweep.space[field].when.items())

    @property
    def by(self) -> str:
        """Unit that is scored: `slice` or `subject`."""
        return self.sweep.by or ("subject" if self.base.protocol.keeps_subjects_apart else "slice")

    @property
    def question(self) -> str:
        """JSON of all that must be equal for two sweeps to share trials: base, space, objective, sampler, pruner."""
        sweep = self.sweep.model_dump(mode="json", exclude={"name", "description", "trials", "minutes", "final"})
        # only values that differ from the defaults, as in a run's hash: a setting added later changes no question
        base = self.base.model_dump(mode="json", exclude_defaults=True,
                                    exclude={"name": True, "description": True, "seeds": True, "tracking": True,
                                             "data": {"source", "kaggle"}})  # fmt: skip
        base = {section: values for section, values in base.items() if values != {}}
        return json.dumps({**sweep, "base": base, "by": self.by}, sort_keys=True)


def is_sweep(path: Path) -> bool:
    """Return True if a file holds a sweep and not an experiment; raises ExperimentError where it cannot be read."""
    return "space" in read_file(path)


def load_sweep(
    path: Path, assignments: Sequence[str] = (), overrides: Mapping[str, Any] | None = None, **options: Any
) -> LoadedSweep:
    """Read and check a sweep file and its base.

    Args:
        path: The sweep file.
        assignments: ``a.b=value`` texts, applied to the base.
        overrides: Nested values that win over the base.
        options: Fields of the sweep that replace the file's; None keeps the file's.

    Raises:
        ExperimentError: The sweep or its base is wrong.
    """
    given = {key: value for key, value in options.items() if value is not None}
    try:
        sweep = Sweep.model_validate({"name": f"{path.stem}-sweep", **read_file(path), **given})
    except ValidationError as error:
        raise ExperimentError(f"{path}: {explain_validation(error, '', Sweep)}.") from None
    base_file = path.parent / sweep.base
    if not base_file.is_file():
        raise ExperimentError(f"{path}: base names {sweep.base}, but there is no file {base_file}.")
    values: dict[str, Any] = {"name": base_file.stem, **resolve(base_file)}
    assigned, laid_over = parse_assignments(assignments), dict(overrides or {})
    try:
        refuse_own(assigned)
    except ValueError as error:
        raise ExperimentError(f"--{error}.") from None
    for changes in (nested(sweep.set), laid_over, assigned):
        values = merge(values, changes)
    demo = laid_over if laid_over.get("demo") else {}
    loaded = LoadedSweep(path, sweep, base_file, validated(values, base_file), values, assigned, demo)
    if loaded.base.labels != "as_given" or loaded.base.sanity:
        raise ExperimentError(f"{path}: the base must be an experiment, and {base_file} is a sanity baseline.")
    return loaded


def sampled_ends(loaded: LoadedSweep) -> Iterator[Experiment]:
    """Yield the experiments in which one field has an end of its range or one of its choices; raises ExperimentError.

    The fields that it depends on have the values that it needs. If the ends fit the schema, so do the values between.
    """
    for field, parameter in loaded.sweep.space.items():
        for value in parameter.ends:
            yield loaded.experiment({**loaded.sweep.conditions(field), field: value})


def refuse_own(fields: Mapping[str, Any]) -> None:
    """Raise ValueError where a field is set that the sweep replaces."""
    own = [field for field in fields if field.split(".")[0] in OWN]
    if own:
        raise ValueError(f"set {own[0]} must be left out: a sweep has its own name, description, seeds and final.seeds")


def _listed(params: Mapping[str, Any]) -> str:
    return ", ".join(f"{field} {value}" for field, value in params.items())


def _value(values: Mapping[str, Any], field: str) -> Any:
    """Return the value of a dotted field; None where it does not exist."""
    for part in field.split("."):
        values = values.get(part) if isinstance(values, Mapping) else None  # type: ignore[assignment]
    return values
