"""The predictor: a trained head applied to stored feature maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import softmax

from alzbench.models.classifier import set_shape
from alzbench.training.batches import FeatureBatches
from alzbench.training.examples import HeldOutExamples
from alzbench.training.features import Features

BATCH = 64  # sets of a subject's slices are large


class Predictor:
    """Predictor of an image set: `N` images, `K` classes; slices that a head classifies together get one prediction.

    Args:
        head: Feature maps -> logits, see `classifier.build_head`.
        features: Feature maps of the image set, from the prefix with which the head was trained.
    """

    def __init__(self, head: Any, features: Features) -> None:
        self._head, self._features = head, features

    def logits(self, rows: pd.DataFrame) -> npt.NDArray[np.float32]:
        """Return the logits (N, K) of images.

        Args:
            rows: One row per image with its subject, and with the manifest's index. A head that classifies subjects
                gets the images of a subject together.
        """
        unlabelled = rows.assign(label=0)  # batches require labels, which predictions do not use
        examples = HeldOutExamples(self._features, unlabelled, set_shape(self._head))
        return examples.per_image(predict_logits(self._head, examples.batches(BATCH)))

    def probabilities(self, rows: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Return the probabilities (N, K) of images, each row summing to 1; see `logits`."""
        return probabilities(self.logits(rows))


def predict_logits(head: Any, batches: FeatureBatches) -> npt.NDArray[np.float32]:
    """Return the head's logits (n, K) for all examples of the batches, in order."""
    return np.concatenate([head.predict_on_batch(batches[k][0]) for k in range(len(batches))])


def probabilities(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return the softmax (n, K) of logits, in double precision."""
    return np.asarray(softmax(logits.astype(np.float64), axis=1))
