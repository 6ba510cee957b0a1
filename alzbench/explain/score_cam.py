"""Score-CAM: each channel of the last feature map is weighted by the prediction for the image masked with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from alzbench.explain.above import Above
from alzbench.explain.inputs import Inputs, Maps
from alzbench.explain.visualisations import FEATURE_MAP, library, target_score, with_feature_map
from alzbench.progress import Advance

CHANNELS = 16  # with the largest variance in an image (Faster Score-CAM); all 1,280 would take 80 times as long


def score_cam(inputs: Inputs, advance: Advance) -> Maps:
    """Return Score-CAM maps (n, H, W) of the CHANNELS channels with the largest variance in each image.

    The weight of a channel is the target's probability, as published.
    """
    above, model = Above(inputs), inputs.model
    maps = np.zeros(above.maps.shape[:3], np.float32)
    channels = min(CHANNELS, above.maps.shape[-1])
    whole = with_feature_map(above.head, model.prefix, model.suffix)
    visualisation = library("scorecam").Scorecam(whole)
    for row in range(len(inputs)):  # one by one: in a batch, tf-keras-vis takes the channels of all images for each
        above.select(np.array([row]))
        whole.predict = _predictor(inputs, above, row)
        maps[row] = visualisation(
            target_score([int(inputs.targets[row])]),
            inputs.pixels[row : row + 1].astype(np.float32),
            penultimate_layer=FEATURE_MAP,
            seek_penultimate_conv_layer=False,
            max_N=channels,
            expand_cam=False,
            normalize_cam=False,
        )[0]
        advance()
    return maps


def _predictor(inputs: Inputs, above: Above, row: int) -> Callable[..., npt.NDArray[np.float32]]:
    """Return the logits of masked versions of an image, by the fast extractor; Keras would also print a bar."""

    def predict(images: list[npt.NDArray[Any]], batch_size: int) -> npt.NDArray[np.float32]:
        del batch_size
        return above.logits(row, inputs.extract(images[0]))

    return predict
