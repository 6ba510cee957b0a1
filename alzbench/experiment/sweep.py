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

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from alzbench.errors import ExperimentError
from alzbench.experiment.explain import explain_validation
from alzbench.experiment.loading import file_values, merge, nested, parse_assignments, read_file, validated
from alzbench.experiment.parameter import Parameter
from alzbench.experiment.schema import Experiment, canonical
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
REPLACED = ("name", "description", "seeds")  # the sweep has its own, so a value for the base would be lost


class Final(StrictModel):
    """Test of the best experiment and its base."""

    seeds: Seeds = Field([0, 1, 2], description="seeds of the runs of both; [] for no test")


class Sweep(StrictModel):
    """A sweep file."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$", description="default: the file's name and -sweep")
    description: str = ""
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
    trials: int = Field(40, ge=1)
    minutes: float | None = Field(None, gt=0, description="time after which no trial is started")
    seed: int = Field(0, ge=0, description="seed of the sampler")
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] = Field(
        [0],
        description="seeds of each trial's runs, all on the split of the first; the objective is the mean over them",
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
        refuse_replaced(self.set)
        for field in self.space:
            if any(field == fixed or field.startswith(f"{fixed}.") for fixed in FIXED):
                raise ValueError(f"space.{field} cannot be searched, as trials could not be compared; put it under set")
        return self

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


@dataclass(frozen=True)
class LoadedSweep:
    """A checked sweep with its base.

    Attributes:
        file: The sweep's file.
        sweep: Its content.
        base_file: The base's file.
        base: The base with the sweep's `set` and the command's assignments, as it is tested beside the best.
    """

    file: Path
    sweep: Sweep
    base_file: Path
    base: Experiment
    _values: dict[str, Any]  # of the base
    _assigned: dict[str, Any]  # from --set
    _demo: dict[str, Any]  # from --demo

    def experiment(self, params: Mapping[str, Any]) -> Experiment:
        """Return the experiment of a trial; raises ExperimentError if the values do not fit together."""
        return self._with(params, self.sweep.name, f"trial of {self.sweep.name}", self.sweep.seeds)

    def best(self, params: Mapping[str, Any], description: str) -> Experiment:
        """Return the experiment that tests the best trial's values, on the split of the trials."""
        return self._with(params, self.best_name, description, self.sweep.final.seeds or [0])

    def final_base(self) -> Experiment:
        """Return the experiment that tests the base, with the seeds and the split of the best."""
        protocol = self.base.protocol.model_copy(update={"split_seed": self.split_seed})
        return self.base.model_copy(update={"protocol": protocol, "seeds": self.sweep.final.seeds})

    def _with(self, params: Mapping[str, Any], name: str, description: str, seeds: list[int]) -> Experiment:
        values = merge(merge(self._values, nested(params)), self._split)
        values |= {"name": name, "description": description, "seeds": seeds}
        return validated(values, self.file, f"with {_as_text(params)}" if params else "")

    def changes(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of a trial's experiment file, which extends the base.

        The source of the images and the tracking are left out: they are chosen by whoever runs the file.
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

        If each seed had its own split, test images of one seed would be training or validation images of another.
        """
        split_seed = self.base.protocol.split_seed
        return self.sweep.seeds[0] if split_seed is None else split_seed

    @property
    def _split(self) -> dict[str, Any]:
        return {"protocol": {"name": self.base.protocol.name, "split_seed": self.split_seed}}

    @property
    def nested_test(self) -> bool:
        """True if no trial uses the test images; with folds, every trial trains on all of them."""
        return self.base.protocol.test_folds == [None]

    def is_searched(self, field: str, params: Mapping[str, Any]) -> bool:
        """Return True if a field of the space is searched, given the values of the fields above it."""
        values = merge(self.base.model_dump(mode="json"), nested(params))
        return all(_lookup(values, other) == value for other, value in self.sweep.space[field].when.items())

    @property
    def by(self) -> str:
        """Unit that is scored: `slice` or `subject`."""
        return self.sweep.by or ("subject" if self.base.protocol.keeps_subjects_apart else "slice")

    @property
    def question(self) -> str:
        """JSON of the settings that must be equal for two sweeps to share trials.

        It is stored with the trials, so the JSON of a given sweep must never change.
        """
        sweep = self.sweep.model_dump(mode="json", exclude={"name", "description", "trials", "minutes", "final"})
        # as in a run's hash, only values that differ from the defaults: new settings of experiments do not change it
        base = canonical(self.base).model_dump(mode="json", exclude_defaults=True,
                                    exclude={"name": True, "description": True, "seeds": True, "tracking": True,
                                             "data": {"source", "kaggle"}})  # fmt: skip
        base = {section: values for section, values in base.items() if values != {}}
        return json.dumps({**sweep, "base": base, "by": self.by}, sort_keys=True)


def is_sweep(path: Path) -> bool:
    """Return True if a file holds a sweep and not an experiment; raises ExperimentError if it cannot be read."""
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
        ExperimentError: The sweep or its base is invalid.
    """
    replaced = {key: value for key, value in options.items() if value is not None}
    try:
        sweep = Sweep.model_validate({"name": f"{path.stem}-sweep", **read_file(path), **replaced})
    except ValidationError as error:
        raise ExperimentError(f"{path}: {explain_validation(error, '', Sweep)}") from None
    base_file = path.parent / sweep.base
    if not base_file.is_file():
        raise ExperimentError(f"{path}: base names {sweep.base}, but there is no file {base_file}.")
    values = file_values(base_file)
    assigned, overrides = parse_assignments(assignments), dict(overrides or {})
    try:
        refuse_replaced(assigned)
    except ValueError as error:
        raise ExperimentError(f"--{error}.") from None
    for changes in (nested(sweep.set), overrides, assigned):
        values = merge(values, changes)
    demo = overrides if overrides.get("demo") else {}
    loaded = LoadedSweep(path, sweep, base_file, validated(values, base_file), values, assigned, demo)
    if loaded.base.labels != "as_given" or loaded.base.sanity:
        raise ExperimentError(
            f"{path}: the base must not be a sanity baseline, and {base_file} is one; name another base."
        )
    return loaded


def boundary_experiments(loaded: LoadedSweep) -> Iterator[Experiment]:
    """Yield an experiment for each choice and each end of a range, to check them; raises ExperimentError.

    In each of them one field is changed, and the fields that it depends on. If both ends of a range fit the schema, so
    do the values between them.
    """
    for field, parameter in loaded.sweep.space.items():
        for value in parameter.ends:
            yield loaded.experiment({**loaded.sweep.conditions(field), field: value})


def refuse_replaced(fields: Mapping[str, Any]) -> None:
    """Raise ValueError if a field is set that the sweep replaces."""
    replaced = [field for field in fields if field.split(".")[0] in REPLACED]
    if replaced:
        raise ValueError(
            f"set {replaced[0]} must be left out: a sweep has its own name, description, seeds and final.seeds"
        )


def _as_text(params: Mapping[str, Any]) -> str:
    return ", ".join(f"{field} {value}" for field, value in params.items())


def _lookup(values: Mapping[str, Any], field: str) -> Any:
    """Return the value of a dotted field; None if it does not exist."""
    for part in field.split("."):
        values = values.get(part) if isinstance(values, Mapping) else None  # type: ignore[assignment]
    return values
