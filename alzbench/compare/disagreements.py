"""Disagreements: images that experiments predict differently, and the subjects of these images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from alzbench.compare.predictions import GroupPredictions, read_predictions
from alzbench.compare.table import Comparison, Group

PREDICTED = "predicted_"  # prefix of the experiments' columns, so that an experiment may be named `label`

_ABOUT = ["protocol", "data", "seed", "image", "subject", "slice", "label"]


@dataclass(frozen=True)
class DisputedSubject:
    """A subject with slices that experiments predict differently.

    Attributes:
        subject: Its name.
        label: Its class.
        slices: Number of its test slices.
        differ: Number of them that are predicted differently.
        right: Experiment -> share of its slices that are predicted correctly, in [0, 1].
    """

    subject: str
    label: str
    slices: int
    differ: int
    right: dict[str, float]


def disagreements(comparison: Comparison) -> pd.DataFrame:
    """Return a row for each image that experiments of a group predict differently, for the first common seed.

    Returns:
        Columns protocol, data, seed, image, subject, slice, label, and `predicted_<name>` for each experiment; those of
        other groups are empty. Sanity baselines, and experiments without predictions, are left out.
    """
    tables = [table for group in comparison.groups if (table := _group_table(group)) is not None]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=_ABOUT)


def disputed_subjects(predictions: GroupPredictions) -> list[DisputedSubject]:
    """Return the subjects with slices that experiments predict differently, the most disputed first.

    For the first common seed. Empty if subjects are unknown, or if there are fewer than two experiments.
    """
    seed = _first_common([tuple(tables) for tables in predictions.tables.values()])
    if seed is None:
        return []
    side_by_side = _SideBySide.read({label: tables[seed] for label, tables in predictions.tables.items()})
    subject, label = side_by_side.about["subject"], side_by_side.about["label"]
    if (subject == "").any():
        return []
    right = side_by_side.predicted.eq(label, axis=0).groupby(subject).mean()
    labels, slices = label.groupby(subject).first(), label.groupby(subject).size()
    differ = side_by_side.differ.groupby(subject).sum()
    spread = right.max(axis=1) - right.min(axis=1)
    order = spread[differ > 0].sort_values(ascending=False, kind="stable").index
    return [
        DisputedSubject(str(name), str(labels[name]), int(slices[name]), int(differ[name]), right.loc[name].to_dict())
        for name in order
    ]


@dataclass(frozen=True)
class _SideBySide:
    """The predictions of experiments for the same images; the index of each table is the image."""

    about: pd.DataFrame  # subject, slice, label
    predicted: pd.DataFrame  # one column per experiment

    @classmethod
    def read(cls, tables: Mapping[str, pd.DataFrame]) -> _SideBySide:
        by_image = {label: table.set_index("image") for label, table in tables.items()}
        predicted = pd.concat({label: table["predicted"] for label, table in by_image.items()}, axis=1, join="inner")
        about = next(iter(by_image.values()))[["subject", "slice", "label"]].loc[predicted.index]
        return cls(about, predicted)

    @property
    def differ(self) -> pd.Series[bool]:
        return self.predicted.nunique(axis=1, dropna=False) > 1


def _group_table(group: Group) -> pd.DataFrame | None:
    rows = [row for row in group.rows if not row.sanity and row.seeds]
    seed = _first_common([row.seeds for row in rows])
    if seed is None:
        return None
    runs = {row.label: [run for run in row.runs if run.card.seed == seed] for row in rows}
    read = {label: read_predictions(of_seed, group.classes) for label, of_seed in runs.items()}
    tables = {label: predictions[seed] for label, predictions in read.items() if predictions is not None}
    if len(tables) < 2:
        return None
    side_by_side = _SideBySide.read(tables)
    differing = side_by_side.about.join(side_by_side.predicted.add_prefix(PREDICTED))[side_by_side.differ].reset_index()
    differing.insert(0, "protocol", group.protocol)
    differing.insert(1, "data", group.data)
    differing.insert(2, "seed", seed)
    return differing


def _first_common(seeds: Sequence[Sequence[int]]) -> int | None:
    """Return the first seed that all experiments have; None for fewer than two experiments."""
    return min(set.intersection(*map(set, seeds)), default=None) if len(seeds) > 1 else None
