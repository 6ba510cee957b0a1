"""Checks of a backbone's settings: its name, the size of the images, and the layer or block where it is cut."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from alzbench.errors import ExperimentError
from alzbench.experiment import BackboneSettings, DataSettings, FineTuneSettings
from alzbench.models.backbones import BACKBONES
from alzbench.models.backend import start_backend
from alzbench.models.user_file import file_digest, find_backbone
from alzbench.registry import did_you_mean


def check_backbone(settings: BackboneSettings, data: DataSettings) -> None:
    """Check a backbone and the images that it gets.

    Raises:
        ExperimentError: It does not exist, the images are too small for it, or it has no width multiplier or no
            preprocessing of its own and the settings ask for it.
    """
    backbone = find_backbone(settings)
    if settings.alpha != 1 and not backbone.has_alpha:
        raise ExperimentError(
            f"model.backbone.alpha must be 1, as {settings.name} has no width multiplier; got {settings.alpha}."
        )
    if data.size < backbone.min_size:
        raise ExperimentError(
            f"data.size must be at least {backbone.min_size} pixels for {settings.name}, got {data.size}."
        )
    if data.scaling == "native" and backbone.native is None:
        raise ExperimentError(
            f"data.scaling must be unit or imagenet for {settings.name}, which declares no preprocessing of its own; "
            "got 'native'."
        )


def check_cut(settings: BackboneSettings, tuning: FineTuneSettings | None) -> None:
    """Check where a backbone is cut, by `model.backbone.until` or `fine_tune.first_block`; imports Keras for a layer.

    Raises:
        ExperimentError: It cannot be cut there, nothing above is trainable, or both settings are given.
    """
    if settings.until is not None:
        if tuning is not None and tuning.first_block != FineTuneSettings().first_block:
            raise ExperimentError(
                f"fine_tune.first_block must be left out, as model.backbone.until is set and fine-tuning starts above "
                f"it; got {tuning.first_block!r}."
            )
        _check_layer(settings, settings.until, tuning is not None)
    elif tuning is not None:
        check_block(settings.name, tuning.first_block)


def check_block(backbone: str, block: str) -> None:
    """Raise ExperimentError if the backbone has no such block."""
    blocks = BACKBONES[backbone].blocks
    if not blocks:
        raise ExperimentError(
            f"fine_tune needs model.backbone.until, the layer above which {backbone} is trained, as {backbone} has no "
            "named blocks. An unknown name, such as `until: x`, lists its layers."
        )
    if block not in blocks:
        raise ExperimentError(
            f"fine_tune.first_block must be a block of {backbone}: {_summary(blocks)}; "
            f"got {block!r}.{did_you_mean(block, list(blocks))}"
        )


def _check_layer(settings: BackboneSettings, layer: str, tuned: bool) -> None:
    whole = settings.model_copy(update={"until": None, "weights": "none"})
    allowed, inside = _layers(whole, tuned, file_digest(settings))
    if layer in allowed:
        return
    if layer in inside:
        above = inside[layer]
        branch = f"{layer!r} is not one, as it is in a branch; the next one above it is {above!r}"
        what = branch if above else f"{layer!r} has nothing to train above it"
    else:
        what = f"there is no {layer!r}.{did_you_mean(layer, list(allowed))}".rstrip(".")
    trained = " and trainable layers follow" if tuned else ""
    raise ExperimentError(
        f"model.backbone.until must be a layer of {settings.name} where all paths through it meet{trained}: "
        f"{', '.join(allowed)}; {what}" + ("" if what.endswith("?") else ".")
    )


@functools.lru_cache(maxsize=32)
def _layers(settings: BackboneSettings, tuned: bool, code: str) -> tuple[tuple[str, ...], dict[str, str | None]]:
    """Return the layers where a backbone can be cut, and each other layer with the next such layer above it.

    Args:
        settings: The backbone.
        tuned: True if trainable layers must follow.
        code: Hash of the file that registers the backbone.
    """
    del code  # a part of the key
    start_backend()
    from alzbench.models.graph import build_network, cut_layers, trained_above

    size = find_backbone(settings).min_size
    network = build_network(settings, "unit", weights=None, input_shape=(size, size, 3))
    cuts = cut_layers(network)
    allowed = tuple(name for name in cuts if not tuned or trained_above(network, name))
    inside: dict[str, str | None] = {}
    following: str | None = None
    for layer in reversed(network.operations):
        if layer.name in allowed:
            following = layer.name
        else:
            inside[layer.name] = following
    return allowed, inside


def _summary(blocks: Sequence[str]) -> str:
    return f"{blocks[0]} to {blocks[-2]}, or {blocks[-1]}" if len(blocks) > 3 else ", ".join(blocks)
