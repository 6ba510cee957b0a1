"""Optimizers and learning rate schedules, all from Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from alzbench.experiment import TrainSettings
from alzbench.registry import Entry, Registry

# (settings, total steps, warm-up steps) -> learning rate, a number or a schedule
Schedule = Callable[[TrainSettings, int, int], Any]

# learning rate -> optimizer
Optimizer = Callable[[Any], Any]

SCHEDULES = Registry("schedule", Entry[Schedule])
OPTIMIZERS = Registry("optimizer", Entry[Optimizer])


def make_optimizer(settings: TrainSettings, steps: int) -> Any:
    """Return the optimizer for epochs of `steps` steps; it counts its steps, so that its learning rate can resume."""
    total, warmup = settings.epochs * steps, settings.warmup_epochs * steps
    rate = SCHEDULES[settings.schedule].function(settings, total, warmup)
    return OPTIMIZERS[settings.optimizer].function(rate)


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
