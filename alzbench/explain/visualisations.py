"""tf-keras-vis, which computes the maps from gradients and Score-CAM: its import, and models in the form it takes."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

FEATURE_MAP = "feature_map"  # name of the layer whose output is the last feature map


def library(module: str) -> Any:
    """Return a module of tf-keras-vis."""
    with warnings.catch_warnings():
        # it imports zoom from the place where SciPy had it before
        warnings.filterwarnings("ignore", "Please import `zoom` from the `scipy.ndimage` names", DeprecationWarning)
        return importlib.import_module(f"tf_keras_vis.{module}")


def target_score(targets: Sequence[int]) -> Callable[[Any], Any]:
    """Return a score: outputs (b, K) -> the output (b,) of each image's target."""
    score: Callable[[Any], Any] = library("utils.scores").CategoricalScore(list(targets))
    return score


def with_feature_map(head: Any, below: Any = None, suffix: Any = None) -> Any:
    """Return a model that ends in a head, in which the last feature map is the output of the layer FEATURE_MAP.

    Feature maps are not rounded to float16 in it, because gradients would be rounded too.

    Args:
        head: Last feature map -> logits.
        below: Pixels -> feature map; None: the model's input is the last feature map.
        suffix: Trained blocks between `below` and the head; None if there are none.
    """
    import keras

    source = keras.Input((head if below is None else below).input_shape[1:], name="source")
    features = source if below is None else below(source)
    last = features if suffix is None else suffix(features)
    last = keras.layers.Activation("linear", dtype="float32", name=FEATURE_MAP)(last)
    return keras.Model([source], head(last))  # a list, as tf-keras-vis calls it


@contextmanager
def fixed_noise(seed: int) -> Iterator[None]:
    """Seed NumPy's global generator, which tf-keras-vis draws noise from, and restore its state afterwards."""
    before = np.random.get_state()  # noqa: NPY002 - the library's generator
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002
