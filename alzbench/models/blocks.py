"""The blocks of each backbone, by name: where a backbone can be cut. Names are checked without waiting for Keras."""

from __future__ import annotations

from alzbench.errors import ExperimentError
from alzbench.registry import did_you_mean

# MobileNetV2: 16 inverted residual blocks after the first one, and the last convolution
BLOCKS = {"mobilenet_v2": (*(f"block_{number}" for number in range(1, 17)), "Conv_1")}


def check_block(backbone: str, block: str) -> None:
    """Raise ExperimentError where the backbone has no such block."""
    known = BLOCKS[backbone]
    if block not in known:
        raise ExperimentError(
            f"fine_tune.first_block must be a block of {backbone}: {known[0]} to {known[-2]}, or {known[-1]}; "
            f"got {block!r}.{did_you_mean(block, list(known))}"
        )
