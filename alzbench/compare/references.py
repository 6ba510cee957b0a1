"""Published results to compare with, from YAML files."""

from __future__ import annotations

import math
from importlib import resources
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field
from scipy import special


class Reference(BaseModel):
    """A published result.

    Attributes:
        name: Its name in tables.
        accuracy: Test accuracy, in [0, 1].
        test_images: Number of images it was measured on.
        protocol: The protocol it was measured under; it is shown beside runs of that protocol only.
        source: Its origin, for people.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    accuracy: Annotated[float, Field(ge=0, le=1)]
    test_images: Annotated[int, Field(ge=1)]
    protocol: str
    source: str


def binomial_interval(reference: Reference) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a published accuracy, which assumes independent images.

    One accuracy and a test size allow no more: the interval ignores seeds, and is too narrow if images share subjects.
    Equal to statsmodels' `proportion_confint`, whose import takes a fifth of a comparison's time.
    """
    n, z = reference.test_images, float(special.ndtri(0.975))
    p = round(reference.accuracy * n) / n
    centre, half = p + z**2 / (2 * n), z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return (centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)


def load_references() -> list[Reference]:
    """Return the references that come with the package."""
    folder = resources.files("alzbench.compare") / "published"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)
    return [Reference.model_validate(yaml.safe_load(f.read_text(encoding="utf-8"))) for f in files]
