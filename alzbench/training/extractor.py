"""Extractors, which run the frozen prefix: Keras, or ONNX Runtime, which is several times faster on a CPU."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import tempfile
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import filelock
import numpy as np
import numpy.typing as npt

from alzbench import atomic
from alzbench.cache import cache_folder
from alzbench.errors import RunError
from alzbench.models.backend import has_accelerator
from alzbench.models.onnx import write_onnx
from alzbench.models.prefix import Prefix
from alzbench.progress import Progress

BATCH = 64
_PIECE = 4  # images that a core runs at a time
_VERSION = 1  # of the export


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
        return _rounded(features)


class OnnxExtractor:
    """The prefix run by ONNX Runtime on the CPU; equal to Keras to float16 rounding.

    Each core runs a few images by itself. That takes half of the processor time of all cores on one large batch: the
    layers' outputs stay in the core's cache, and no core waits for another. The export takes several seconds, so the
    exported file is kept in the cache.
    """

    name = "ONNX Runtime"

    def __init__(self, prefix: Prefix) -> None:
        self._session = _session(prefix)
        self._input = self._session.get_inputs()[0].name
        self._pool = ThreadPoolExecutor(_cores())

    def __call__(self, pixels: npt.NDArray[Any]) -> npt.NDArray[np.float16]:
        pieces = [pixels[start : start + _PIECE] for start in range(0, len(pixels), _PIECE)]
        return np.concatenate(list(self._pool.map(self._run, pieces)))

    def _run(self, pixels: npt.NDArray[Any]) -> npt.NDArray[np.float16]:
        (features,) = self._session.run(None, {self._input: pixels.astype(np.float32)})
        return _rounded(features)


def _rounded(features: npt.NDArray[Any]) -> npt.NDArray[np.float16]:
    """Return feature maps as float16; raises RunError if a value is too large for it."""
    try:
        with np.errstate(over="raise"):
            return np.asarray(features, np.float16)
    except FloatingPointError:
        raise RunError(
            f"Feature maps must be below {np.finfo(np.float16).max:,.0f} to be stored as float16, and reach "
            f"{np.abs(features).max():,.0f}. Change data.scaling, or end the backbone at another layer with "
            "model.backbone.until."
        ) from None


# prefix's key -> its extractor, as long as one is in use: each has several hundred MB of working memory
_shared: weakref.WeakValueDictionary[str, Extractor] = weakref.WeakValueDictionary()


def make_extractor(prefix: Prefix, warn: Callable[[str], None] | None = None) -> Extractor:
    """Return the fastest extractor: Keras on a GPU; on a CPU, ONNX Runtime if the `onnx` extra is installed.

    Equal prefixes share an extractor.

    Args:
        prefix: The prefix.
        warn: Shows a line, if the prefix cannot be exported to ONNX and Keras runs it; None: on standard error.
    """
    extractor = _shared.get(prefix.key)
    if extractor is None:
        extractor = _shared[prefix.key] = _fastest(prefix, warn)
    return extractor


def _fastest(prefix: Prefix, warn: Callable[[str], None] | None) -> Extractor:
    onnx = all(importlib.util.find_spec(name) for name in ("onnxruntime", "tf2onnx"))
    if onnx and not has_accelerator():
        try:
            return OnnxExtractor(prefix)
        except Exception as error:  # noqa: BLE001 - exporters raise many kinds of errors, and Keras needs no export
            reason = (" ".join(str(error).split()) or type(error).__name__)[:200]
            (warn or Progress().warn)(f"ONNX Runtime cannot run the frozen layers ({reason}); Keras runs them, slower.")
    return KerasExtractor(prefix)


def _session(prefix: Prefix) -> Any:
    """Return a session of the exported prefix from the cache; a missing or damaged file is exported (again)."""
    folder = cache_folder() / "onnx"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{prefix.key}-{_versions()}"
    with filelock.FileLock(folder / f"{name}.lock"):
        for path in folder.glob(f"{name}-*.onnx"):
            content = path.read_bytes()
            if path.stem == f"{name}-{_digest(content)}":
                return _open_session(content)
            path.unlink()
        content = _export(prefix)
        session = _open_session(content)
        with atomic.replacing(folder / f"{name}-{_digest(content)}.onnx") as temporary:
            temporary.write_bytes(content)
        return session


def _open_session(content: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _export(prefix: Prefix) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "prefix.onnx"
        write_onnx(prefix.model, path)
        return path.read_bytes()


def _versions() -> str:
    """Return a hash of the versions that the exported file depends on."""
    names = ("keras", "tensorflow", "tf2onnx", "onnx")
    found = {name: importlib.metadata.version(name) for name in names if importlib.util.find_spec(name)}
    return _digest(json.dumps([_VERSION, found], sort_keys=True).encode())


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()
