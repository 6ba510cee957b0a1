"""Keras models written as ONNX."""

from __future__ import annotations

import gc
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import keras
import numpy as np


def write_onnx(model: Any, path: Path, keep_rounding: bool = False) -> None:
    """Write a model of one input as an ONNX file, quietly.

    Args:
        model: The Keras model.
        path: The file.
        keep_rounding: Keep casts to float16 whose result is cast back. The converter takes them for superfluous, but
            they round.
    """
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):  # else the converter takes its constants for inputs
            layer.mean, layer.variance = np.asarray(layer.mean), np.asarray(layer.variance)
    model(np.zeros((1, *model.input_shape[1:]), np.float32))  # a model must have been called before it can be exported
    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)  # an operation that it cannot convert raises an error later
    _add_erfc()
    with warnings.catch_warnings(), _bounded_memory(), _all_casts_kept() if keep_rounding else nullcontext():
        warnings.filterwarnings("ignore", "In the future `np.object`", FutureWarning)  # a warning about Keras
        model.export(path, format="onnx", verbose=False)


@contextmanager
def _bounded_memory() -> Iterator[None]:
    """Free the copies of the network that the converter makes before each of its optimizers.

    They refer to themselves, so that they would add up to 100 times the size of the network.
    """
    from tf2onnx.optimizer.optimizer_base import GraphOptimizerBase

    optimize = GraphOptimizerBase.optimize

    def optimize_and_free(optimizer: Any, graph: Any, iteration: int) -> Any:
        gc.collect()
        return optimize(optimizer, graph, iteration)

    GraphOptimizerBase.optimize = optimize_and_free
    gc.collect()
    gc.freeze()  # so that only the converter's objects are searched, which is fast
    try:
        yield
    finally:
        gc.collect()
        gc.unfreeze()
        GraphOptimizerBase.optimize = optimize


def _add_erfc() -> None:
    """Teach the converter the complementary error function, in which TensorFlow expresses GELU."""
    from tf2onnx.handler import tf_op

    class Erfc:
        @classmethod
        def version_9(cls, graph: Any, node: Any, **_: Any) -> None:
            """Replace erfc(x) by 1 - erf(x)."""
            erf = graph.make_node("Erf", node.input)
            one = graph.make_const(f"{node.name}_one", np.float32(1))
            shapes, dtypes = node.output_shapes, node.output_dtypes
            graph.remove_node(node.name)
            operands = [one.output[0], erf.output[0]]
            graph.make_node("Sub", operands, outputs=node.output, shapes=shapes, dtypes=dtypes)

    tf_op("Erfc")(Erfc)


@contextmanager
def _all_casts_kept() -> Iterator[None]:
    """Turn off the converter's removal of one cast after another, for which it has no option."""
    from tf2onnx.optimizer import back_to_back_optimizer

    handlers = back_to_back_optimizer._func_map
    cast = handlers.pop(("Cast",))
    try:
        yield
    finally:
        handlers[("Cast",)] = cast
