"""Occlusion: the only part that a model looks at is found, and memory is bounded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from alzbench.explain import occlusion as module
from alzbench.explain.inputs import Inputs
from alzbench.explain.occlusion import GRID, occlusion
from tests.helpers.small_models import CHANNELS, CLASSES, SIDE, make_inputs, stored_model


def ignore(_n: int = 1, note: str | None = None) -> None:
    del note


def corner_inputs(tmp_path: Path) -> Inputs:
    """A model whose first logit is the brightness of the square in the last row and the second column."""
    features = keras.Input((SIDE, SIDE, CHANNELS), name="features")
    logits = keras.layers.Dense(CLASSES, name="logits")
    outputs = logits(keras.layers.Flatten()(features))
    kernel = np.zeros((SIDE, SIDE, CHANNELS, CLASSES), np.float32)
    kernel[3, 1, 0, 0] = 4.0
    logits.set_weights([kernel.reshape(-1, CLASSES), np.zeros(CLASSES, np.float32)])
    pixels = np.full((2, 32, 32, 1), 20, np.uint8)
    pixels[:, 24:, 8:16] = 255
    return make_inputs(stored_model(tmp_path, keras.Model(features, outputs, name="head")), pixels, [0, 1])


def test_the_only_part_that_counts_is_found(tmp_path: Path) -> None:
    maps = occlusion(corner_inputs(tmp_path), ignore)
    assert maps.shape == (2, GRID, GRID)
    rows, columns = np.nonzero(maps[0])
    # the square covers cells 6 and 7, 2 and 3; the patch is a cell wider on each side
    assert set(zip(rows.tolist(), columns.tolist(), strict=True)) == {(r, c) for r in (5, 6, 7) for c in (1, 2, 3, 4)}
    assert maps[0].max() == pytest.approx(maps[0, 6, 2])
    assert not maps[1].any()  # its probability rises, as that of the other class drops


def test_the_drop_is_that_of_the_probability(tmp_path: Path) -> None:
    inputs = corner_inputs(tmp_path)
    maps = occlusion(inputs, ignore)
    hidden = inputs.pixels.copy()
    hidden[0, 22:30, 6:14] = round(float(inputs.pixels[0].mean()))  # the patch of the cell in row 6, column 2
    expected = inputs.target_probabilities(inputs.pixels) - inputs.target_probabilities(hidden)
    assert maps[0, 6, 2] == pytest.approx(expected[0], abs=1e-3)


def test_the_versions_of_an_image_are_made_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = corner_inputs(tmp_path)
    expected, sizes = occlusion(inputs, ignore), []

    def extract(pixels: np.ndarray) -> np.ndarray:
        sizes.append(pixels.nbytes)
        return inputs.extract(pixels)

    monkeypatch.setattr(module, "_BYTES", 5000)
    maps = occlusion(replace(inputs, extract=extract), ignore)
    assert max(sizes) <= 5000
    np.testing.assert_allclose(maps, expected, atol=1e-6)
