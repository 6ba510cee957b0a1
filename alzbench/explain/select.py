"""The choice of the test images that are explained.

The checks of the maps use the images of the group `sample` only: it does not depend on any prediction, so all runs with
the same test images have the same sample. The groups `error` and `right` are examples for people, chosen for their
confidence. An image of the sample stays in the sample even if it is one of the examples. So to show the most confident
errors, sort all explained images by confidence: each of them is there.

A *unit* is an image, or for a model that classifies subjects a subject with all its images.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pandas as pd

from alzbench.errors import ExperimentError
from alzbench.evaluation.predictions import class_names, with_confidence
from alzbench.store.explanation import Group

EXAMPLES = 4  # of the most confident errors, and of the most confident right predictions, for each true class


def choose(tables: Sequence[pd.DataFrame], number: int = 200, whole_subjects: bool = False) -> list[pd.DataFrame]:
    """Choose test images of each run.

    At most half of the images are examples: up to EXAMPLES errors and EXAMPLES right predictions of each true class, by
    the first run, among the images that all runs have, so that they can be shown side by side. The others are the
    sample, of all test images of the run: equally many of each class, and in a class of each subject, as far as there
    are so many. Runs without a common image have their own examples.

    Args:
        tables: The predictions table of each run.
        number: Largest number of images of a run; with whole subjects one subject may have more.
        whole_subjects: Choose all images of a subject, or none.

    Returns:
        For each run the chosen rows of its table, in its order, with the column group.

    Raises:
        ExperimentError: The number is below 1.
    """
    if number < 1:
        raise ExperimentError(f"--images must be at least 1, got {number}.")
    common = set.intersection(*(set(table["image"]) for table in tables))
    shared = tables[0][tables[0]["image"].isin(common)]
    return [_choose(table, shared if len(shared) else table, number, whole_subjects) for table in tables]


def _choose(table: pd.DataFrame, shown: pd.DataFrame, number: int, whole_subjects: bool) -> pd.DataFrame:
    """Choose images of one run, with the examples among those of `shown`."""
    unit_of, classes = _unit_of(table, whole_subjects), class_names(table)
    units, shown_units = _units(table, unit_of), _units(shown, _unit_of(shown, whole_subjects))
    examples = min(2 * EXAMPLES * len(classes) * int(units["images"].max()), number // 2)
    groups: dict[str, Group] = {}
    _fill(groups, [(unit, "sample") for unit in _spread(units, classes)], units, max(1, number - examples))
    _fill(groups, _examples(shown_units, classes), units, number)
    return table.assign(group=unit_of.map(groups)).dropna(subset="group").reset_index(drop=True)


def _unit_of(table: pd.DataFrame, whole_subjects: bool) -> pd.Series[str]:
    return table["subject"].where(table["subject"] != "", table["image"]) if whole_subjects else table["image"]


def _units(table: pd.DataFrame, unit_of: pd.Series[str]) -> pd.DataFrame:
    """Return a row for each unit: label, subject, number of images, confidence (mean), right (most images), digest."""
    grouped = with_confidence(table).groupby(unit_of.to_numpy())
    units = grouped.agg(
        label=("label", "first"),
        subject=("subject", "first"),
        images=("image", "size"),
        confidence=("confidence", "mean"),
        right=("right", "mean"),
    )
    digests = [hashlib.blake2b(str(unit).encode()).hexdigest() for unit in units.index]
    return units.assign(right=units["right"] > 1 / 2, digest=digests)


def _spread(units: pd.DataFrame, classes: Sequence[str]) -> list[str]:
    """Return the units in an order whose every beginning is spread over the classes and subjects."""
    own = units["subject"].where(
        units["subject"] != "", units.index.to_series()
    )  # an unknown subject is one of its own
    ordered = units.assign(subject=own).sort_values("digest")
    ordered["rank"] = ordered.groupby(["label", "subject"]).cumcount()
    ordered = ordered.sort_values(["rank", "digest"])
    ordered["rank"] = ordered.groupby("label").cumcount()
    ordered["class"] = ordered["label"].map(classes.index)
    return ordered.sort_values(["rank", "class"]).index.tolist()


def _examples(units: pd.DataFrame, classes: Sequence[str]) -> list[tuple[str, Group]]:
    """Return the examples with their group: first the most confident one of each class and group, then the second."""
    kinds: tuple[tuple[Group, bool], ...] = (("error", False), ("right", True))
    ranked = []
    for place, (group, right) in enumerate(kinds):
        for label, name in enumerate(classes):
            of_kind = units[(units["label"] == name) & (units["right"] == right)].rename_axis("unit").reset_index()
            of_kind = of_kind.sort_values(["confidence", "unit"], ascending=[False, True])
            ranked += [(rank, place, label, unit, group) for rank, unit in enumerate(of_kind["unit"].head(EXAMPLES))]
    return [(unit, group) for _, _, _, unit, group in sorted(ranked)]


def _fill(groups: dict[str, Group], ordered: Sequence[tuple[str, Group]], units: pd.DataFrame, number: int) -> None:
    """Add units without a group in their order, while there are at most `number` images; at least one unit."""
    images = units["images"].to_dict()
    total = sum(images[unit] for unit in groups)
    for unit, group in ordered:
        if unit in groups:
            continue
        if groups and total + images[unit] > number:
            break
        groups[unit] = group
        total += images[unit]
