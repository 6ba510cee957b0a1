"""Extractors, which run the frozen prefix: Keras, or ONNX Runtime, which is several times faster on a CPU."""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from alzbench.models.backend import has_accelerator
from alzbench.models.onnx import write_onnx
from alzbench.models.prefix import Prefix

BATCH = 64


class Extractor(Protocol):
    """Function from pixels (B, S, S, C) in [0, 255] to feature maps (B, H, W, C') of float16."""

    name: str

    def __call__(self, pixels: npt.NDArray[Any]) -> npt.NDArray[np.float16]: ...


class KerasExtractor:
    """The prefix run by Keras, on a GPU if one is available."""

    name = "Keras"

    def __init__(self, prefix: Prefix) -> None:
        self._model = prefix.model

    def __call__(self, pixels: npt.NDArray[Any]) -> npt.NDArray[np.float16]:
        features = self._model.predict(pixels.astype(np.float32), batch_size=BATCH, verbose=0)
        return np.asarray(features, np.float16)


class OnnxExtractor:
    """The prefix exported once and run by ONNX Runtime on the CPU; equal to Keras to float16 rounding."""

    name = "ONNX Runtime"

    def __init__(self, prefix: Prefix) -> None:
        import onnxruntime

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "prefix.onnx"
            write_onnx(prefix.model, path)
            self._session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def __call__(self, pixels: npt.NDArray[Any]) -> npt.NDArray[np.float16]:
        batches = [pixels[i : i + BATCH].astype(np.float32) for i in range(0, len(pixels), BATCH)]
        return np.concatenate([self._session.run(None, {self._input: b})[0].astype(np.float16) for b in batches])


def make_extractor(prefix: Prefix) -> Extractor:
    """Return the fastest extractor: Keras on a GPU; on a CPU, ONNX Runtime if the `onnx` extra is installed."""
    onnx = all(importlib.util.find_spec(name) for name in ("onnxruntime", "tf2onnx"))
    if onnx and not has_accelerator():
        return OnnxExtractor(prefix)
    return KerasExtractor(prefix)
