"""Where experiments disagree: the images, and with them the subjects, about which not all of them answer the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from alzbench.compare.predictions import read_predictions, runs_of
from alzbench.compare.table import Comparison, Group

ANSWER = "predicted_"  # how the columns of experiments begin, so that one may be named `label`

_ABOUT = ["protocol", "data", "seed", "image", "subject", "slice", "label"]


@dataclass(frozen=True)
class DisputedSubject:
    """A subject of which experiments answer some slice differently.

    Attributes:
        subject: Its name.
        label: Its class.
        slices: How many of it were tested.
        differ: How many of them are answered differently.
        right: Experiment -> share of its slices that it answers right, in [0, 1].
    """

    subject: str
    label: str
    slices: int
    differ: int
    right: dict[str, float]


def disagreements(comparison: Comparison) -> pd.DataFrame:
    """Return a row an image that the experiments of a group answer differently, from the first seed they all have.

    Returns:
        Columns protocol, data, seed, image, subject, slice, label, and of each experiment `predicted_<name>`; those of
        other groups are empty. Sanity rows, and experiments without predictions, are left out.
    """
    tables = [table for group in comparison.groups if (table := _of_group(group)) is not None]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=_ABOUT)


def disputed_subjects(group: Group) -> list[DisputedSubject]:
    """Return the subjects of which a group's first experiments answer a slice differently, the most disputed first.

    From the first seed that all of them have. Empty where subjects are not known, or where no two experiments can be
    set side by side.
    """
    tables = group.likely.tables
    seed = _first_common([tuple(predictions) for predictions in tables.values()])
    if seed is None:
        return []
    answers = _SideBySide.of({label: predictions[seed] for label, predictions in tables.items()})
    if (answers.about["subject"] == "").any():
        return []
    subject, label = answers.about["subject"], answers.about["label"]
    right = answers.predicted.eq(label, axis=0).groupby(subject).mean()
    labels, slices = label.groupby(subject).first(), label.groupby(subject).size()
    differ = answers.differ.groupby(subject).sum()
    spread = right.max(axis=1) - right.min(axis=1)
    order = spread[differ > 0].sort_values(ascending=False, kind="stable").index
    return [
        DisputedSubject(str(name), str(labels[name]), int(slices[name]), int(differ[name]), right.loc[name].to_dict())
        for name in order
    ]


@dataclass(frozen=True)
class _SideBySide:
    """What experiments answered about the same images; the index of each table is the image."""

    about: pd.DataFrame  # subject, slice, label
    predicted: pd.DataFrame  # a column an experiment

    @classmethod
    def of(cls, tables: Mapping[str, pd.DataFrame]) -> _SideBySide:
        by_image = {label: table.set_index("image") for label, table in tables.items()}
        predicted = pd.concat({label: table["predicted"] for label, table in by_image.items()}, axis=1, join="inner")
        about = next(iter(by_image.values()))[["subject", "slice", "label"]].loc[predicted.index]
        return cls(about, predicted)

    @property
    def differ(self) -> pd.Series[bool]:
        return self.predicted.nunique(axis=1, dropna=False) > 1


def _of_group(group: Group) -> pd.DataFrame | None:
    rows = [row for row in group.rows if not row.sanity and row.seeds]
    seed = _first_common([row.seeds for row in rows])
    if seed is None:
        return None
    of_seed = {row.label: [run for run in runs_of(row) if run.card.seed == seed] for row in rows}
    read = {label: read_predictions(runs, group.classes) for label, runs in of_seed.items()}
    tables = {label: predictions[seed] for label, predictions in read.items() if predictions is not None}
    if len(tables) < 2:
        return None
    answers = _SideBySide.of(tables)
    found = answers.about.join(answers.predicted.add_prefix(ANSWER))[answers.differ].reset_index()
    found.insert(0, "protocol", group.protocol)
    found.insert(1, "data", group.data)
    found.insert(2, "seed", seed)
    return found


def _first_common(seeds: Sequence[Sequence[int]]) -> int | None:
    """Return the first seed that all of two experiments or more have."""
    return min(set.intersection(*map(set, seeds)), default=None) if len(seeds) > 1 else None
