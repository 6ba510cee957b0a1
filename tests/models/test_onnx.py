"""Models written as ONNX: the rounding of feature maps survives."""

from __future__ import annotations

import gc
from pathlib import Path

import keras
import numpy as np
import onnxruntime
import pytest

from alzbench.models.onnx import write_onnx


@pytest.fixture(scope="module")
def rounds() -> keras.Model:
    """A model that rounds to float16 and casts back, like the joined models."""
    values = keras.Input((4,), name="values")
    half = keras.layers.Activation("linear", dtype="float16")(values * 1.0)
    return keras.Model(values, keras.layers.Activation("linear", dtype="float32")(half) * 1.0)


def run(path: Path, values: np.ndarray) -> np.ndarray:
    return np.asarray(onnxruntime.InferenceSession(path).run(None, {"values": values})[0])


def test_values_are_rounded_if_that_is_asked_for(rounds: keras.Model, tmp_path: Path) -> None:
    values = np.array([[1.0, 1.0001, 0.33333334, 2049.0]], np.float32)
    write_onnx(rounds, tmp_path / "kept.onnx", keep_rounding=True)
    np.testing.assert_array_equal(run(tmp_path / "kept.onnx", values), [[1.0, 1.0, 0.333251953125, 2048.0]])
    write_onnx(rounds, tmp_path / "plain.onnx")  # the converter is as before, and drops the casts
    np.testing.assert_array_equal(run(tmp_path / "plain.onnx", values), values)


def test_the_converter_keeps_few_copies_of_the_network(
    rounds: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tf2onnx.graph import Graph
    from tf2onnx.optimizer.optimizer_base import GraphOptimizerBase

    alive: list[int] = []
    optimize = GraphOptimizerBase.optimize

    def counting(optimizer: GraphOptimizerBase, graph: Graph, iteration: int) -> Graph:
        alive.append(sum(type(thing) is Graph for thing in gc.get_objects()))
        return optimize(optimizer, graph, iteration)

    monkeypatch.setattr(GraphOptimizerBase, "optimize", counting)
    write_onnx(rounds, tmp_path / "a.onnx")
    assert len(alive) > 12  # two rounds of all optimizers
    assert max(alive) <= 3  # without collection, one more for each optimizer
    assert GraphOptimizerBase.optimize is counting
