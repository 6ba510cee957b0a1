"""Scores of subgroups of the test images: bands of age, and sex."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from alzbench.evaluation.evaluate import evaluate
from alzbench.evaluation.intervals import FEWEST_CLUSTERS
from alzbench.evaluation.predictions import class_names
from alzbench.evaluation.scores import Scores, Tables, scores_over_seeds
from alzbench.evaluation.stacked import stack
from alzbench.evaluation.subject_counts import count_subjects

BOUNDS = (60.0, 70.0, 80.0)  # years; where the bands of age begin
MOST_SEXES = 10  # a column with more values is not a sex

Subgroups = Mapping[str, frozenset[str]]  # name -> images


@dataclass(frozen=True)
class SubgroupScores:
    """The scores of an experiment, or of one run, on a subgroup of its test images.

    Attributes:
        name: Name of the subgroup, such as `age 60 to 69`.
        images: Number of test images of a seed, the smallest number if seeds differ; seeds without any do not count.
        scores: The scores; their intervals are over the test subjects of the subgroup.
    """

    name: str
    images: int
    scores: Scores


def find_subgroups(covariates: pd.DataFrame) -> Subgroups:
    """Return the subgroups of test images by age and by sex; images whose value is missing are in none.

    The bands of age are below 60, 60 to 69, 70 to 79, and 80 or more years. If fewer than two of them have
    FEWEST_CLUSTERS subjects, they are the thirds of the subjects' ages.

    Args:
        covariates: Text columns subject and, if known, age and sex; the index is the image.
    """
    groups: dict[str, frozenset[str]] = {}
    if "age" in covariates:
        groups |= dict(_by_age(covariates))
    if "sex" in covariates:
        named = covariates.loc[covariates["sex"] != "", "sex"]
        if named.nunique() <= MOST_SEXES:
            groups |= {f"sex {sex}": frozenset(rows.index) for sex, rows in named.groupby(named)}
    return groups


def score_subgroups(
    tables: Tables, subgroups: Subgroups, probabilities: bool = True, healthy: int | None = 0
) -> list[SubgroupScores]:
    """Score predictions on each subgroup that has images.

    Args:
        tables: The predictions of each seed.
        subgroups: Those of the test images.
        probabilities: False if the tables have no real probabilities.
        healthy: Label of the class of healthy people; None if there is none.
    """
    scored = []
    for name, images in subgroups.items():
        parts = {seed: table[table["image"].isin(images)] for seed, table in tables.items()}
        parts = {seed: part.reset_index(drop=True) for seed, part in parts.items() if len(part)}
        if parts:
            classes = class_names(next(iter(parts.values())))
            evaluations = [evaluate(part, probabilities, healthy) for part in parts.values()]
            counts = stack({seed: [count_subjects(part, healthy)] for seed, part in parts.items()})
            scores = scores_over_seeds(evaluations, counts, classes)
            scored.append(SubgroupScores(name, min(map(len, parts.values())), scores))
    return scored


def _by_age(covariates: pd.DataFrame) -> Iterator[tuple[str, frozenset[str]]]:
    years = pd.to_numeric(covariates["age"], errors="coerce").dropna()
    subjects = covariates.loc[years.index, "subject"].where(lambda names: names != "", years.index.to_series())
    bounds = BOUNDS
    sizes = subjects.groupby(np.digitize(years, bounds)).nunique()
    if (sizes >= FEWEST_CLUSTERS).sum() < 2:
        people = pd.DataFrame({"subject": subjects, "age": years}).drop_duplicates()
        bounds = tuple(np.unique(np.quantile(people["age"], [1 / 3, 2 / 3], method="higher"))) if len(people) else ()
    band = pd.Series(np.digitize(years, bounds), years.index)
    for number, name in enumerate(_band_names(bounds)):
        if (band == number).any():
            yield name, frozenset(band.index[band == number])


def _band_names(bounds: tuple[float, ...]) -> list[str]:
    """Return `age below 60`, `age 60 to 69`, ..., `age 80 or more`."""
    if not bounds:
        return []
    whole = all(float(bound).is_integer() for bound in bounds)
    between = [
        f"age {low:g} to {high - 1:g}" if whole else f"age {low:g} to below {high:g}"
        for low, high in itertools.pairwise(bounds)
    ]
    return [f"age below {bounds[0]:g}", *between, f"age {bounds[-1]:g} or more"]
