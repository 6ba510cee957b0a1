"""Formats of exported models: how each is written, and run again without the code that trained it.

Notation: `B` batch, `S` slices of a subject, `C` channels, `K` classes. Every file takes float32 pixels in [0, 255],
(B, size, size, C), or (B, S, size, size, C) for a model that classifies subjects, and returns float32 probabilities
(B, K).
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alzbench.errors import ExperimentError
from alzbench.registry import Entry, Registry

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

INPUT = "pixels"  # name of the input in every format that has names
OUTPUT = "probabilities"
LIMIT = 1e-4  # largest difference of a probability from the run's, unless the user accepts more

# (Keras model, path, facts about it: name -> text) -> None
Write = Callable[[Any, Path, Mapping[str, str]], None]
Predict = Callable[["npt.NDArray[np.float32]"], "npt.NDArray[np.float32]"]


@dataclass(frozen=True, kw_only=True)
class Format(Entry[Write]):
    """A format of exported models.

    Attributes:
        title: Its name for people.
        ending: Ending of its files.
        load: Returns the prediction function of a file.
        example: Python lines that compute `probabilities` (B, K) from `pixels` with the file in `{path}`.
        packages: Packages that it needs beyond the base installation.
        extra: The extra of alzbench that installs them.
        folder: True if an export is a folder.
    """

    title: str
    ending: str
    load: Callable[[Path], Predict]
    example: str
    packages: tuple[str, ...] = ()
    extra: str = ""
    folder: bool = False

    def require_packages(self) -> None:
        """Raise ExperimentError if a package is missing."""
        missing = [name for name in self.packages if importlib.util.find_spec(name) is None]
        if missing:
            raise ExperimentError(
                f"An export to {self.title} needs the package{'s' * (len(missing) > 1)} {', '.join(missing)}; install "
                f"with pip install 'alzbench[{self.extra}]'."
            )

    def require_path(self, path: Path) -> None:
        """Raise ExperimentError if an export cannot be written to a path."""
        other = "choose another name with --out."
        if self.folder and path.exists() and not (path / "saved_model.pb").is_file():
            raise ExperimentError(f"{path} exists and is no {self.title}, so it is kept: {other}")
        if not self.folder and path.suffix != self.ending:
            raise ExperimentError(f"A file for {self.title} must end in {self.ending}; got {path}: {other}")
        if not self.folder and path.is_dir():
            raise ExperimentError(f"{path} must be a file, and a folder has its name: {other}")
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
            raise ExperimentError(f"{path} must be in a folder that you may write to; {folder} is not one: {other}")


FORMATS = Registry("export format", Format)


def _load_keras(path: Path) -> Predict:
    import keras

    model = keras.saving.load_model(path, compile=False, safe_mode=True)
    return lambda pixels: model.predict_on_batch(pixels)


def _load_savedmodel(path: Path) -> Predict:
    import tensorflow as tf

    model = tf.saved_model.load(str(path))
    return lambda pixels: model.serve(pixels).numpy()


def _load_onnx(path: Path) -> Predict:
    import onnxruntime

    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    return lambda pixels: session.run(None, {INPUT: pixels})[0]


def _load_litert(path: Path) -> Predict:
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(str(path)).get_signature_runner()
    return lambda pixels: next(iter(run(**{INPUT: pixels}).values()))


@FORMATS.register(
    "keras",
    title="Keras",
    ending=".keras",
    load=_load_keras,
    example="""\
import alzbench  # registers its layers
import keras

model = keras.saving.load_model({path!r})
probabilities = model.predict(pixels)""",
)
def _write_keras(model: Any, path: Path, facts: Mapping[str, str]) -> None:
    """A `.keras` file, which needs alzbench if the model has layers of alzbench's own."""
    del facts  # it has no place for them
    model.save(path)


@FORMATS.register(
    "savedmodel",
    title="TensorFlow SavedModel",
    ending=".savedmodel",
    folder=True,
    load=_load_savedmodel,
    example="""\
import tensorflow as tf

model = tf.saved_model.load({path!r})
probabilities = model.serve(pixels).numpy()""",
)
def _write_savedmodel(model: Any, path: Path, facts: Mapping[str, str]) -> None:
    """A folder for TensorFlow and TensorFlow Serving."""
    del facts
    model.export(path, format="tf_saved_model", verbose=False)


@FORMATS.register(
    "onnx",
    title="ONNX",
    ending=".onnx",
    load=_load_onnx,
    example="""\
import onnxruntime

session = onnxruntime.InferenceSession({path!r})
probabilities = session.run(None, {{"pixels": pixels}})[0]""",
    packages=("onnx", "onnxruntime", "tf2onnx"),
    extra="onnx",
)
def _write_onnx(model: Any, path: Path, facts: Mapping[str, str]) -> None:
    """A file for ONNX Runtime and many other programs, with the classes in its metadata."""
    import onnx

    from alzbench.models.onnx import write_onnx

    write_onnx(model, path, keep_rounding=True)
    content = onnx.load(path)
    graph = content.graph
    last = next(node for node in graph.node if graph.output[0].name in node.output)
    last.output[list(last.output).index(graph.output[0].name)] = graph.output[0].name = OUTPUT
    for tensor in (*graph.input, *graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.helper.set_model_props(content, dict(facts))
    onnx.checker.check_model(content)
    onnx.save(content, path)


@FORMATS.register(
    "litert",
    title="LiteRT",
    ending=".tflite",
    load=_load_litert,
    example="""\
from ai_edge_litert.interpreter import Interpreter

run = Interpreter({path!r}).get_signature_runner()
probabilities = next(iter(run(pixels=pixels).values()))""",
    packages=("ai_edge_litert",),
    extra="litert",
)
def _write_litert(model: Any, path: Path, facts: Mapping[str, str]) -> None:
    """A `.tflite` file for LiteRT (TensorFlow Lite), on phones and small devices."""
    del facts
    model.export(path, format="litert", verbose=False)
