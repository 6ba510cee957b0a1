"""Predictions of a trained head on stored feature maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from alzbench.training.features import Gather

BATCH = 64  # sets of a subject's slices are large


def predict_logits(head: Any, features: Gather, n: int) -> npt.NDArray[np.float32]:
    """Return the head's logits (n, K) for the features of n examples."""
    batches = [
        head.predict_on_batch(features.take(np.arange(start, min(start + BATCH, n)))) for start in range(0, n, BATCH)
    ]
    return np.concatenate(batches)
