"""Studies: a base experiment and factors, expanded into experiments by a plan.

    base: ../baseline.yaml
    set: {data.size: 160}
    plan: add_one
    factors:
      imbalance:
        smote: {imbalance.name: smote}
      attention:
        dot_product: {model.variant: attention}

A factor has one or more levels; a level is a set of fields and values. `add_one` runs the base, and the base with each
level alone. `leave_one_out` runs the base with all factors, and with all but one of them in turn. `grid` runs all
combinations, with and without each factor.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from alzbench.errors import ExperimentError
from alzbench.experiment.explain import explain_validation
from alzbench.experiment.loading import (
    file_values,
    merge,
    nested,
    parse_assignments,
    read_file,
    resolve,
    validated,
    with_absolute_files,
)
from alzbench.experiment.schema import Experiment
from alzbench.experiment.strict import StrictModel
from alzbench.shipped import find_base

Level = Annotated[dict[str, Any], Field(min_length=1)]
Combination = tuple[tuple[str, str], ...]  # pairs of a factor and one of its levels


class Study(StrictModel):
    """A plan of experiments. `protocols` and `seeds` replace those of the base."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$", description="default: the file's name")
    description: str = Field("", description="one line for tables")
    base: str = Field(description="experiment file that the factors change, relative to the study's file")
    set: dict[str, Any] = Field({}, description="fields of the base and the values they have in every experiment")
    plan: Literal["add_one", "leave_one_out", "grid"] = Field(
        description="`add_one`: the base, and the base with each level alone; `leave_one_out`: all factors together, "
        "and all without each one; `grid`: all combinations"
    )
    factors: dict[str, Annotated[dict[str, Level], Field(min_length=1)]] = Field(
        min_length=1, description="factor -> level -> fields and values"
    )
    protocols: Annotated[list[str], Field(min_length=1)] | None = Field(
        None, description="names of protocols; each runs the whole plan"
    )
    seeds: list[int] | None = Field(None, description="seeds of all experiments; null: those of the base")

    @model_validator(mode="after")
    def _set_fits(self) -> Self:
        own = {"name": "name", "description": "description", "seeds": "seeds"}
        own |= {"protocol": "protocols", "protocol.name": "protocols"} if self.protocols else {}
        replaced = [field for field in self.set if field in own]
        if replaced:
            raise ValueError(f"set {replaced[0]} must be left out: a study has its own {own[replaced[0]]}")
        return self


def is_study(path: Path) -> bool:
    """Return True if a file holds a study and not an experiment; raises ExperimentError if it cannot be read."""
    return "plan" in read_file(path) or "factors" in read_file(path)


def load_study(path: Path) -> Study:
    """Read and check a study file; raises ExperimentError."""
    try:
        study = Study.model_validate({"name": path.stem, **read_file(path)})
    except ValidationError as error:
        raise ExperimentError(f"{path}: {explain_validation(error, '', Study)}") from None
    levels = [level for factor in study.factors.values() for level in factor]
    repeated = sorted({level for level in levels if levels.count(level) > 1})
    if repeated:
        raise ExperimentError(
            f"{path}: levels must have different names, as experiments are named after them; {repeated[0]} is repeated."
        )
    if study.plan == "leave_one_out":
        several = [name for name, factor in study.factors.items() if len(factor) > 1]
        if several:
            raise ExperimentError(
                f"{path}: leave_one_out takes one level for each factor, as it combines all factors; {several[0]} has "
                f"{', '.join(study.factors[several[0]])}."
            )
    return study


def expand_study(
    path: Path, assignments: Sequence[str] = (), overrides: Mapping[str, Any] | None = None
) -> list[Experiment]:
    """Return the experiments of a study; the base, if it is part of the plan, comes first.

    Args:
        path: The study file.
        assignments: ``a.b=value`` texts, applied to the base, so that they do not undo a factor.
        overrides: Nested values that win over the base and over the study's seeds.

    Raises:
        ExperimentError: The study or one of its experiments is invalid; the message names it.
    """
    study = load_study(path)
    base_path = find_base(study.base, path.parent)
    if not base_path.is_file():
        raise ExperimentError(f"{path}: base names {study.base}, but there is no file {base_path}.")
    values = merge(file_values(base_path), with_absolute_files(nested(study.set), path.parent))
    if study.seeds is not None:
        values["seeds"] = study.seeds
    overrides, assigned = dict(overrides or {}), parse_assignments(assignments)
    for changes in (overrides, assigned):
        values = merge(values, changes)
    base = validated(values, path if study.set else base_path)
    is_set = "name" in merge(overrides, assigned).get("protocol", {})
    protocols = [base.protocol.name] if is_set else study.protocols or [base.protocol.name]
    experiments = []
    for protocol in dict.fromkeys(protocols):
        for title, combination in _combinations(study, base.name):
            changed = merge(values, {"protocol": {"name": protocol}})
            for factor, level in combination:
                changed = merge(changed, with_absolute_files(nested(study.factors[factor][level]), path.parent))
            if combination:
                with_levels = ", ".join(level for _, level in combination)
                changed |= {"name": title, "description": f"{base.name} with {with_levels}"}
            experiments.append(validated(changed, path, _listed(combination)))
    _check_names(path, experiments)
    return experiments


def _check_names(path: Path, experiments: Sequence[Experiment]) -> None:
    names = [f"{experiment.name} ({experiment.protocol.name})" for experiment in experiments]
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise ExperimentError(
            f"{path}: experiments must have different names, and two would be named {repeated[0]}; rename one of their "
            "levels."
        )


def levels_of(path: Path) -> dict[str, frozenset[tuple[str, str]]]:
    """Return the pairs of factor and level of each experiment of a study, by the experiment's name."""
    study = load_study(path)
    base = str(resolve(find_base(study.base, path.parent)).get("name", Path(study.base).stem))
    return {name: frozenset(combination) for name, combination in _combinations(study, base)}


def _combinations(study: Study, base: str) -> Iterator[tuple[str, Combination]]:
    """Yield the name and the levels of each experiment of the plan."""
    single = [(factor, level) for factor, levels in study.factors.items() for level in levels]
    if study.plan == "add_one":
        yield base, ()
        for pair in single:
            yield f"{base}-{pair[1]}", (pair,)
    elif study.plan == "leave_one_out":
        yield f"{study.name}-all", tuple(single)
        for left_out in single:
            yield f"{study.name}-without-{left_out[0]}", tuple(pair for pair in single if pair != left_out)
    else:
        choices = [[None, *((factor, level) for level in levels)] for factor, levels in study.factors.items()]
        for choice in itertools.product(*choices):
            chosen = tuple(pair for pair in choice if pair is not None)
            yield "-".join([base, *(level for _, level in chosen)]), chosen


def _listed(combination: Combination) -> str:
    """Return the levels of an experiment, for errors."""
    if not combination:
        return ""
    return "with " + ", ".join(f"factors.{factor}.{level}" for factor, level in combination)
