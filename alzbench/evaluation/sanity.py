"""Sanity baselines without a network. The scores of an experiment mean little unless they beat these baselines."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from alzbench.registry import Entry, Registry

GREY_SIDE = 16
_INVERSE_PENALTY = 0.01  # the logistic regression's C

# (training pixels (n, S, S, C) uint8, training labels (n,), pixels (m, S, S, C), K) -> probabilities (m, K)
Predict = Callable[
    [npt.NDArray[np.uint8], npt.NDArray[np.integer], npt.NDArray[np.uint8], int], npt.NDArray[np.float64]
]

SANITY = Registry("sanity baseline", Entry[Predict])


@SANITY.register("largest_class")
def largest_class(
    training: npt.NDArray[np.uint8], labels: npt.NDArray[np.integer], pixels: npt.NDArray[np.uint8], classes: int
) -> npt.NDArray[np.float64]:
    """Always the largest class.

    The probabilities of each image are the shares of the classes in training.
    """
    del training
    shares = np.bincount(labels, minlength=classes) / len(labels)
    return np.tile(shares, (len(pixels), 1))


@SANITY.register("grey_logistic")
def grey_logistic(
    training: npt.NDArray[np.uint8], labels: npt.NDArray[np.integer], pixels: npt.NDArray[np.uint8], classes: int
) -> npt.NDArray[np.float64]:
    """Logistic regression on 16 x 16 grey pixels."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=_INVERSE_PENALTY, max_iter=500))
    model.fit(small_grey(training), labels)
    probabilities = np.zeros((len(pixels), classes))
    probabilities[:, model.classes_] = model.predict_proba(small_grey(pixels))
    return probabilities


def small_grey(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return images (n, S, S, C) as (n, GREY_SIDE ** 2) mean grey values; surplus pixels at the edge are left out."""
    step = pixels.shape[1] // GREY_SIDE
    cut = pixels[:, : step * GREY_SIDE, : step * GREY_SIDE]
    blocks = cut.reshape(len(cut), GREY_SIDE, step, GREY_SIDE, step, -1)
    small: npt.NDArray[np.float64] = blocks.mean(axis=(2, 4, 5)).reshape(len(cut), -1)
    return small
