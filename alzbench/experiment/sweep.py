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

Only the validation part decides; what the test part says is first asked of the best experiment, at the end.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from alzbench.errors import ExperimentError
from alzbench.experiment.explain import explain_validation
from alzbench.experiment.loading import merge, nested, read_file, resolve, settings_values, validated
from alzbench.experiment.schema import Experiment
from alzbench.experiment.search import NoPruner, PrunerSettings, SamplerSettings, TpeSampler
from alzbench.experiment.section import Section

Objective = Literal["macro_f1", "accuracy", "balanced_accuracy", "loss"]


def _finite_number(value: Any) -> Any:
    if value is not None and (
        isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value)
    ):
        raise ValueError("must be a finite number")
    return value


Number = Annotated[int | float, BeforeValidator(_finite_number)]

# What decides which images a trial learns from and is judged by, or what it is called: with several values of these,
# trials would not be comparable.
FIXED = (
    "name", "description", "seeds", "labels", "sanity", "demo", "protocol", "model.file",
    "data.source", "data.kaggle", "data.classes", "data.on_corrupt", "tracking",
)  # fmt: skip


class Parameter(Section):
    """The values that a field may take: a range, or choices."""

    low: Number | None = Field(None, description="smallest value; a range of whole numbers where both ends are")
    high: Number | None = None
    log: bool = Field(False, description="search the logarithm")
    step: Number | None = Field(None, gt=0, description="distance of the values")
    choices: Annotated[list[Any], Field(min_length=1)] | None = None
    when: dict[str, Any] = Field({}, description="other fields and the value each must have; else the base's holds")

    @field_validator("choices")
    @classmethod
    def _choices_are_plain(cls, choices: list[Any] | None) -> list[Any] | None:
        if any(not isinstance(choice, str | int | float | None) for choice in choices or []):
            raise ValueError("each choice must be a text, a number, true, false or null")
        return choices

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Parameter:
        if (self.choices is None) == (self.low is None and self.high is None):
            raise ValueError("must be either low and high, or choices")
        if self.choices is not None:
            if self.log or self.step is not None:
                raise ValueError("log and step are for a range, not for choices")
            if len({(type(c), c) for c in self.choices}) < len(self.choices):
                raise ValueError("choices must differ")
            return self
        if self.low is None or self.high is None:
            raise ValueError("a range must have low and high")
        if self.low > self.high:
            raise ValueError(f"low must not be above high, and {self.low} is above {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"low must be above 0 for log, and it is {self.low}")
        if self.log and self.step is not None and not (self.whole and self.step == 1):
            raise ValueError("log and step exclude each other")
        if self.whole and isinstance(self.step, float):
            raise ValueError("the step of whole numbers must be one")
        steps = (self.high - self.low) / self.step if self.step else 0
        if abs(steps - round(steps)) > 1e-8:
            raise ValueError("high must be low and a multiple of step")
        return self

    @property
    def whole(self) -> bool:
        """Whether it is a range of whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def ends(self) -> list[Any]:
        """The values that show whether a field takes them: both ends, or all choices."""
        return [self.low, self.high] if self.choices is None else list(self.choices)


class Final(Section):
    """What is done with the best configuration."""

    seeds: list[Annotated[int, Field(ge=0)]] = Field([0, 1, 2], description="of its runs and the base's; none: []")


class Sweep(Section):
    """A sweep file."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$", description="default: the file's name and -sweep")
    description: str = ""
    base: str = Field(description="the experiment file whose fields are searched, relative to the sweep's")
    set: dict[str, Any] = Field({}, description="fields of the base and their values, the same in every trial")
    space: dict[str, Parameter] = Field(min_length=1, description="fields and their values")
    objective: list[Objective] = Field(
        ["macro_f1"],
        min_length=1,
        max_length=2,
        strict=False,
        description="of the validation part; one, or two at once",
    )
    by: Literal["slice", "subject"] | None = Field(
        None, description="what is scored; default: subject where the protocol keeps subjects apart, else slice"
    )
    sampler: SamplerSettings = TpeSampler()
    pruner: PrunerSettings = NoPruner()
    trials: int = Field(40, ge=1)
    minutes: float | None = Field(None, gt=0, description="no trial is begun later than this after the start")
    seed: int = Field(0, ge=0, description="of the sampler")
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] = Field(
        [0], description="of each trial's runs; the objective is their mean"
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
        for field, parameter in self.space.items():
            if any(field == fixed or field.startswith(f"{fixed}.") for fixed in FIXED):
                raise ValueError(f"space.{field} cannot be searched, as trials could not be compared; use set for it")
            earlier = list(self.space)[: list(self.space).index(field)]
            late = [other for other in parameter.when if other in self.space and other not in earlier]
            if late:
                raise ValueError(f"space.{field} depends on {late[0]}, which must stand above it")
        return self


@dataclass(frozen=True)
class LoadedSweep:
    """A checked sweep with its base.

    Attributes:
        file: The sweep's file.
        sweep: What it says.
        base_file: The base's file.
        base: The base with the sweep's `set` and the settings of the command, as it is run beside the best.
    """

    file: Path
    sweep: Sweep
    base_file: Path
    base: Experiment
    _values: dict[str, Any]  # of the base
    _settings: dict[str, Any]  # of the command

    def experiment(self, params: Mapping[str, Any]) -> Experiment:
        """Return the experiment of a trial; raises ExperimentError where the values do not fit together."""
        values = merge(self._values, nested(params))
        values |= {"name": self.sweep.name, "description": f"trial of {self.sweep.name}", "seeds": self.sweep.seeds}
        return validated(values, self.file, f"with {_listed(params)}" if params else "")

    def changes(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return what an experiment file that extends the base's must say to be the trial's.

        Where the images lie, and where runs are mirrored to, is left to who runs it.
        """
        said = merge(merge(nested(self.sweep.set), self._settings), nested(params))
        said.pop("tracking", None)
        data = {key: value for key, value in said.pop("data", {}).items() if key != "source"}
        return {**({"data": data} if data else {}), **said}

    def applies(self, field: str, params: Mapping[str, Any]) -> bool:
        """Return whether a field of the space is searched, with these values of those above it."""
        values = merge(self.base.model_dump(mode="json"), nested(params))
        return all(_value(values, other) == wanted for other, wanted in self.sweep.space[field].when.items())

    @property
    def by(self) -> str:
        """What is scored: `slice` or `subject`."""
        return self.sweep.by or ("subject" if self.base.protocol.name.startswith("subject") else "slice")

    @property
    def question(self) -> str:
        """All that makes two sweeps comparable trial by trial, as JSON: base, space, objective, sampler, pruner."""
        sweep = self.sweep.model_dump(mode="json", exclude={"name", "description", "trials", "minutes", "final"})
        base = self.base.model_dump(mode="json", exclude={"name": True, "description": True, "seeds": True,
                                                          "tracking": True, "data": {"source", "kaggle"}})  # fmt: skip
        return json.dumps({**sweep, "base": base, "by": self.by}, sort_keys=True)


def is_sweep(path: Path) -> bool:
    """Return whether a file holds a sweep and not an experiment; raises ExperimentError where it cannot be read."""
    return "space" in read_file(path)


def load_sweep(
    path: Path, settings: Sequence[str] = (), overrides: Mapping[str, Any] | None = None, **options: Any
) -> LoadedSweep:
    """Read a sweep file and its base, and check that the base takes all values of the space.

    Args:
        path: The sweep file.
        settings: ``a.b=value`` texts, applied to the base.
        overrides: Nested values that win over the base.
        options: Fields of the sweep to use instead of the file's; None: the file's.

    Raises:
        ExperimentError: The sweep or its base is wrong, or a value of the space does not fit.
    """
    given = {key: value for key, value in options.items() if value is not None}
    try:
        sweep = Sweep.model_validate({"name": f"{path.stem}-sweep", **read_file(path), **given})
    except ValidationError as error:
        raise ExperimentError(f"{path}: {explain_validation(error, '', Sweep)}.") from None
    base_file = path.parent / sweep.base
    if not base_file.is_file():
        raise ExperimentError(f"{path}: base names {sweep.base}, but there is no file {base_file}.")
    values, said = {"name": base_file.stem, **resolve(base_file)}, settings_values(settings)
    for changes in (nested(sweep.set), dict(overrides or {}), said):
        values = merge(values, changes)
    loaded = LoadedSweep(path, sweep, base_file, validated(values, base_file), values, said)
    if loaded.base.labels != "as_given" or loaded.base.sanity:
        raise ExperimentError(f"{path}: the base must be an experiment, and {base_file} is a sanity check.")
    return loaded


def sampled_ends(loaded: LoadedSweep) -> Iterator[Experiment]:
    """Yield the experiments in which one field has an end of its range, or a choice; raises ExperimentError.

    Where each of them fits, so do all values between them.
    """
    for field, parameter in loaded.sweep.space.items():
        for value in parameter.ends:
            yield loaded.experiment({**parameter.when, field: value})


def _listed(params: Mapping[str, Any]) -> str:
    return ", ".join(f"{field} {value}" for field, value in params.items())


def _value(values: Mapping[str, Any], field: str) -> Any:
    """Return the value of a dotted field; None where there is none."""
    for part in field.split("."):
        values = values.get(part) if isinstance(values, Mapping) else None  # type: ignore[assignment]
    return values
