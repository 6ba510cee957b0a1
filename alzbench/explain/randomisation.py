"""Randomised models: the weights of a trained model shuffled from the top layer down.

A map that stays the same when the weights are random does not depend on what the model has learned (Adebayo et al.,
2018, https://arxiv.org/abs/1810.03292).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from alzbench.models.stored import StoredModel

SEED = 20180113
PREFIX_STEPS = (("upper third", 1 / 3), ("upper two thirds", 2 / 3), ("all", 1.0))


def randomised_models(model: StoredModel) -> Iterator[tuple[str, StoredModel, bool]]:
    """Yield copies of a model with more and more shuffled layers, from the top down.

    Each weight tensor is shuffled, which keeps its values and so the scale of the signal. The layers of the head are
    shuffled one after the other, then the trained blocks of the backbone, then the frozen ones in three steps.

    Yields:
        The name of the step, the model (the same object is changed further by the next step), and True while the prefix
        is the original one.
    """
    import keras

    rng = np.random.default_rng(SEED)
    copy = StoredModel(model.prefix, _copy(keras, model.trained))
    for layer in _with_weights(copy.head.layers):
        _shuffle([layer], rng)
        yield layer.name, copy, True
    if copy.suffix is not None:
        _shuffle(_with_weights(copy.suffix.layers), rng)
        yield "trained blocks", copy, True
    copy = StoredModel(_copy(keras, model.prefix), copy.trained)
    layers = _with_weights(copy.prefix.layers)
    done = 0
    for name, share in PREFIX_STEPS:
        until = round(share * len(layers))
        _shuffle(layers[done:until], rng)
        done = until
        yield f"frozen blocks, {name}", copy, False


def _copy(keras: Any, model: Any) -> Any:
    copied = keras.models.clone_model(model)
    copied.set_weights(model.get_weights())
    return copied


def _with_weights(layers: Sequence[Any]) -> list[Any]:
    """Return the layers that have weights, the top one first."""
    return [layer for layer in reversed(layers) if layer.weights]


def _shuffle(layers: Sequence[Any], rng: np.random.Generator) -> None:
    for layer in layers:
        layer.set_weights([rng.permutation(weight.ravel()).reshape(weight.shape) for weight in layer.get_weights()])
