"""Answers of a head about stored feature maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from alzbench.training.batches import FeatureBatches


def predict_logits(head: Any, batches: FeatureBatches) -> npt.NDArray[np.float32]:
    """Return the head's logits (n, K) for all examples of some batches, in their order."""
    return np.concatenate([head.predict_on_batch(batches[k][0]) for k in range(len(batches))])
