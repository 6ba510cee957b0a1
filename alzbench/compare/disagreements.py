"""Where experiments disagree: the images, and with them the subjects, about which not all of them answer the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from alzbench.compare.table import Comparison, Group
from alzbench.store import read_run


def disagreements(comparison: Comparison) -> pd.DataFrame:
    """Return a row an image that the experiments of a group answer differently, from the first seed they all have.

    Returns:
        Columns protocol, data, seed, image, subject, slice, label, and each experiment's answer; those of other groups
        are empty. Sanity rows, and experiments without predictions, are left out.
    """
    tables = [table for group in comparison.groups if (table := _of_group(group)) is not None]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=["protocol", "image"])


def disputed_subjects(group: Group, most: int) -> pd.DataFrame | None:
    """Return a row a subject of which a group's experiments answer some image differently, the most disputed first.

    Args:
        group: The group.
        most: How many experiments are looked at, the first ones.

    Returns:
        Columns subject, label, slices, differ (slices answered differently), and of each experiment the share of its
        slices that are right, in [0, 1], from the first seed they all have. None where subjects are not known, or there
        are no two experiments to set side by side.
    """
    answers = _answers_of(group, most)
    if answers is None or (answers.about["subject"] == "").any():
        return None
    subject, label = answers.about["subject"], answers.about["label"]
    right = answers.predicted.eq(label, axis=0).groupby(subject).mean()
    about = pd.DataFrame({"label": label.groupby(subject).first(), "slices": label.groupby(subject).size()})
    about["differ"] = answers.differ.groupby(subject).sum()
    spread = right.max(axis=1) - right.min(axis=1)
    order = spread[about["differ"] > 0].sort_values(ascending=False, kind="stable").index
    return about.join(right).loc[order].reset_index()


@dataclass(frozen=True)
class _SideBySide:
    """What experiments answered about the same images, from one seed; the index of each table is the image."""

    seed: int
    about: pd.DataFrame  # subject, slice, label
    predicted: pd.DataFrame  # a column an experiment

    @property
    def differ(self) -> pd.Series[bool]:
        return self.predicted.nunique(axis=1, dropna=False) > 1


def _of_group(group: Group) -> pd.DataFrame | None:
    answers = _answers_of(group)
    if answers is None:
        return None
    found = answers.about.join(answers.predicted)[answers.differ].reset_index()
    found.insert(0, "protocol", group.protocol)
    found.insert(1, "data", group.data)
    found.insert(2, "seed", answers.seed)
    return found


def _answers_of(group: Group, most: int | None = None) -> _SideBySide | None:
    """Return the answers of a group's experiments; None where no two of them share a seed and have predictions."""
    rows = [row for row in group.rows if not row.sanity and row.seeds][:most]
    seeds = set.intersection(*(set(row.seeds) for row in rows)) if len(rows) > 1 else set()
    if not seeds:
        return None
    seed = min(seeds)
    answers = {row.label: table for row in rows if (table := _answers(row.folders, seed)) is not None}
    if len(answers) < 2:
        return None
    predicted = pd.concat({label: table["predicted"] for label, table in answers.items()}, axis=1, join="inner")
    about = next(iter(answers.values()))[["subject", "slice", "label"]].loc[predicted.index]
    return _SideBySide(seed, about, predicted)


def _answers(folders: tuple[str, ...], seed: int) -> pd.DataFrame | None:
    """Return the predictions of one seed, all folds together, by image; None where some are not there."""
    runs = [run for run in map(read_run, map(Path, folders)) if run.card.seed == seed]
    if not all((run.path / "predictions.csv").is_file() for run in runs):
        return None
    return pd.concat([run.predictions() for run in runs]).set_index("image")
