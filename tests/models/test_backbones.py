"""Backbones: a new one needs a registration and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from alzbench.errors import DataError, ExperimentError
from alzbench.experiment import BackboneSettings, DataSettings, Experiment, ModelSettings
from alzbench.models.backbones import BACKBONES
from alzbench.models.classifier import build_head, join_prefix
from alzbench.models.cuts import check_backbone, check_block
from alzbench.models.prefix import build_prefix, build_suffix
from alzbench.models.weights import weights_fingerprint
from alzbench.runner import check, settings_hash

pytestmark = pytest.mark.slow

DATA = DataSettings(size=32)
TWO = BackboneSettings(name="two_blocks", weights="none")
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 1)).astype(np.float32)


@pytest.fixture(autouse=True)
def two_blocks() -> Iterator[None]:
    """Register a small backbone."""

    @BACKBONES.register("two_blocks", blocks=("lower", "upper"), published=("textures",))
    def build(
        settings: BackboneSettings, weights: str | None, input_shape: Any = None, input_tensor: Any = None
    ) -> Any:
        """Two convolutions."""
        del settings
        if weights is not None:
            raise OSError("no network")
        x = keras.Input(input_shape) if input_tensor is None else input_tensor
        inputs = keras.utils.get_source_inputs(x)
        for name, filters in (("lower", 4), ("upper", 6)):
            x = keras.layers.Conv2D(filters, 3, strides=4, name=f"{name}_conv")(x)
            x = keras.layers.BatchNormalization(name=f"{name}_bn")(x)
            x = keras.layers.ReLU(name=f"{name}_relu")(x)
        return keras.Model(inputs, x)

    yield
    BACKBONES.remove("two_blocks")


def test_its_prefix_and_suffix_together_are_the_whole_backbone() -> None:
    whole, cut, suffix = build_prefix(TWO, DATA), build_prefix(TWO, DATA, "upper"), build_suffix(TWO, DATA, "upper")
    assert (whole.shape, cut.shape) == ((2, 2, 6), (8, 8, 4))
    np.testing.assert_allclose(suffix(cut.model(PIXELS)), whole.model(PIXELS), atol=1e-6)
    assert [layer.name for layer in suffix.layers if layer.trainable_weights] == ["upper_conv"]
    assert len({whole.key, cut.key, build_prefix(BackboneSettings(weights="none"), DATA).key}) == 3


def test_a_head_is_joined_to_it() -> None:
    prefix = build_prefix(TWO, DATA)
    head = build_head(ModelSettings(backbone=TWO), prefix.shape, 4, "float32", seed=0)
    assert np.asarray(join_prefix(prefix.model, head)(PIXELS)).sum(axis=1) == pytest.approx(np.ones(3), abs=1e-6)


def test_an_experiment_names_it() -> None:
    named, default = (Experiment(name="x", model=ModelSettings(backbone=b)) for b in (TWO, BackboneSettings()))
    check(named)
    assert settings_hash(named) != settings_hash(default)


def test_its_published_weights_are_downloaded_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published = BackboneSettings(name="two_blocks", weights="textures")
    monkeypatch.delenv("ALZBENCH_WEIGHTS", raising=False)
    assert weights_fingerprint(published) == "textures"
    with pytest.raises(DataError) as error:
        build_prefix(published, DATA)
    assert str(error.value) == (
        "The textures weights of two_blocks could not be downloaded; check the network, or set ALZBENCH_WEIGHTS to a "
        "weights file of two_blocks without top. --demo needs neither. (no network)"
    )
    file = tmp_path / "two.weights.h5"
    BACKBONES["two_blocks"].function(TWO, weights=None, input_shape=(32, 32, 3)).save_weights(file)
    monkeypatch.setenv("ALZBENCH_WEIGHTS", str(file))
    named = build_prefix(BackboneSettings(name="two_blocks", weights=str(file)), DATA)
    assert build_prefix(published, DATA).key == named.key


def test_weights_of_another_backbone_are_a_file_that_does_not_exist() -> None:
    with pytest.raises(DataError, match=r"There is no weights file imagenet\. Set ALZBENCH_WEIGHTS or model\.backbone"):
        weights_fingerprint(BackboneSettings(name="two_blocks", weights="imagenet"))


def test_its_blocks_are_checked() -> None:
    check_block("two_blocks", "upper")
    with pytest.raises(ExperimentError) as error:
        check_block("two_blocks", "uper")
    assert str(error.value) == (
        "fine_tune.first_block must be a block of two_blocks: lower, upper; got 'uper'. Did you mean 'upper'?"
    )


def test_a_width_multiplier_is_refused_for_a_backbone_without_one() -> None:
    check_backbone(TWO, DATA)
    check_backbone(BackboneSettings(alpha=0.5), DATA)
    wide = TWO.model_copy(update={"alpha": 0.5})
    with pytest.raises(
        ExperimentError, match=r"model\.backbone\.alpha must be 1, as two_blocks has no width multiplier; got 0\.5"
    ):
        check(Experiment(name="x", model=ModelSettings(backbone=wide)))
