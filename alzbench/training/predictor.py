"""The predictor: from a trained head and stored feature maps to the probabilities of images."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import softmax

from alzbench.training.batches import FeatureBatches
from alzbench.training.examples import HeldOutExamples
from alzbench.training.features import Features

BATCH = 64  # sets of a subject's slices are large


class Predictor:
    """Predicts images of a set with a trained head; all slices that a head classifies together are predicted alike.

    Args:
        head: Feature maps -> logits, see `classifier.build_head`.
        features: Feature maps of the set, of the prefix that the head belongs on.
    """

    def __init__(self, head: Any, features: Features) -> None:
        self._head, self._features = head, features

    def logits(self, rows: pd.DataFrame) -> npt.NDArray[np.float32]:
        """Return the logits (N, K) of images.

        Args:
            rows: A row with the subject of each image, and the manifest's index; a head that classifies subjects gets
                the images of one subject together.
        """
        unlabelled = rows.assign(label=0)  # batches have labels, and predictions need none
        examples = HeldOutExamples(self._features, unlabelled, set_size(self._head))
        return examples.per_image(predict_logits(self._head, examples.batches(BATCH)))

    def probabilities(self, rows: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Return the probabilities (N, K) of images, each row summing to 1; see `logits`."""
        return probabilities(self.logits(rows))


def set_size(head: Any) -> int | None:
    """Return the number of images in one example of a head that classifies subjects; None if it classifies images."""
    return int(head.input["features"].shape[1]) if isinstance(head.input, dict) else None


def predict_logits(head: Any, batches: FeatureBatches) -> npt.NDArray[np.float32]:
    """Return the head's logits (n, K) for all examples of some batches, in their order."""
    return np.concatenate([head.predict_on_batch(batches[k][0]) for k in range(len(batches))])


def probabilities(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return the softmax of logits (n, K), in double precision."""
    return np.asarray(softmax(logits.astype(np.float64), axis=1))
