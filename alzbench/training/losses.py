"""Losses, all from Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from alzbench.experiment import TrainSettings
from alzbench.registry import Entry, Registry

# settings -> loss of logits (B, K) and labels (B,)
Loss = Callable[[TrainSettings], Any]

LOSSES = Registry("loss", Entry[Loss])


def make_loss(settings: TrainSettings) -> Any:
    """Return the loss function of labels (B,) and logits (B, K)."""
    return LOSSES[settings.loss].function(settings)


@LOSSES.register("sparse_categorical_crossentropy")
def _cross_entropy(settings: TrainSettings) -> Any:
    """Cross-entropy, with smoothed labels if `label_smoothing` is set."""
    if not settings.label_smoothing:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return _OfClassIndices(
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=settings.label_smoothing, reduction=None)
    )


@LOSSES.register("focal")
def _focal(settings: TrainSettings) -> Any:
    """Focal loss (Lin et al. 2017): cross-entropy with less weight on examples that are already predicted well."""
    return _OfClassIndices(
        keras.losses.CategoricalFocalCrossentropy(
            alpha=1.0,  # `imbalance` weights classes; with 1, a gamma of 0 gives cross-entropy
            gamma=settings.focal_gamma,
            from_logits=True,
            label_smoothing=settings.label_smoothing,
            reduction=None,
        )
    )


@LOSSES.register("ordinal")
def _ordinal(settings: TrainSettings) -> Any:
    """Squared earth mover's distance (Hou et al. 2016): a prediction costs more the farther it is from the class.

    With the cumulative probabilities P and those of the label Y, it is the sum over the classes of (P - Y)^2. The order
    of the classes is that of their labels.
    """
    return _EarthMover(settings.label_smoothing)


class _EarthMover(keras.losses.Loss):
    """Squared earth mover's distance of logits (B, K) to class indices (B,)."""

    def __init__(self, label_smoothing: float) -> None:
        super().__init__(name="ordinal")
        self._label_smoothing = label_smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        classes = y_pred.shape[-1]
        labels = ops.one_hot(ops.cast(ops.reshape(y_true, (-1,)), "int32"), classes)
        labels = labels * (1 - self._label_smoothing) + self._label_smoothing / classes
        difference = ops.cumsum(ops.softmax(ops.cast(y_pred, "float32"), axis=-1) - labels, axis=-1)
        return ops.sum(ops.square(difference), axis=-1)


class _OfClassIndices(keras.losses.Loss):
    """A Keras loss for one-hot labels, called with class indices."""

    def __init__(self, one_hot_loss: Any) -> None:
        super().__init__(name=one_hot_loss.name)
        self._one_hot_loss = one_hot_loss

    def call(self, y_true: Any, y_pred: Any) -> Any:
        labels = ops.cast(ops.reshape(y_true, (-1,)), "int32")
        return self._one_hot_loss(ops.one_hot(labels, y_pred.shape[-1]), y_pred)
