"""Sanity baselines without a network. The scores of an experiment mean little unless they beat these baselines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from alzbench.registry import Entry, Registry

GREY_SIDE = 16
_INVERSE_PENALTY = 0.01  # the logistic regression's C
_INVERSE_PENALTY_SHARES = 0.1
_SLABS = 8


@dataclass(frozen=True)
class Cases:
    """What a sanity baseline may know of `n` images.

    Attributes:
        read_pixels: Returns their pixels, (n, S, S, C) uint8; a baseline that needs none does not call it.
        subjects: (n,) their subjects; '' if unknown.
        slices: (n,) float, numbers of the slices; NaN if unknown.
        ages: (n,) float, in years; NaN if unknown.
        read_dark_shares: Returns their dark shares (n,) in [0, 1], NaN where there is no head; as `read_pixels`.
        healthy: Label of the class of healthy people; None if there is none.
    """

    read_pixels: Callable[[], npt.NDArray[np.uint8]]
    subjects: npt.NDArray[np.object_]
    slices: npt.NDArray[np.float64]
    ages: npt.NDArray[np.float64]
    read_dark_shares: Callable[[], npt.NDArray[np.float64]] | None = None
    healthy: int | None = None

    def __len__(self) -> int:
        return len(self.subjects)


# (training images, their labels (n,), other images, K) -> probabilities (m, K) of the other images
Predict = Callable[[Cases, npt.NDArray[np.integer], Cases, int], npt.NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True)
class SanityEntry(Entry[Predict]):
    """A sanity baseline.

    Attributes:
        needs: The covariate without which it is not run; empty if it needs none.
        needs_heads: True if it is left out of sets without grey slices of heads or without a class of healthy people.
        is_added: True if it is run beside every experiment; False if it is run only where an experiment names it.
    """

    needs: str = ""
    needs_heads: bool = False
    is_added: bool = True


SANITY = Registry("sanity baseline", SanityEntry)


@SANITY.register("largest_class")
def largest_class(
    training: Cases, labels: npt.NDArray[np.integer], others: Cases, classes: int
) -> npt.NDArray[np.float64]:
    """Always the largest class.

    The probabilities of each image are the shares of the classes in training.
    """
    del training
    shares = np.bincount(labels, minlength=classes) / len(labels)
    return np.tile(shares, (len(others), 1))


@SANITY.register("grey_logistic")
def grey_logistic(
    training: Cases, labels: npt.NDArray[np.integer], others: Cases, classes: int
) -> npt.NDArray[np.float64]:
    """Logistic regression on 16 x 16 grey pixels."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=_INVERSE_PENALTY, max_iter=500))
    model.fit(small_grey(training.read_pixels()), labels)
    probabilities = np.zeros((len(others), classes))
    probabilities[:, model.classes_] = model.predict_proba(small_grey(others.read_pixels()))
    return probabilities


@SANITY.register("age_only", needs="age")
def age_only(training: Cases, labels: npt.NDArray[np.integer], others: Cases, classes: int) -> npt.NDArray[np.float64]:
    """Logistic regression on the subject's age.

    Each training subject counts once for each of its ages, however many images it has. An image without an age, or any
    image if the ages of only one class are known, gets the shares of the classes among the training subjects.
    """
    subjects = [subject or f"\0{k}" for k, subject in enumerate(training.subjects)]
    people = pd.DataFrame({"subject": subjects, "age": training.ages, "label": labels}).drop_duplicates()
    shares = np.bincount(people.drop_duplicates("subject")["label"], minlength=classes).astype(np.float64)
    probabilities = np.tile(shares / shares.sum(), (len(others), 1))
    known, aged = people[people["age"].notna()], np.isfinite(others.ages)
    if known["label"].nunique() > 1 and aged.any():
        model = make_pipeline(StandardScaler(), LogisticRegression())
        model.fit(known[["age"]].to_numpy(), known["label"].to_numpy())
        probabilities[aged] = 0
        probabilities[np.ix_(aged, model.classes_)] = model.predict_proba(others.ages[aged, None])
    return probabilities


@SANITY.register("dark_share", needs_heads=True)
def dark_share(
    training: Cases, labels: npt.NDArray[np.integer], others: Cases, classes: int
) -> npt.NDArray[np.float64]:
    """Untrained share of the head that is as dark as fluid.

    The probability of being demented is the share itself, the same in every fold. A calibrated probability would not be
    a linear function of the share, so its mean over a subject's slices could order subjects differently than the mean
    share does. The shares of the training labels only divide the probability among the classes of demented people. So
    the area under the ROC curve by subject is that of the mean share, and the accuracy means nothing: a share is hardly
    ever above one half. An image without a head gets the mean share of the training images.
    """
    if others.read_dark_shares is None or training.read_dark_shares is None or others.healthy is None:
        raise ValueError("dark_share needs the dark shares of images and the label of the class of healthy people")
    shares = others.read_dark_shares()
    if np.isnan(shares).any():
        known = training.read_dark_shares()
        known = known[np.isfinite(known)]
        shares = np.where(np.isnan(shares), known.mean() if len(known) else 0.5, shares)
    demented = np.bincount(labels, minlength=classes).astype(np.float64)
    demented[others.healthy] = 0
    if not demented.any():
        demented = np.ones(classes)
        demented[others.healthy] = 0
    probabilities: npt.NDArray[np.float64] = shares[:, None] * (demented / demented.sum())
    probabilities[:, others.healthy] = 1 - shares
    return probabilities


@SANITY.register("dark_share_logistic", needs_heads=True, is_added=False)
def dark_share_logistic(
    training: Cases, labels: npt.NDArray[np.integer], others: Cases, classes: int
) -> npt.NDArray[np.float64]:
    """Logistic regression on a subject's mean dark shares in eight slabs of its slices.

    All images of a subject get the same probabilities. An image of an unknown subject is a subject of its own. A slab
    without slices gets the mean of the training subjects. Without slice numbers, there is one slab.
    """
    numbers = training.slices[np.isfinite(training.slices)]
    low, high = (numbers.min(), numbers.max()) if len(numbers) else (0.0, 0.0)
    known, names = _mean_shares(training, low, high)
    means = np.nan_to_num(known.mean())
    majority = pd.Series(labels).groupby(names).agg(lambda values: values.mode().iloc[0])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=_INVERSE_PENALTY_SHARES, max_iter=500))
    model.fit(known.fillna(dict(enumerate(means))).to_numpy(), majority[known.index].to_numpy())
    other, other_names = _mean_shares(others, low, high)
    probabilities = np.zeros((len(other), classes))
    probabilities[:, model.classes_] = model.predict_proba(other.fillna(dict(enumerate(means))).to_numpy())
    return probabilities[other.index.get_indexer(pd.Index(other_names))]


def _mean_shares(cases: Cases, low: float, high: float) -> tuple[pd.DataFrame, list[str]]:
    """Return the mean dark share of each subject in each slab, and the subject of each image.

    Args:
        cases: The images.
        low, high: Smallest and largest number of a slice in training; slabs are equal parts of this range.
    """
    if cases.read_dark_shares is None:
        raise ValueError("dark_share_logistic needs the dark shares of images")
    names = [subject or f"\0{k}" for k, subject in enumerate(cases.subjects)]
    place = (np.nan_to_num(cases.slices, nan=low) - low) / (high - low + 1)
    slabs = np.clip((place * _SLABS).astype(int), 0, _SLABS - 1)
    table = pd.DataFrame({"name": names, "slab": slabs, "share": cases.read_dark_shares()})
    means = table.pivot_table(index="name", columns="slab", values="share", aggfunc="mean", dropna=False)
    return means.reindex(index=list(dict.fromkeys(names)), columns=range(_SLABS)), names


def small_grey(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return images (n, S, S, C) as (n, GREY_SIDE ** 2) mean grey values; surplus pixels at the edge are left out."""
    step = pixels.shape[1] // GREY_SIDE
    cut = pixels[:, : step * GREY_SIDE, : step * GREY_SIDE]
    blocks = cut.reshape(len(cut), GREY_SIDE, step, GREY_SIDE, step, -1)
    small: npt.NDArray[np.float64] = blocks.mean(axis=(2, 4, 5)).reshape(len(cut), -1)
    return small
