"""Maps of a run on real images."""

from __future__ import annotations

import json

import numpy as np
import pytest

from alzbench.store import Run
from alzbench.store.explanation import read_explanation
from tests.helpers.command import Command

pytestmark = [pytest.mark.real, pytest.mark.slow]


def test_a_run_on_real_images_is_explained(alzbench: Command, attention_run: Run) -> None:
    methods = "attention,grad_cam,occlusion"
    result = alzbench("explain", attention_run.path, "--images", 24, "--methods", methods, "--json", "--quiet")
    assert (result.code, result.err) == (0, "")
    (explained,) = json.loads(result.out)["runs"]
    assert list(explained["methods"]) == methods.split(",")
    explanation = read_explanation(attention_run.path)
    assert explanation is not None
    assert set(explanation.images["label"]) == {
        "NonDemented", "VeryMildDemented", "MildDemented", "ModerateDemented",
    }  # fmt: skip
    sample = explanation.images[explanation.images["group"] == "sample"]
    assert sample["subject"].nunique() > 8
    assert explanation.picture(0).shape == (208, 176)
    assert explanation.maps("attention").shape[1:] == (4, 4)
    weights = explanation.attention_weights
    assert weights is not None
    np.testing.assert_allclose(weights.astype(np.float32).sum(axis=-1), 1, atol=5e-3)
    assert explanation.maps("occlusion").any(axis=(1, 2)).mean() > 0.5  # a map of zeros is rare
