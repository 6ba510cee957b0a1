"""Cuts of a backbone below a named block: prefix and suffix together are the whole backbone."""

from __future__ import annotations

import hashlib
import json
import re

import numpy as np
import pytest

from alzbench.errors import ExperimentError
from alzbench.experiment import BackboneSettings, DataSettings, FineTuneSettings
from alzbench.models import prefix as prefix_module
from alzbench.models.backbones import BACKBONES
from alzbench.models.cuts import check_block
from alzbench.models.prefix import Prefix, build_prefix, build_suffix

pytestmark = pytest.mark.slow

BACKBONE = BackboneSettings(weights="none", alpha=0.35)
DATA = DataSettings(size=64, scaling="imagenet")
NAMES = BACKBONES["mobilenet_v2"].blocks
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 1)).astype(np.float32)

# with and without a skip connection; block_10 begins as block_1 does
some_blocks = pytest.mark.parametrize("block", ["block_1", "block_3", "block_10", "block_14", "block_16", "Conv_1"])


def prefix(until: str | None = None) -> Prefix:
    return build_prefix(BACKBONE, DATA, until)


def blocks_of(layers: set[str]) -> set[str]:
    return {match[0] for name in layers if (match := re.match(r"block_\d+|Conv_1", name))}


@pytest.fixture(scope="module")
def expected() -> np.ndarray:
    return np.asarray(prefix().model(PIXELS))


@some_blocks
def test_prefix_and_suffix_together_are_the_whole_backbone(block: str, expected: np.ndarray) -> None:
    cut, suffix = prefix(block), build_suffix(BACKBONE, DATA, block)
    assert cut.shape == suffix.input_shape[1:]
    np.testing.assert_allclose(suffix(cut.model(PIXELS)), expected, atol=1e-6)


@some_blocks
def test_the_cut_is_below_the_block(block: str) -> None:
    below = {layer.name for layer in prefix(block).model.layers}
    above = {layer.name for layer in build_suffix(BACKBONE, DATA, block).layers if layer.weights}
    later = NAMES[NAMES.index(block) :]
    assert blocks_of(above) == set(later)
    assert not blocks_of(below) & set(later)
    assert below | above >= {layer.name for layer in prefix().model.layers if layer.weights}


def test_all_blocks_are_listed_in_their_order() -> None:
    names = [match[0] for layer in prefix().model.layers if (match := re.match(r"block_\d+|Conv_1", layer.name))]
    assert tuple(dict.fromkeys(names)) == NAMES


def test_each_cut_has_its_own_key_and_that_of_the_whole_backbone_is_fixed() -> None:
    keys = [prefix(until).key for until in (None, *NAMES)]
    assert len(set(keys)) == len(keys)
    weights = hashlib.sha256(b"".join(weight.tobytes() for weight in prefix().model.get_weights())).hexdigest()
    content = {"alpha": 0.35, "backbone": "mobilenet_v2", "channels": 1, "scaling": "imagenet", "size": 64}
    text = json.dumps({**content, "weights": weights})
    assert prefix().key == hashlib.sha256(text.encode()).hexdigest()[:16]  # feature maps of earlier versions stay valid
    assert prefix("block_14").key == prefix("block_14").key


def test_weights_above_the_cut_do_not_change_the_key() -> None:
    """Prefixes that differ only above the cut share their feature maps."""
    whole, other = prefix(), prefix("block_16").key
    kernel = whole.model.get_layer("block_16_expand").weights[0]
    before = kernel.numpy()
    try:
        kernel.assign(before + 1)
        prefix_module._prefix.cache_clear()  # which holds the key from before
        assert prefix("block_16").key == other
        assert prefix().key != whole.key
    finally:
        kernel.assign(before)
        prefix_module._prefix.cache_clear()


def test_only_the_suffix_is_trainable_and_its_normalisations_are_not() -> None:
    suffix = build_suffix(BACKBONE, DATA, "block_15")
    assert not prefix("block_15").model.trainable_weights
    assert not prefix().model.trainable_weights
    trained = [layer.name for layer in suffix.layers if layer.trainable_weights]
    blocks = [f"block_{k}_{part}" for k in (15, 16) for part in ("expand", "depthwise", "project")]
    assert trained == [*blocks, "Conv_1"]


def test_an_unknown_block_is_refused_with_the_nearest_name() -> None:
    for block in (*NAMES, FineTuneSettings().first_block):
        check_block("mobilenet_v2", block)
    with pytest.raises(ExperimentError) as error:
        check_block("mobilenet_v2", "blok_14")
    assert str(error.value) == (
        "fine_tune.first_block must be a block of mobilenet_v2: block_1 to block_16, or Conv_1; got 'blok_14'. "
        "Did you mean 'block_14'?"
    )
    for wrong in ("block_0", "block_17", "block_14_expand", "conv_1", ""):
        with pytest.raises(ExperimentError, match=rf"block_1 to block_16, or Conv_1; got '{wrong}'\."):
            check_block("mobilenet_v2", wrong)


def test_a_suffix_starts_from_the_pretrained_weights_each_time() -> None:
    first = build_suffix(BACKBONE, DATA, "Conv_1")
    first.set_weights([weight + 1 for weight in first.get_weights()])
    again = build_suffix(BACKBONE, DATA, "Conv_1").get_layer("Conv_1").get_weights()
    np.testing.assert_array_equal(again, prefix().model.get_layer("Conv_1").get_weights())
