"""Scores by subject: the slices' probabilities combined, as a patient is classified once and not 32 times."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from alzbench.evaluation.predictions import PREFIX, class_names


def combine(table: pd.DataFrame, how: str) -> pd.DataFrame:
    """Combine the slices of each subject.

    Args:
        table: A predictions table in which every subject is known.
        how: `mean`: the mean of the probabilities; `vote`: the share of slices that each class is predicted for, ties
            going to the class with the higher mean probability.

    Returns:
        A predictions table with a row a subject; its label is the one that most of its slices have.
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
    # the mean decides between classes with as many votes; it is too small to decide anything else
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


def score_subjects(table: pd.DataFrame) -> dict[str, Any] | None:
    """Score a predictions table by subject.

    Returns:
        None where the subject of an image is not known; else `subjects` (how many), `mean` and `vote` (see
        `metrics.score`), and `demented` (see `score_two_way`).
    """
    if table.empty or (table["subject"] == "").any():
        return None
    from alzbench.evaluation.metrics import (
        score,
    )  # scikit-learn takes a second to import, and comparisons need none of it

    by_mean = combine(table, "mean")
    return {
        "subjects": len(by_mean),
        "mean": score(by_mean),
        "vote": score(combine(table, "vote")),
        "demented": score_two_way(by_mean),
    }


def score_two_way(table: pd.DataFrame) -> dict[str, Any]:
    """Score the question whether a subject has the first class (healthy) or any other.

    Returns:
        n, accuracy (the more probable side, by summed probabilities), roc_auc (None where only one side is there).
    """
    from sklearn.metrics import roc_auc_score

    healthy = class_names(table)[0]
    truth = (table["label"] != healthy).to_numpy()
    probability = 1 - table[PREFIX + healthy].to_numpy()
    both = bool(truth.any() and not truth.all())
    return {
        "n": len(table),
        "accuracy": float(((probability > 0.5) == truth).mean()),
        "roc_auc": float(roc_auc_score(truth, probability)) if both else None,
    }
