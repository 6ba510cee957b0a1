"""The predictions of experiments, read from their runs, all with the class names of their group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from alzbench.compare.ensembles import Ensemble, make_ensemble
from alzbench.compare.table import Group
from alzbench.evaluation.scores import Scores, Tables, probability_scores
from alzbench.evaluation.subgroups import SubgroupScores, find_subgroups, score_subgroups
from alzbench.store import Run

MOST_SIDE_BY_SIDE = 9  # experiments whose predictions are read for tables and figures; more cannot be read side by side


@dataclass(frozen=True)
class GroupPredictions:
    """The predictions of the first experiments of a group.

    Attributes:
        tables: Experiment -> its predictions.
        labels_only: Experiments whose predictions are labels without probabilities.
        without: Experiments with a run whose predictions are not stored.
        scores: Experiment with probabilities -> its metrics of probabilities.
        subgroups: Experiment -> its scores by age and sex; empty without these.
        ensembles: Experiment with probabilities -> the mean prediction of its seeds, if they have the same test images.
    """

    tables: Mapping[str, Tables]
    labels_only: tuple[str, ...]
    without: tuple[str, ...]
    scores: Mapping[str, Scores]
    subgroups: Mapping[str, Sequence[SubgroupScores]] = field(default_factory=dict)
    ensembles: Mapping[str, Ensemble] = field(default_factory=dict)


def read_group(group: Group) -> GroupPredictions:
    """Read and score the predictions of the first MOST_SIDE_BY_SIDE experiments of a group.

    Raises:
        DataError: A file is damaged.
    """
    tables: dict[str, Tables] = {}
    labels_only, without = [], []
    for row in [row for row in group.rows if row.seeds and not row.sanity][:MOST_SIDE_BY_SIDE]:
        predictions = read_predictions(row.runs, group.classes)
        if predictions is None:
            without.append(row.label)
            continue
        tables[row.label] = predictions
        if any(run.metrics().labels_only for run in row.runs):
            labels_only.append(row.label)
    scores = {label: probability_scores(table) for label, table in tables.items() if label not in labels_only}
    subgroups = _subgroups(group, tables, labels_only)
    ensembles = _ensembles(group, {label: tables[label] for label in scores})
    return GroupPredictions(tables, tuple(labels_only), tuple(without), scores, subgroups, ensembles)


def _ensembles(group: Group, tables: Mapping[str, Tables]) -> dict[str, Ensemble]:
    rows = [row for row in group.rows if row.label in tables]
    made = {row.label: make_ensemble(tables[row.label], row.runs[0].metrics().healthy_label) for row in rows}
    return {label: ensemble for label, ensemble in made.items() if ensemble is not None}


def _subgroups(
    group: Group, tables: Mapping[str, Tables], labels_only: Sequence[str]
) -> dict[str, Sequence[SubgroupScores]]:
    """Score each experiment on the same subgroups, those of all test images of the group."""
    known: dict[str, pd.DataFrame] = {}
    healthy: dict[str, int | None] = {}
    for row in group.rows:
        described = [run.described() for run in row.runs] if row.label in tables else []
        if described and all(table is not None for table in described):
            known[row.label] = pd.concat([table for table in described if table is not None])
            healthy[row.label] = row.runs[0].metrics().healthy_label if row.has_demented else None
    if not known:
        return {}
    every = pd.concat(known.values())
    found = find_subgroups(every[~every.index.duplicated()].fillna(""))
    return {label: score_subgroups(tables[label], found, label not in labels_only, healthy[label]) for label in known}


def read_predictions(runs: Sequence[Run], classes: Sequence[str]) -> Tables | None:
    """Read the predictions of runs of an experiment, with one spelling of the classes.

    Args:
        runs: Runs of whole seeds.
        classes: The group's class names, in label order.

    Returns:
        None if the predictions of a run are not stored: the others alone do not match the experiment's scores.

    Raises:
        DataError: A file is damaged.
    """
    if not all(run.has_predictions() for run in runs):
        return None
    by_seed: dict[int, list[pd.DataFrame]] = {}
    for run in runs:
        by_seed.setdefault(run.card.seed, []).append(run.predictions(classes=classes))
    return {seed: pd.concat(folds, ignore_index=True) for seed, folds in by_seed.items()}
