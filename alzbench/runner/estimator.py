"""Estimators: they learn from the training images of a run, and predict other images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from alzbench.data.dark_share import dark_shares, why_not_measured
from alzbench.data.manifest import ImageSet
from alzbench.errors import ExperimentError, LeftOut
from alzbench.evaluation.sanity import SANITY, Cases
from alzbench.progress import Progress
from alzbench.runner.job import Job
from alzbench.runner.listeners import Listeners, Row
from alzbench.store import RunWriter, TrainingNotes

Probabilities = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """The result of training.

    Attributes:
        validation: (n, K) probabilities of the validation images, in the order of the split.
        notes: Kept epoch, number of epochs, the reason why it stopped, and so on.
        history: A row for each epoch, see `listeners.EpochStored`; empty for an estimator without epochs.
        head_notes: Notes on the first stage of a fine-tuned network.
    """

    validation: Probabilities
    notes: TrainingNotes
    history: Sequence[Row] = ()
    head_notes: TrainingNotes | None = None


class Estimator(Protocol):
    """A network or a sanity baseline, for one job. Call `prepare` first, then `fit`, then `predict` and `save`."""

    def prepare(self) -> None:
        """Compute the features that the images of the split need, before the run folder is created."""

    def fit(self, writer: RunWriter, listeners: Listeners) -> Fit:
        """Train on the training part, from the last stored epoch if there is one.

        Args:
            writer: Writer of the run, for checkpoints.
            listeners: Called after each epoch.
        """

    def predict(self, rows: pd.DataFrame) -> Probabilities:
        """Return the probabilities (n, K) of the images of some rows of the split; after `fit`."""

    def save(self, folder: Path) -> None:
        """Write the trained model, if there is one, into the run folder; after `fit`."""


class SanityBaseline:
    """A sanity baseline, which predicts without a network; see `Estimator`.

    Args:
        job: Its experiment's variant names the baseline.
        images: The image set.
        split: Rows image, label, subject, part, with the manifest's index.
        progress: Display of progress.
    """

    def __init__(self, job: Job, images: ImageSet, split: pd.DataFrame, progress: Progress) -> None:
        self._entry = SANITY[job.experiment.model.variant]
        self._is_added = job.experiment.sanity
        self._images, self._split, self._progress = images, split, progress

    def prepare(self) -> None:
        """Check that the baseline fits the images.

        Raises:
            LeftOut: It does not, and was added to the user's experiments.
            ExperimentError: It does not, and is the user's experiment.
        """
        reason = self._why_not() if self._entry.needs_heads else ""
        if reason and self._is_added:
            raise LeftOut(reason)
        if reason:
            raise ExperimentError(
                f"{self._entry.name} needs grey slices of heads on a dark background and a class of healthy people, "
                f"but {reason}; choose another model.variant."
            )

    def _why_not(self) -> str:
        key = "dark share"
        if key not in self._images.derived:  # the runs of a command share it
            self._images.derived[key] = why_not_measured(self._images)
        reason: str = self._images.derived[key]
        return reason

    def fit(self, writer: RunWriter, listeners: Listeners) -> Fit:
        """Predict the validation part; there are no epochs and no notes."""
        del writer, listeners
        return Fit(self.predict(self._split[self._split["part"] == "validation"]), TrainingNotes())

    def predict(self, rows: pd.DataFrame) -> Probabilities:
        """Fit the baseline to the training part, and return the probabilities (n, K) of some images."""
        training = self._split[self._split["part"] == "train"]
        labels, classes = training["label"].to_numpy(), len(self._images.classes)
        return self._entry.function(self._cases(training), labels, self._cases(rows), classes)

    def save(self, folder: Path) -> None:
        """Do nothing: there is no model."""

    def _cases(self, rows: pd.DataFrame) -> Cases:
        known = self._images.covariates
        ages = np.full(len(rows), np.nan)
        if "age" in known:
            ages = pd.to_numeric(known["age"].loc[rows.index]).to_numpy(np.float64)

        def read_pixels() -> Any:
            return self._images.pixels.take(rows.index.to_numpy())

        def read_dark_shares() -> npt.NDArray[np.float64]:
            return dark_shares(self._images, rows, self._progress)

        subjects = rows["subject"].to_numpy(object)
        slices = pd.to_numeric(rows["slice"], errors="coerce").to_numpy(np.float64)
        return Cases(read_pixels, subjects, slices, ages, read_dark_shares, self._images.healthy_label)
