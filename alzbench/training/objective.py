"""What training minimises, and how: loss, optimizer and learning rate, all Keras's own."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from alzbench.experiment import TrainSettings


def make_loss(settings: TrainSettings) -> Any:
    """Return the loss of logits (B, K) and labels (B,)."""
    if settings.loss == "sparse_categorical_crossentropy" and not settings.label_smoothing:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if settings.loss == "focal":
        # alpha 1: classes are weighed by `imbalance`, and gamma 0 is the plain cross-entropy
        dense: Any = keras.losses.CategoricalFocalCrossentropy(
            alpha=1.0, gamma=settings.focal_gamma, from_logits=True, label_smoothing=settings.label_smoothing,
            reduction=None,
        )  # fmt: skip
    else:
        dense = keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=settings.label_smoothing, reduction=None
        )
    return _OfLabels(dense)


class _OfLabels(keras.losses.Loss):
    """A loss that Keras defines for one-hot labels, for class indices."""

    def __init__(self, dense: Any) -> None:
        super().__init__(name=dense.name)
        self._dense = dense

    def call(self, y_true: Any, y_pred: Any) -> Any:
        labels = ops.cast(ops.reshape(y_true, (-1,)), "int32")
        return self._dense(ops.one_hot(labels, y_pred.shape[-1]), y_pred)


def make_optimizer(settings: TrainSettings, steps: int) -> Any:
    """Return the optimizer for epochs of `steps` steps; its learning rate follows from its own count of steps."""
    total, warmup = settings.epochs * steps, settings.warmup_epochs * steps
    rate: Any = settings.lr
    if settings.schedule == "cosine" and warmup:
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, total - warmup, warmup_target=settings.lr, warmup_steps=warmup
        )
    elif settings.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(settings.lr, total)
    elif settings.schedule == "linear":
        rate = keras.optimizers.schedules.PolynomialDecay(settings.lr, total, end_learning_rate=0.0)
    # built here, as Keras's own deserialisation does not take a schedule
    kinds = {
        "adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW,
        "sgd": keras.optimizers.SGD, "rmsprop": keras.optimizers.RMSprop,
    }  # fmt: skip
    return kinds[settings.optimizer](learning_rate=rate)
