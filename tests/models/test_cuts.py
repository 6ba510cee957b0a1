"""Checks of a backbone's settings: sizes, layers and blocks that fit it, and one sentence for those that do not."""

from __future__ import annotations

import re

import pytest

from alzbench.errors import ExperimentError
from alzbench.experiment import BackboneSettings, DataSettings, FineTuneSettings
from alzbench.models.cuts import check_backbone, check_cut


def error_of(name: str, until: str | None = None, tuning: FineTuneSettings | None = None) -> str:
    with pytest.raises(ExperimentError) as error:
        check_cut(BackboneSettings(name=name, until=until), tuning)
    return str(error.value)


@pytest.mark.parametrize(("name", "smallest"), [("mobilenet_v2", 32), ("xception", 71), ("inception_v3", 75)])
def test_images_below_the_smallest_size_are_refused(name: str, smallest: int) -> None:
    settings = BackboneSettings(name=name)
    check_backbone(settings, DataSettings(size=smallest))
    if smallest > 32:
        with pytest.raises(ExperimentError) as error:
            check_backbone(settings, DataSettings(size=smallest - 1))
        assert str(error.value) == f"data.size must be at least {smallest} pixels for {name}, got {smallest - 1}."


def test_a_layer_where_all_paths_meet_is_accepted() -> None:
    check_cut(BackboneSettings(until="block_6_project_BN"), None)
    check_cut(BackboneSettings(name="vgg16", until="block3_pool"), FineTuneSettings())
    check_cut(BackboneSettings(), None)
    check_cut(BackboneSettings(), FineTuneSettings())


def test_an_unknown_layer_is_refused_with_all_that_may_be_named() -> None:
    assert error_of("vgg16", "block3_pol") == (
        "model.backbone.until must be a layer of vgg16 where all paths through it meet: block1_conv1, block1_conv2, "
        "block1_pool, block2_conv1, block2_conv2, block2_pool, block3_conv1, block3_conv2, block3_conv3, block3_pool, "
        "block4_conv1, block4_conv2, block4_conv3, block4_pool, block5_conv1, block5_conv2, block5_conv3, block5_pool; "
        "there is no 'block3_pol'. Did you mean 'block3_pool'?"
    )
    assert error_of("vgg16", "zzz").endswith("; there is no 'zzz'.")


def test_a_layer_in_a_branch_is_refused_with_the_next_one_above() -> None:
    text = error_of("mobilenet_v2", "block_4_expand")
    assert text.endswith("; 'block_4_expand' is not one, as it is in a branch; the next one above it is 'block_4_add'.")
    listed = re.findall(r"[\w]+", text.partition("meet: ")[2].partition(";")[0])
    assert "block_4_add" in listed
    assert "block_4_expand" not in listed


def test_fine_tuning_needs_trainable_layers_above() -> None:
    check_cut(BackboneSettings(until="Conv_1"), None)
    text = error_of("mobilenet_v2", "Conv_1", FineTuneSettings())  # a normalisation follows, which stays frozen
    assert "where all paths through it meet and trainable layers follow: Conv1, " in text
    assert text.endswith("; 'Conv_1' has nothing to train above it.")


def test_fine_tuning_starts_at_one_of_the_two_settings() -> None:
    assert error_of("mobilenet_v2", "block_6_project_BN", FineTuneSettings(first_block="block_9")) == (
        "fine_tune.first_block must be left out, as model.backbone.until is set and fine-tuning starts above it; got "
        "'block_9'."
    )
    assert error_of("vgg16", None, FineTuneSettings()) == (
        "fine_tune needs model.backbone.until, the layer above which vgg16 is trained, as vgg16 has no named blocks. "
        "An unknown name, such as `until: x`, lists its layers."
    )
