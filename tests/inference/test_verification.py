"""The test images with which an export is checked."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from alzbench.data.manifest import open_image_set
from alzbench.errors import DataError
from alzbench.inference.trained import open_trained_run
from alzbench.inference.verification import Sample, _spread, draw_sample
from alzbench.progress import Progress
from tests.helpers.trained import train_tiny


def sample(expected: np.ndarray, **changes: int) -> Sample:
    pixels = np.arange(len(expected), dtype=np.uint8).reshape(-1, 1, 1, 1)
    return Sample(
        pixels, expected, tuple(f"i{k}" for k in range(len(expected))), changes.get("images", len(pixels)), False
    )


def test_the_largest_difference_and_its_image() -> None:
    expected = np.full((45, 2), 0.5)
    batches = []

    def predict(pixels: np.ndarray) -> np.ndarray:
        batches.append(len(pixels))
        assert pixels.dtype == np.float32
        shift = np.where(pixels[:, 0, 0, 0] == 41, 0.25, 0.125)
        return np.stack([0.5 + shift, 0.5 - shift], axis=1).astype(np.float32)

    assert sample(expected).largest_difference(predict, Progress()) == (0.25, "i41")
    assert batches == [20, 20, 5]
    sample(expected, images=45 * 10).largest_difference(predict, Progress())  # sets of 10 images
    assert batches[3:5] == [2, 2]


def test_a_prediction_that_is_no_number_differs_infinitely() -> None:
    def predict(pixels: np.ndarray) -> np.ndarray:
        return np.where(pixels[:, 0, 0, :1] == 1, np.nan, 0.5) * np.ones(2)

    assert sample(np.full((3, 2), 0.5)).largest_difference(predict, Progress()) == (math.inf, "i1")


def test_examples_are_spread_over_the_classes() -> None:
    labels = np.array(["a"] * 90 + ["b"] * 20 + ["c"] * 2, dtype=object)
    chosen = labels[_spread(labels, 12)]
    assert {name: int((chosen == name).sum()) for name in "abc"} == {"a": 5, "b": 5, "c": 2}
    assert len(_spread(labels, 1000)) == len(set(_spread(labels, 1000).tolist())) == 112


@pytest.mark.slow
def test_the_sample_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = train_tiny(tmp_path, "x", train={"epochs": 1})
    monkeypatch.setenv("ALZBENCH_CACHE", str(tmp_path / "cache"))
    trained = open_trained_run(run)
    images = open_image_set(trained.experiment.data, Progress())
    drawn, table = draw_sample(trained, images), run.predictions().set_index("image")
    assert sorted(drawn.names) == sorted(table.index)  # fewer than 100: all of them
    assert (drawn.images, drawn.filled) == (24, False)
    for name, pixels, expected in zip(drawn.names, drawn.pixels, drawn.expected, strict=True):
        row = images.manifest.index[images.manifest["image"] == name]
        np.testing.assert_array_equal(pixels, images.pixels.take(np.asarray(row))[0])
        np.testing.assert_array_equal(expected, table.loc[name, table.columns.str.startswith("p_")].astype(float))
    text = (run.path / "predictions.csv").read_text()
    (run.path / "predictions.csv").write_text(text.replace("slice3.jpg", "slice9.jpg"))
    with pytest.raises(DataError, match="names images that are not in the run's set"):
        draw_sample(trained, images)
