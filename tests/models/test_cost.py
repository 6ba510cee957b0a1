"""The costs of variants, against counts by hand."""

from __future__ import annotations

import numpy as np
import pytest

from alzbench.cli.listing import FEATURE_BYTES
from alzbench.models.backbones import BACKBONES
from alzbench.models.cost import suffix_parameters, variant_costs
from alzbench.models.make_costs import compute_costs
from alzbench.models.stored_costs import stored_costs
from alzbench.models.variants import VARIANTS
from alzbench.training.features import FEATURE_DTYPE

BACKBONE_PARAMETERS = 3_538_984 - 1281 * 1000  # as Keras publishes them, without the 1000 classes
DENSE = 128 * 4 + 4
# expansion factor, channels out, repeats, stride of the first
BLOCKS = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]


def backbone_multiply_adds(size: int) -> int:
    """Count the convolutions of MobileNetV2 (Sandler et al. 2018, table 2): expansion, depthwise, projection."""
    side, channels = size // 2, 32
    total = side**2 * 9 * 3 * channels
    for factor, out, repeats, first_stride in BLOCKS:
        for repeat in range(repeats):
            stride, wide = first_stride if repeat == 0 else 1, factor * channels
            total += side**2 * channels * wide if factor > 1 else 0
            side //= stride
            total += side**2 * wide * (9 + out)
            channels = out
    return total + side**2 * channels * 1280


@pytest.mark.slow
def test_costs_are_those_counted_by_hand() -> None:
    costs = variant_costs()
    attention = 3 * (1280 * 128 + 128)
    trainable = {
        "baseline": 1280 * 128 + 128 + DENSE,
        "attention": attention + 128 * 128 + 128 + DENSE,
        "multi_head_attention": attention + 2 * (128 * 128 + 128) + DENSE,
        "subject_attention": 2 * (1280 * 128 + 128) + 128 + 128 * 128 + 128 + DENSE,
        "positions": 16 * 1280 * 4 + 4,
        "subject_slabs": 4 * 16 * 1280 * 4 + 4,
    }
    assert {name: cost.trainable for name, cost in costs.items()} == trainable
    standardised = {"positions": 16 * 1280, "subject_slabs": 4 * 16 * 1280}  # features, by their mean and variance
    assert {name: cost.parameters - cost.trainable for name, cost in costs.items()} == {
        name: BACKBONE_PARAMETERS + 2 * standardised.get(name, 0) for name in trainable
    }
    backbone = backbone_multiply_adds(128)
    assert backbone_multiply_adds(224) == pytest.approx(300e6, rel=0.01)  # as published
    dense = 128 * 4
    heads = {
        "baseline": 1280 * 128 + dense,
        "attention": 16 * 3 * 1280 * 128 + 2 * 16 * 16 * 128 + 128 * 128 + dense,
        "multi_head_attention": 16 * (3 * 1280 * 128 + 128 * 128) + 2 * 16 * 16 * 128 + 128 * 128 + dense,
        "subject_attention": 2 * 1280 * 128 + (128 * 128 + dense) / 32,
        "positions": 16 * 1280 * 4,
        "subject_slabs": 4 * 16 * 1280 * 4 / 32,
    }
    for name, head in heads.items():
        assert costs[name].multiply_adds == pytest.approx(backbone + head, rel=0.03), name
    # the difference of two heads is counted more precisely
    difference = costs["attention"].multiply_adds - costs["baseline"].multiply_adds
    assert difference == pytest.approx(heads["attention"] - heads["baseline"], rel=0.02)


def test_fine_tuning_adds_the_parameters_of_its_blocks() -> None:
    last = 320 * 1280
    assert suffix_parameters("Conv_1") == last
    assert suffix_parameters("block_16") == 160 * 960 + 9 * 960 + 960 * 320 + last


def test_the_stored_costs_are_of_all_variants_and_backbones() -> None:
    assert list(stored_costs().variants) == list(VARIANTS)
    assert list(stored_costs().backbones) == list(BACKBONES)


@pytest.mark.slow
def test_the_stored_costs_are_those_computed_now() -> None:
    """If not: `python -m alzbench.models.make_costs` writes them again."""
    assert stored_costs() == compute_costs()


def test_a_number_of_a_stored_feature_map_has_the_listed_size() -> None:
    assert np.dtype(FEATURE_DTYPE).itemsize == FEATURE_BYTES
