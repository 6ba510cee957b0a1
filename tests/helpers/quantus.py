"""Values of the Quantus library, which our checks of maps are compared with."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np


def quantus_values(
    metric: str, maps: np.ndarray, regions: np.ndarray | None = None, model: Any = None, images: Any = None,
    targets: Any = None, **options: Any,
) -> np.ndarray:  # fmt: skip
    """Return what a metric of Quantus gives for maps (n, h, w), one value or one curve for each image.

    Args:
        metric: Its class.
        maps: The maps.
        regions: (n, h, w) regions, for localisation metrics.
        model: A Keras model of images (n, h, w, C), for metrics that predict.
        images, targets: The images and the class of each, for metrics that predict.
        options: Arguments of the metric.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library warns about its arguments
        import quantus

        n = len(maps)
        computed = getattr(quantus, metric)(normalise=False, abs=False, disable_warnings=True, **options)(
            model=model,
            x_batch=np.zeros((n, 1, *maps.shape[1:])) if images is None else images,
            y_batch=np.zeros(n, int) if targets is None else targets,
            a_batch=maps[:, None],
            s_batch=None if regions is None else regions[:, None],
            channel_first=images is None,
        )
    return np.asarray(computed, np.float64)
