"""Randomised models: copies, changed from the top down, with the same values in each weight."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from alzbench.explain.randomisation import PREFIX_STEPS, randomised_models
from tests.helpers.small_models import doubling_suffix, linear_head, stored_model

pytestmark = pytest.mark.slow

WEIGHTS = np.arange(6.0).reshape(3, 2)


@pytest.mark.parametrize("tuned", [False, True])
def test_the_layers_are_shuffled_from_the_top_down(tmp_path: Path, tuned: bool) -> None:
    model = stored_model(tmp_path, linear_head(WEIGHTS), doubling_suffix() if tuned else None)
    before = [weight.copy() for weight in (*model.prefix.get_weights(), *model.trained.get_weights())]
    names, same_prefix, heads, prefixes = [], [], [], []
    for name, changed, same in randomised_models(model):
        names.append(name)
        same_prefix.append(same)
        heads.append(changed.head.get_weights()[0].copy())
        prefixes.append([weight.copy() for weight in changed.prefix.get_weights()])
    trained = ["logits", *(["trained blocks"] if tuned else [])]
    assert names == [*trained, *(f"frozen blocks, {step}" for step, _ in PREFIX_STEPS)]
    assert same_prefix == [True] * len(trained) + [False] * len(PREFIX_STEPS)
    assert not np.array_equal(heads[0], WEIGHTS)
    assert sorted(heads[0].ravel()) == sorted(WEIGHTS.ravel())
    assert all(np.array_equal(a, b) for a, b in zip(prefixes[0], model.prefix.get_weights(), strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(prefixes[-1], model.prefix.get_weights(), strict=True))
    after = [*model.prefix.get_weights(), *model.trained.get_weights()]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))  # the model itself stays as it was
