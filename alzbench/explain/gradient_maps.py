"""Maps from the gradient of the target's logit: Grad-CAM, Grad-CAM++ and SmoothGrad, computed by tf-keras-vis.

The class activation maps need the stored feature maps and the layers above them only, so they cost almost nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from alzbench.explain.above import Above
from alzbench.explain.inputs import Inputs, Maps
from alzbench.explain.visualisations import FEATURE_MAP, fixed_noise, library, target_score, with_feature_map
from alzbench.progress import Advance

# SmoothGrad: the noisy copies of an image, their noise as a share of its range of grey values, and images in a batch
SAMPLES, NOISE, _BATCH = 16, 0.15, 4
_SEED = 20170612


def grad_cam(inputs: Inputs, advance: Advance) -> Maps:
    """Return Grad-CAM maps (n, H, W)."""
    return _activation_maps(inputs, advance, library("gradcam").Gradcam, target_score)


def grad_cam_plus_plus(inputs: Inputs, advance: Advance) -> Maps:
    """Return Grad-CAM++ maps (n, H, W); each is scaled by `exp(-logit)`, so that none overflows."""
    return _activation_maps(inputs, advance, library("gradcam_plus_plus").GradcamPlusPlus, _centred_score)


def _centred_score(targets: list[int]) -> Callable[[Any], Any]:
    """Return a score with the gradient of the target's logit and the value 0.

    Grad-CAM++ multiplies its maps by the exponential of the score, which overflows for a logit above 88.
    """
    from keras import ops

    score = target_score(targets)
    return lambda outputs: score(outputs) - ops.stop_gradient(score(outputs))


def _activation_maps(
    inputs: Inputs, advance: Advance, method: Callable[[Any], Any], score: Callable[[list[int]], Callable[[Any], Any]]
) -> Maps:
    above = Above(inputs)
    maps = np.zeros(above.maps.shape[:3], np.float32)
    visualisation = method(with_feature_map(above.head))
    for rows in above.batches():
        maps[rows] = visualisation(
            score(inputs.targets[rows].tolist()),
            above.maps[rows],
            penultimate_layer=FEATURE_MAP,
            seek_penultimate_conv_layer=False,
            expand_cam=False,
            normalize_cam=False,
        )
        advance(len(rows))
    return maps


def smooth_grad(inputs: Inputs, advance: Advance) -> Maps:
    """Return SmoothGrad maps (n, S, S), one value per pixel; the noise is the same in each call."""
    above, model = Above(inputs), inputs.model
    maps = np.zeros(inputs.pixels.shape[:3], np.float32)
    visualisation = library("saliency").Saliency(with_feature_map(above.head, model.prefix, model.suffix))
    with fixed_noise(_SEED):
        for rows in above.batches(_BATCH):
            maps[rows] = visualisation(
                target_score(inputs.targets[rows].tolist()),
                inputs.pixels[rows].astype(np.float32),
                smooth_samples=SAMPLES,
                smooth_noise=NOISE,
                normalize_map=False,
            )
            advance(len(rows))
    return maps
