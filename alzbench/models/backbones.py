"""Backbones: registered pretrained networks that turn an image into a feature map.

Only the builders import Keras, so that names and blocks are checked without it. To add a backbone, register a builder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from alzbench.errors import ExperimentError
from alzbench.experiment import BackboneSettings
from alzbench.registry import Entry, Registry, did_you_mean

# (settings, weights, and input_shape or input_tensor, as in keras.applications) -> network without top layers
Build = Callable[..., Any]


@dataclass(frozen=True, kw_only=True)
class Backbone(Entry[Build]):
    """A pretrained network.

    Attributes:
        blocks: Names of its blocks from the image upwards; it can be cut below each. A layer of a block has the block's
            name, or a name that begins with it and an underscore.
        published: Values of `model.backbone.weights` for weights that Keras downloads.
        linear: Suffixes of the names of batch normalisations without an activation after them.
        has_alpha: True if it has a width multiplier, `model.backbone.alpha`.
    """

    blocks: tuple[str, ...]
    published: tuple[str, ...]
    linear: tuple[str, ...] = ()
    has_alpha: bool = False


BACKBONES = Registry("backbone", Backbone)


@BACKBONES.register(
    "mobilenet_v2",
    # the inverted residual blocks after the first one, and the last convolution
    blocks=(*(f"block_{number}" for number in range(1, 17)), "Conv_1"),
    published=("imagenet",),
    linear=("project_BN",),
    has_alpha=True,
)
def mobilenet_v2(settings: BackboneSettings, **arguments: Any) -> Any:
    """MobileNetV2 (Sandler et al. 2018, https://arxiv.org/abs/1801.04381)."""
    import keras

    return keras.applications.MobileNetV2(include_top=False, alpha=settings.alpha, **arguments)


def check_backbone(settings: BackboneSettings) -> None:
    """Raise ExperimentError if the backbone does not exist, or has no width multiplier and the settings set one."""
    backbone = BACKBONES[settings.name]
    if settings.alpha != 1 and not backbone.has_alpha:
        raise ExperimentError(
            f"model.backbone.alpha must be 1, as {settings.name} has no width multiplier; got {settings.alpha}."
        )


def check_block(backbone: str, block: str) -> None:
    """Raise ExperimentError if the backbone has no such block."""
    blocks = BACKBONES[backbone].blocks
    if block not in blocks:
        raise ExperimentError(
            f"fine_tune.first_block must be a block of {backbone}: {_summary(blocks)}; "
            f"got {block!r}.{did_you_mean(block, list(blocks))}"
        )


def _summary(blocks: Sequence[str]) -> str:
    return f"{blocks[0]} to {blocks[-2]}, or {blocks[-1]}" if len(blocks) > 3 else ", ".join(blocks)
