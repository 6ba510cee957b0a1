"""Settings of the strategies against class imbalance; they change training images only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from alzbench.errors import ExperimentError
from alzbench.experiment.strict import StrictModel

Weight = Annotated[float, Field(gt=0)]


class BaseImbalance(StrictModel):
    """Base class of the settings of a strategy.

    Attributes:
        adds_feature_maps: True if it adds feature maps that belong to no image, and so to no subject.
    """

    adds_feature_maps: ClassVar[bool] = False

    def check_classes(self, classes: Sequence[str]) -> None:
        """Raise ExperimentError if the settings name other classes than `classes`."""


class NoRebalancing(BaseImbalance):
    """Train on the images as they are."""

    name: Literal["none"] = "none"


class ClassWeights(BaseImbalance):
    """Weight the loss of each image by its class; the mean weight of the training images is 1."""

    name: Literal["class_weights"]
    weights: Literal["balanced", "effective_number"] | dict[str, Weight] = Field(
        "balanced",
        description="`balanced`: inversely proportional to the class's size; `effective_number`: Cui et al. 2019, "
        "https://arxiv.org/abs/1901.05555; or a weight for each class",
    )
    beta: float = Field(
        0.999, ge=0, lt=1, description="for `effective_number`: 0 is no weighting, near 1 is `balanced`"
    )

    @field_validator("weights", mode="before")
    @classmethod
    def _by_name(cls, weights: Any) -> Any:
        """Refuse labels in place of class names, as Keras's `class_weight` takes them."""
        if isinstance(weights, dict) and (numbers := [key for key in weights if not isinstance(key, str)]):
            raise ValueError(f"each key must be the name of a class, as in {{CN: 1, AD: 2.5}}; {numbers[0]} is none")
        return weights

    def check_classes(self, classes: Sequence[str]) -> None:
        """Raise ExperimentError if weights are given, but not for exactly the `classes`."""
        if isinstance(self.weights, str):
            return
        unknown = [name for name in self.weights if name not in classes]
        missing = [name for name in classes if name not in self.weights]
        if unknown or missing:
            problem = f"there is no class {', '.join(unknown)}" if unknown else f"{', '.join(missing)} has none"
            raise ExperimentError(f"imbalance.weights must hold a weight for each of {', '.join(classes)}; {problem}.")


class Oversampling(BaseImbalance):
    """Repeat random images of the smaller classes until all are as large as the largest."""

    name: Literal["oversampling"]


class BalancedBatches(BaseImbalance):
    """Fill each batch with equally many images of each class; the length of an epoch does not change."""

    name: Literal["balanced_batches"]


class Smote(BaseImbalance):
    """Add feature maps interpolated between neighbours until all classes are as large as the largest.

    `smote` interpolates everywhere in a class, `borderline_smote` and `svm_smote` near the other classes, and `adasyn`
    more often the nearer the other classes are. The last three may add fewer feature maps.
    Neighbours are the nearest feature maps of unaugmented images (view 0).
    """

    adds_feature_maps: ClassVar[bool] = True

    name: Literal["smote", "borderline_smote", "svm_smote", "adasyn"]
    neighbours: int = Field(5, ge=1, description="number of nearest neighbours that an image may be mixed with")
    memory_gib: float = Field(8.0, gt=0, description="memory limit; settings that need more are refused at the start")


ImbalanceSettings = Annotated[
    NoRebalancing | ClassWeights | Oversampling | BalancedBatches | Smote, Field(discriminator="name")
]
