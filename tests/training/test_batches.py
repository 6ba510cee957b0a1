"""Batches: every example once per epoch, with its label, in an order that depends on seed and epoch."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alzbench.training.batches import FeatureBatches, balanced_order, epoch_order


class Numbers:
    """Feature maps whose values are their positions."""

    def take(self, indices: Any) -> np.ndarray:
        return np.asarray(indices, np.float16).reshape(-1, 1, 1, 1)


@given(n=st.integers(1, 40), batch=st.integers(1, 9), seed=st.integers(0, 9), epoch=st.integers(0, 9))
def test_every_example_once_with_its_label(n: int, batch: int, seed: int, epoch: int) -> None:
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


def test_weights_come_with_their_examples() -> None:
    batches = FeatureBatches(Numbers(), np.arange(7), 3, epoch_order(7, 0, 0), (np.arange(7) / 2).astype(np.float32))
    for i in range(len(batches)):
        maps, labels, weights = batches[i]
        assert weights.dtype == np.float32
        assert (weights == labels / 2).all()
        assert (maps[:, 0, 0, 0] == labels).all()


some_labels = st.lists(st.integers(0, 3), min_size=1, max_size=40).map(np.array)


@given(labels=some_labels, seed=st.integers(0, 9), epoch=st.integers(0, 9))
def test_each_block_of_a_balanced_order_has_each_class_once(labels: np.ndarray, seed: int, epoch: int) -> None:
    classes = np.unique(labels)
    order = balanced_order(labels, seed, epoch)
    assert len(order) == -(-len(labels) // len(classes)) * len(classes)
    assert (np.sort(labels[order].reshape(-1, len(classes)), axis=1) == classes).all()


@given(labels=some_labels, seed=st.integers(0, 9))
def test_no_example_is_repeated_before_all_of_its_class_are_used(labels: np.ndarray, seed: int) -> None:
    order = balanced_order(labels, seed, 0)
    for label in np.unique(labels):
        size = (labels == label).sum()
        stream = order[labels[order] == label]
        for start in range(0, len(stream), size):
            used = stream[start : start + size]
            assert len(set(used.tolist())) == len(used)


def test_balanced_orders_differ_by_seed_and_epoch_and_are_repeatable() -> None:
    labels = np.array([0] * 30 + [1] * 8 + [2] * 12)
    orders = [tuple(balanced_order(labels, seed, epoch)) for seed in (0, 1) for epoch in (0, 1)]
    assert len(set(orders)) == 4
    assert tuple(balanced_order(labels, 0, 1)) == orders[1]
    used = {position for epoch in range(20) for position in balanced_order(labels, 0, epoch)}
    assert used == set(range(50))  # an example that one epoch omits is in another
