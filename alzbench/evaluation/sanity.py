"""Answers that need no network: what a comparison must beat before its figures mean anything."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from alzbench.registry import Registry

GREY_SIDE = 16
_STRENGTH = 0.01  # of the logistic regression: inverse weight of its penalty

# (training pixels (n, S, S, C) uint8, training labels (n,), pixels (m, S, S, C), K) -> probabilities (m, K)
Answer = Callable[[npt.NDArray[np.uint8], npt.NDArray[np.integer], npt.NDArray[np.uint8], int], npt.NDArray[np.float64]]

SANITY: Registry[Answer] = Registry("sanity check")


def largest_class(
    training: npt.NDArray[np.uint8], labels: npt.NDArray[np.integer], pixels: npt.NDArray[np.uint8], classes: int
) -> npt.NDArray[np.float64]:
    """Answer the largest training class, with the training shares as probabilities, whatever the image."""
    del training
    shares = np.bincount(labels, minlength=classes) / len(labels)
    return np.tile(shares, (len(pixels), 1))


def grey_logistic(
    training: npt.NDArray[np.uint8], labels: npt.NDArray[np.integer], pixels: npt.NDArray[np.uint8], classes: int
) -> npt.NDArray[np.float64]:
    """Logistic regression on the images shrunk to 16 x 16 grey pixels."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=_STRENGTH, max_iter=500))
    model.fit(small_grey(training), labels)
    probabilities = np.zeros((len(pixels), classes))
    probabilities[:, model.classes_] = model.predict_proba(small_grey(pixels))
    return probabilities


def small_grey(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return images (n, S, S, C) as (n, GREY_SIDE ** 2) mean grey values; a rest of S at the edge is left out."""
    step = pixels.shape[1] // GREY_SIDE
    cut = pixels[:, : step * GREY_SIDE, : step * GREY_SIDE]
    blocks = cut.reshape(len(cut), GREY_SIDE, step, GREY_SIDE, step, -1)
    small: npt.NDArray[np.float64] = blocks.mean(axis=(2, 4, 5)).reshape(len(cut), -1)
    return small


SANITY.add("largest_class", largest_class)
SANITY.add("grey_logistic", grey_logistic)
