"""The costs of variants and backbones, as `make_costs` wrote them: to compute them takes minutes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources

FILE = "costs.json"


@dataclass(frozen=True)
class Cost:
    """Cost of a variant with its default options, on a backbone at 128 x 128 pixels.

    Attributes:
        parameters: Number of parameters of backbone and head.
        trainable: Number of parameters that training changes.
        multiply_adds: Number of multiply-adds of the forward pass for one image: of the backbone's layers, and for the
            head half the floating-point operations that TensorFlow's profiler counts. The cost of a head that
            classifies subjects is divided by the number of their images.
    """

    parameters: int
    trainable: int
    multiply_adds: int


@dataclass(frozen=True)
class BackboneCost:
    """Cost of a backbone at 128 x 128 pixels.

    Attributes:
        parameters: Number of parameters.
        multiply_adds: Number of multiply-adds of the forward pass for one image.
        shape: Height, width and channels of the last feature map.
        layers: Names of the layers where it can be cut, from the image upwards.
    """

    parameters: int
    multiply_adds: int
    shape: tuple[int, int, int]
    layers: tuple[str, ...]


@dataclass(frozen=True)
class Costs:
    """All stored costs.

    Attributes:
        variants: Name of a registered variant -> its cost.
        backbones: Name of a registered backbone -> its cost.
        first_block: The default of `fine_tune.first_block`.
        suffix_parameters: Number of parameters that become trainable when fine-tuning starts there.
    """

    variants: dict[str, Cost]
    backbones: dict[str, BackboneCost]
    first_block: str
    suffix_parameters: int


def stored_costs() -> Costs:
    """Read the costs from the file of the package."""
    values = json.loads((resources.files("alzbench.models") / FILE).read_text(encoding="utf-8"))
    return Costs(
        {name: Cost(**cost) for name, cost in values["variants"].items()},
        {
            name: BackboneCost(**{**cost, "shape": tuple(cost["shape"]), "layers": tuple(cost["layers"])})
            for name, cost in values["backbones"].items()
        },
        values["first_block"],
        values["suffix_parameters"],
    )
