"""The predictor: class probabilities for each image, equal for slices that are classified together."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from alzbench.experiment import ModelSettings
from alzbench.models.classifier import SetShape, build_head, set_shape
from alzbench.training.features import Features
from alzbench.training.predictor import BATCH, Predictor, probabilities
from tests.helpers.feature_maps import InMemory

SHAPE, CLASSES = (2, 2, 8), 3


class Stored:
    """Stub of `Features`: feature maps by position, and a record of the requested views."""

    shape = SHAPE

    def __init__(self, n: int) -> None:
        self.maps = np.random.default_rng(0).normal(size=(n, *SHAPE)).astype(np.float16)
        self.views: set[int] = set()

    def stored(self, positions: np.ndarray, view: int) -> InMemory:
        self.views.add(view)
        return InMemory(self.maps[positions])


def head(variant: str, **options: Any) -> Any:
    return build_head(ModelSettings(variant=variant, options={"units": 8, **options}), SHAPE, CLASSES, "float32", 0)


def test_softmax_has_double_precision_and_is_stable() -> None:
    predicted = probabilities(np.array([[1000.0, 1000.0], [0.0, np.log(3.0)]], np.float32))
    assert predicted.dtype == np.float64
    np.testing.assert_allclose(predicted, [[0.5, 0.5], [0.25, 0.75]], rtol=1e-7)


@pytest.mark.slow
def test_each_image_is_predicted_from_its_feature_map_in_any_order() -> None:
    network, features = head("baseline"), Stored(2 * BATCH + 5)
    rows = pd.DataFrame({"subject": ""}, index=np.random.default_rng(1).permutation(2 * BATCH + 5)[: BATCH + 3])
    predictor = Predictor(network, cast(Features, features))
    expected = network.predict(features.maps[rows.index].astype(np.float32), verbose=0)
    np.testing.assert_allclose(predictor.logits(rows), expected, rtol=1e-4, atol=1e-5)
    predicted = predictor.probabilities(rows)
    np.testing.assert_array_equal(predicted, probabilities(predictor.logits(rows)))
    np.testing.assert_allclose(predicted.sum(axis=1), 1)
    assert features.views == {0}  # the images without augmentation
    assert set_shape(network) is None


@pytest.mark.slow
def test_slices_of_a_subject_get_one_prediction() -> None:
    network, features = head("subject_attention", key_dim=4, slices=3), Stored(12)
    subjects = ["a", "b", "a", "b", "a", "", "", "c", "c", "c", "c"]
    rows = pd.DataFrame({"subject": subjects}, index=np.arange(11)[::-1])
    assert set_shape(network) == SetShape(3)
    predicted = Predictor(network, cast(Features, features)).probabilities(rows)
    assert predicted.shape == (11, CLASSES)
    by_subject = {name: np.unique(predicted[[s == name for s in subjects]], axis=0) for name in "abc"}
    assert [len(by_subject[name]) for name in "abc"] == [1, 1, 2]  # c has more slices than fit into a set
    assert len(np.unique(predicted, axis=0)) == 6  # two images of unknown subjects are predicted separately
    together = {"features": features.maps[[[10, 8, 6]]].astype(np.float32), "present": np.ones((1, 3), bool)}
    np.testing.assert_allclose(by_subject["a"], probabilities(network.predict(together, verbose=0)), rtol=1e-4)
