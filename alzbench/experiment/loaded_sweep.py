"""Sweeps with their bases: the experiments of trials, and those that test the best of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from alzbench.errors import ExperimentError
from alzbench.experiment.explain import explain_validation
from alzbench.experiment.loading import file_values, merge, nested, parse_assignments, read_file, validated
from alzbench.experiment.schema import Experiment, canonical
from alzbench.experiment.sweep import Sweep, refuse_replaced
from alzbench.shipped import find_base


@dataclass(frozen=True)
class LoadedSweep:
    """A checked sweep with its base.

    Attributes:
        file: The sweep's file.
        sweep: Its content.
        base_file: The base's file.
        base: The base with the sweep's `set` and the command's assignments, as it is tested beside the best.
        fold: The fold of the protocol in which this part of a nested sweep searches; None: all of them.
    """

    file: Path
    sweep: Sweep
    base_file: Path
    base: Experiment
    _values: dict[str, Any]  # of the base
    _assigned: dict[str, Any]  # from --set
    _demo: dict[str, Any]  # from --demo
    fold: int | None = None

    def parts(self) -> list[LoadedSweep]:
        """Return the searches of a nested sweep, one for each fold of the protocol; else the sweep itself."""
        if not self.sweep.nested or self.fold is not None:
            return [self]
        return [
            replace(self, fold=fold, sweep=self.sweep.model_copy(update={"name": f"{self.sweep.name}-fold-{fold}"}))
            for fold in self.base.protocol.test_folds
        ]

    @property
    def runs_per_trial(self) -> int:
        """Number of runs of each trial."""
        return len(self.sweep.seeds) * (len(self.base.protocol.test_folds) if self.fold is None else 1)

    def grid(self) -> list[dict[str, Any]]:
        """Return every combination of the choices whose conditions are met, in order."""
        combinations: list[dict[str, Any]] = [{}]
        for field, parameter in self.sweep.space.items():
            combinations = [
                {**params, **value}
                for params in combinations
                for value in (
                    [{field: choice} for choice in parameter.choices or ()] if self.is_searched(field, params) else [{}]
                )
            ]
        return combinations

    def experiment(self, params: Mapping[str, Any]) -> Experiment:
        """Return the experiment of a trial; raises ExperimentError if the values do not fit together."""
        return self._with(params, self.sweep.name, f"trial of {self.sweep.name}", self.sweep.seeds)

    def best(self, params: Mapping[str, Any], description: str) -> Experiment:
        """Return the experiment that tests the best trial's values, on the split of the trials."""
        return self._with(params, self.best_name, description, self.sweep.final.seeds or [0])

    def chosen(self, params: Mapping[str, Any]) -> Experiment:
        """Return the experiment that tests the values that one fold of a nested sweep chose."""
        description = f"settings chosen in each fold by {self.sweep.name}, without the test images"
        return self._with(params, self.nested_name, description, self.sweep.final.seeds or [0])

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
    def nested_name(self) -> str:
        """Name of the experiment with the settings that each fold of a nested sweep chose."""
        return f"{self.sweep.name}-nested"

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
        """True if no trial uses the test images; with folds, the trials of a sweep that is not nested do."""
        return self.sweep.nested or self.base.protocol.test_folds == [None]

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
        if not sweep["nested"]:  # the question is older than this setting
            del sweep["nested"]
        if self.fold is not None:
            sweep["fold"] = self.fold
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
    if not is_sweep(path):
        raise ExperimentError(
            f"{path} is no sweep, as it has no `space` of values to search; an experiment or a study is run with "
            f"`alzbench run {path}`."
        )
    try:
        sweep = Sweep.model_validate({"name": f"{path.stem}-sweep", **read_file(path), **replaced})
    except ValidationError as error:
        raise ExperimentError(f"{path}: {explain_validation(error, '', Sweep)}") from None
    base_file = find_base(sweep.base, path.parent)
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
    return _completed(loaded)


def _completed(loaded: LoadedSweep) -> LoadedSweep:
    """Return a sweep with the numbers that follow from its base and its space; raises ExperimentError."""
    sweep, protocol, changes = loaded.sweep, loaded.base.protocol, dict[str, Any]()
    if sweep.nested and protocol.test_folds == [None]:
        raise ExperimentError(
            f"{loaded.file}: nested: true needs a protocol with folds, and the base has the protocol {protocol.name}; "
            "add set: {protocol.name: subject_cv}."
        )
    validation_folds = getattr(protocol, "validation_folds", None)
    if validation_folds and "seeds" not in sweep.model_fields_set:  # every validation fold chooses
        changes["seeds"] = list(range(validation_folds))
    if sweep.sampler.name == "grid":
        changes["trials"] = len(loaded.grid())
    return replace(loaded, sweep=sweep.model_copy(update=changes)) if changes else loaded


def boundary_experiments(loaded: LoadedSweep) -> Iterator[Experiment]:
    """Yield an experiment for each choice and each end of a range, to check them; raises ExperimentError.

    In each of them one field is changed, and the fields that it depends on. If both ends of a range fit the schema, so
    do the values between them.
    """
    for field, parameter in loaded.sweep.space.items():
        for value in parameter.ends:
            yield loaded.experiment({**loaded.sweep.conditions(field), field: value})


def _as_text(params: Mapping[str, Any]) -> str:
    return ", ".join(f"{field} {value}" for field, value in params.items())


def _lookup(values: Mapping[str, Any], field: str) -> Any:
    """Return the value of a dotted field; None if it does not exist."""
    for part in field.split("."):
        values = values.get(part) if isinstance(values, Mapping) else None  # type: ignore[assignment]
    return values
