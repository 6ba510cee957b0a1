"""Settings of what is done about classes of different sizes, to training images only."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from alzbench.experiment.section import Section

Weight = Annotated[float, Field(gt=0)]


class NoRebalancing(Section):
    """Train on the images as they are."""

    name: Literal["none"] = "none"


class ClassWeights(Section):
    """Weigh the loss of each image by its class; the mean weight of the training images is 1."""

    name: Literal["class_weights"]
    weights: Literal["balanced", "effective_number"] | dict[str, Weight] = Field(
        "balanced",
        description="`balanced`: inverse to the class's size; `effective_number`: Cui et al. 2019, "
        "https://arxiv.org/abs/1901.05555; or a weight for each class",
    )
    beta: float = Field(0.999, ge=0, lt=1, description="of `effective_number`: 0 weighs nothing, near 1 is `balanced`")


class Oversampling(Section):
    """Repeat random images of the smaller classes until all are as large as the largest."""

    name: Literal["oversampling"]


class BalancedBatches(Section):
    """Fill each batch with equally many images of each class; an epoch stays as long as it was."""

    name: Literal["balanced_batches"]


class Smote(Section):
    """Add feature maps between an image and its neighbours until all classes are as large as the largest.

    `smote` does so everywhere in a class, `borderline_smote` and `svm_smote` where it meets the others, `adasyn` the
    more the others are near; these three may add fewer.
    The neighbours are sought among the feature maps of the images themselves (view 0).
    """

    name: Literal["smote", "borderline_smote", "svm_smote", "adasyn"]
    neighbours: int = Field(5, ge=1, description="neighbours of its class that an image is mixed with")
    memory_gib: float = Field(8.0, gt=0, description="refuse to start where more memory would be needed")


ImbalanceSettings = Annotated[
    NoRebalancing | ClassWeights | Oversampling | BalancedBatches | Smote, Field(discriminator="name")
]
