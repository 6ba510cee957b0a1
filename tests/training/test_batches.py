"""Batches: every image once an epoch, with its label, in the order that seed and epoch decide."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alzbench.training.batches import FeatureBatches, epoch_order


class Numbers:
    """Feature maps that are their own positions."""

    def take(self, indices: Any) -> np.ndarray:
        return np.asarray(indices, np.float16).reshape(-1, 1, 1, 1)


@given(n=st.integers(1, 40), batch=st.integers(1, 9), seed=st.integers(0, 9), epoch=st.integers(0, 9))
def test_every_image_once_with_its_label(n: int, batch: int, seed: int, epoch: int) -> None:
    order = epoch_order(n, seed, epoch)
    batches = FeatureBatches(Numbers(), np.arange(n) * 2, batch, order)
    seen = [batches[i] for i in range(len(batches))]
    positions = np.concatenate([features[:, 0, 0, 0] for features, _ in seen])
    labels = np.concatenate([labels for _, labels in seen])
    assert sorted(positions) == list(range(n))
    assert (labels == 2 * positions).all()
    assert [len(labels) for _, labels in seen[:-1]] == [batch] * (len(seen) - 1)


def test_orders_differ_by_seed_and_epoch_and_are_repeatable() -> None:
    orders = [tuple(epoch_order(50, seed, epoch)) for seed in (0, 1) for epoch in (0, 1)]
    assert len(set(orders)) == 4
    assert tuple(epoch_order(50, 0, 1)) == orders[1]
