"""Losses, optimizers and learning rate schedules, all from Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from alzbench.experiment import TrainSettings
from alzbench.registry import Entry, Registry

# settings -> loss of logits (B, K) and labels (B,)
Loss = Callable[[TrainSettings], Any]

# (settings, total steps, warm-up steps) -> learning rate, a number or a schedule
Schedule = Callable[[TrainSettings, int, int], Any]

# learning rate -> optimizer
Optimizer = Callable[[Any], Any]

LOSSES = Registry("loss", Entry[Loss])
SCHEDULES = Registry("schedule", Entry[Schedule])
OPTIMIZERS = Registry("optimizer", Entry[Optimizer])


def make_loss(settings: TrainSettings) -> Any:
    """Return the loss function of labels (B,) and logits (B, K)."""
    return LOSSES[settings.loss].function(settings)


def make_optimizer(settings: TrainSettings, steps: int) -> Any:
    """Return the optimizer for epochs of `steps` steps; it counts its steps, so that its learning rate can resume."""
    total, warmup = settings.epochs * steps, settings.warmup_epochs * steps
    rate = SCHEDULES[settings.schedule].function(settings, total, warmup)
    return OPTIMIZERS[settings.optimizer].function(rate)


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


class _OfClassIndices(keras.losses.Loss):
    """A Keras loss for one-hot labels, called with class indices."""

    def __init__(self, one_hot_loss: Any) -> None:
        super().__init__(name=one_hot_loss.name)
        self._one_hot_loss = one_hot_loss

    def call(self, y_true: Any, y_pred: Any) -> Any:
        labels = ops.cast(ops.reshape(y_true, (-1,)), "int32")
        return self._one_hot_loss(ops.one_hot(labels, y_pred.shape[-1]), y_pred)


@SCHEDULES.register("constant")
def _constant(settings: TrainSettings, total: int, warmup: int) -> Any:
    """A constant learning rate."""
    del total, warmup
    return settings.lr


@SCHEDULES.register("cosine")
def _cosine(settings: TrainSettings, total: int, warmup: int) -> Any:
    """Linear warm-up from 0 to the learning rate, then half a cosine down to 0."""
    if not warmup:
        return keras.optimizers.schedules.CosineDecay(settings.lr, total)
    return keras.optimizers.schedules.CosineDecay(0.0, total - warmup, warmup_target=settings.lr, warmup_steps=warmup)


@SCHEDULES.register("linear")
def _linear(settings: TrainSettings, total: int, warmup: int) -> Any:
    """Linear decay from the learning rate to 0."""
    del warmup
    return keras.optimizers.schedules.PolynomialDecay(settings.lr, total, end_learning_rate=0.0)


# built here, because Keras does not accept a schedule for an optimizer that it builds from a name


@OPTIMIZERS.register("adam")
def _adam(rate: Any) -> Any:
    """Adam (Kingma and Ba 2015)."""
    return keras.optimizers.Adam(learning_rate=rate)


@OPTIMIZERS.register("adamw")
def _adamw(rate: Any) -> Any:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""
    return keras.optimizers.AdamW(learning_rate=rate)


@OPTIMIZERS.register("sgd")
def _sgd(rate: Any) -> Any:
    """Stochastic gradient descent."""
    return keras.optimizers.SGD(learning_rate=rate)


@OPTIMIZERS.register("rmsprop")
def _rmsprop(rate: Any) -> Any:
    """RMSprop."""
    return keras.optimizers.RMSprop(learning_rate=rate)
