"""Keras models written as ONNX."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np


def write_onnx(model: Any, path: Path, keep_rounding: bool = False) -> None:
    """Write a model of one input as an ONNX file, quietly.

    Args:
        model: The Keras model.
        path: The file.
        keep_rounding: Keep casts to float16 whose result is cast back. The converter takes them for superfluous, but
            they round.
    """
    model(np.zeros((1, *model.input_shape[1:]), np.float32))  # a model must have been called before it can be exported
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), _all_casts_kept() if keep_rounding else nullcontext():
        warnings.filterwarnings("ignore", "In the future `np.object`", FutureWarning)  # a warning about Keras
        model.export(path, format="onnx", verbose=False)


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
