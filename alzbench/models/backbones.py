"""Backbones: registered pretrained networks that turn an image into a feature map.

Only the builders import Keras, so that names and blocks are checked without waiting for it. To add a backbone, register
one more builder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from alzbench.errors import ExperimentError
from alzbench.experiment import BackboneSettings
from alzbench.registry import Entry, Registry, did_you_mean

# (settings, **arguments as of keras.applications: weights, and input_shape or input_tensor) -> network without top
Build = Callable[..., Any]


@dataclass(frozen=True, kw_only=True)
class Backbone(Entry[Build]):
    """A pretrained network.

    Attributes:
        blocks: Names of its blocks from the image upwards, where it can be cut. The layers of a block have the block's
            name, or names that begin with it and an underscore.
        published: Names of the weights that Keras downloads, as in `model.backbone.weights`.
        linear: End of the names of batch normalisations that no activation follows.
        has_alpha: True if it has a width multiplier, `model.backbone.alpha`.
    """

    blocks: tuple[str, ...]
    published: tuple[str, ...]
    linear: tuple[str, ...] = ()
    has_alpha: bool = False


BACKBONES = Registry("backbone", Backbone)


@BACKBONES.register(
    "mobilenet_v2",
    # 16 inverted residual blocks after the first one, and the last convolution
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
    """Raise ExperimentError where there is no such backbone, or where it has no such setting."""
    backbone = BACKBONES[settings.name]
    if settings.alpha != 1 and not backbone.has_alpha:
        raise ExperimentError(f"model.backbone.alpha: {settings.name} has no width multiplier, got {settings.alpha}.")


def check_block(backbone: str, block: str) -> None:
    """Raise ExperimentError where the backbone has no such block."""
    blocks = BACKBONES[backbone].blocks
    if block not in blocks:
        raise ExperimentError(
            f"fine_tune.first_block must be a block of {backbone}: {_listed(blocks)}; "
            f"got {block!r}.{did_you_mean(block, list(blocks))}"
        )


def _listed(blocks: Sequence[str]) -> str:
    return f"{blocks[0]} to {blocks[-2]}, or {blocks[-1]}" if len(blocks) > 3 else ", ".join(blocks)
