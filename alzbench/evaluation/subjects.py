"""Classify each subject once, by combining the predictions of its slices."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from alzbench.evaluation.metrics import Examples
from alzbench.evaluation.predictions import PREFIX, class_names

HALF = 0.5


def combine(table: pd.DataFrame, how: Literal["mean", "vote"]) -> pd.DataFrame:
    """Combine the slices of each subject.

    Args:
        table: A predictions table in which every subject is known.
        how: `mean`: the mean of the probabilities; `vote`: the share of slices that each class is predicted for; ties
            go to the class with the higher mean probability.

    Returns:
        A predictions table with one row per subject; its label is that of most of its slices.
    """
    classes = class_names(table)
    columns = [PREFIX + name for name in classes]
    groups = table.groupby("subject", sort=True)
    means = groups[columns].mean()
    probabilities = means
    if how == "vote":
        votes = pd.crosstab(table["subject"], table["predicted"], normalize="index").reindex(
            columns=classes, fill_value=0
        )
        probabilities = votes.set_axis(columns, axis=1).loc[means.index]
    # the mean breaks ties between classes with equal votes; it is too small to decide anything else
    winners = (probabilities + 1e-6 * means).to_numpy().argmax(axis=1)
    return pd.DataFrame(
        {
            "image": means.index,
            "subject": means.index,
            "slice": "",
            "label": groups["label"].agg(lambda labels: labels.value_counts().index[0]).to_numpy(),
            "predicted": np.array(classes, dtype=object)[winners],
            **{column: probabilities[column].to_numpy() for column in columns},
        }
    )


def demented_or_not(examples: Examples, healthy: int = 0) -> Examples:
    """Return predictions as those of two classes: the class of healthy people, and any other (demented)."""
    demented = 1 - examples.probabilities[:, healthy]
    return two_classes(examples.labels != healthy, demented, examples.group, examples.groups)


def two_classes(
    demented: npt.NDArray[np.bool_], probability: npt.NDArray[np.float64], group: npt.NDArray[np.intp], groups: int
) -> Examples:
    """Return two-class predictions; the more probable side is predicted.

    Args:
        demented: (N,) the truth.
        probability: (N,) the predicted probability of it.
        group, groups: As of `Examples`.
    """
    return Examples(
        np.column_stack([1 - probability, probability]),
        demented.astype(np.intp),
        (probability > HALF).astype(np.intp),
        group,
        groups,
    )
