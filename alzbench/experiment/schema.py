"""The schema of an experiment file. Unknown keys are refused, and loading never changes what a file means."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Fraction = Annotated[float, Field(ge=0, lt=1)]


def plain(name: str) -> str:
    """Return a class or folder name as lower-case letters and digits, with `dementia` read as `demented`."""
    return re.sub(r"[^a-z0-9]", "", name.lower()).replace("dementia", "demented")


class Section(BaseModel):
    """A frozen part of an experiment that takes its own keys and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class DataSettings(Section):
    """Which images, and how they reach the model."""

    source: str = Field("kaggle", description="`kaggle`, `phantom`, or a folder laid out as the Kaggle set")
    kaggle: str = Field(
        "uraninjo/augmented-alzheimer-mri-dataset/versions/1", description="Kaggle handle, pinned to a version"
    )
    classes: tuple[str, ...] = Field(
        ("NonDemented", "VeryMildDemented", "MildDemented", "ModerateDemented"),
        min_length=2,
        strict=False,  # YAML has lists only
        description="classes in the order of their labels",
    )
    size: int = Field(128, ge=32, le=1024, description="side of the square that images are resized to, in pixels")
    channels: Literal[1, 3] = Field(1, description="1: decoded as grey; 3: decoded as RGB")
    scaling: Literal["unit", "imagenet"] = Field(
        "unit", description="pixels to [0, 1], or to [-1, 1] as the ImageNet weights were trained with"
    )
    on_corrupt: Literal["fail", "skip"] = Field("fail", description="what to do about images that cannot be read")

    @field_validator("classes")
    @classmethod
    def _classes_differ(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        if len({plain(name) for name in classes}) < len(classes):
            raise ValueError("class names must differ in more than case, spaces and punctuation")
        return classes


Share = Annotated[float, Field(gt=0, lt=1)]
Augmented = Annotated[
    Literal["leave_out", "follow"],
    Field(description="augmented images of training subjects: left out, or trained on; never validated or tested on"),
]


class ReferenceProtocol(Section):
    """Train and validate on the augmented images, test on the originals, as the reference work does."""

    name: Literal["reference"] = "reference"
    validation: Share = Field(0.2, description="share of the training images kept for validation")


class SliceProtocol(Section):
    """Assign single original slices at random."""

    name: Literal["slice"]
    test: Share = Field(0.2, description="share of the slices")
    validation: Share = Field(0.2, description="share of the rest kept for validation")
    augmented: Augmented = "leave_out"


class SubjectProtocol(Section):
    """Assign subjects at random, all slices of one to the same part."""

    name: Literal["subject"]
    test: Share = Field(0.2, description="share of each class's subjects")
    validation: Share = Field(0.2, description="share of the rest kept for validation")
    augmented: Augmented = "leave_out"


class SubjectFoldsProtocol(Section):
    """Deal subjects into folds and test on each in turn."""

    name: Literal["subject_cv"]
    folds: int = Field(5, ge=2, le=100)
    validation: Share = Field(0.2, description="share of each class's subjects outside the fold kept for validation")
    augmented: Augmented = "leave_out"


ProtocolSettings = Annotated[
    ReferenceProtocol | SliceProtocol | SubjectProtocol | SubjectFoldsProtocol, Field(discriminator="name")
]


class AugmentSettings(Section):
    """Random views of training images. View 0 is the image itself."""

    views: Annotated[int, Field(ge=1)] | Literal["online"] = Field(
        1,
        description="views an image, computed once and visited in turn by the epochs; `online`: a fresh one each epoch",
    )
    rotation: float = Field(0.0, ge=0, le=180, description="largest rotation, in degrees")
    shift: Fraction = Field(0.0, description="largest shift along each axis, as a share of the side")
    zoom: Fraction = Field(0.0, description="largest change of scale along each axis, as a share")
    horizontal_flip: bool = Field(False, description="mirror every second view, by chance")
    seed: int = Field(0, ge=0, description="seed of the views; not the run's, so that all runs share them")


class BackboneSettings(Section):
    """The pretrained network that turns an image into a feature map."""

    name: Literal["mobilenet_v2"] = "mobilenet_v2"
    weights: str = Field("imagenet", description="`imagenet`, `none` (random, always the same), or a weights file")
    alpha: float = Field(1.0, gt=0, le=2, description="width multiplier")


class ModelSettings(Section):
    """A registered variant on a backbone."""

    variant: str = "baseline"
    backbone: BackboneSettings = BackboneSettings()
    options: dict[str, Any] = Field({}, description="the variant's own settings, checked by the variant")


class TrainSettings(Section):
    """How the head is trained."""

    epochs: int = Field(50, ge=1)
    batch_size: int = Field(32, ge=1)
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop"] = "adam"
    lr: float = Field(1e-3, gt=0)
    loss: Literal["sparse_categorical_crossentropy"] = "sparse_categorical_crossentropy"
    keep: Literal["best_val_accuracy", "best_val_loss", "last"] = Field(
        "best_val_accuracy", description="which epoch's weights are kept and evaluated"
    )
    patience: Annotated[int, Field(ge=1)] | None = Field(
        None, description="stop after this many epochs without a better one (by `keep`); null: train them all"
    )
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = Field(
        "float32", description="Keras dtype policy of the head; mixed ones pay on a GPU"
    )


class Experiment(Section):
    """One question, as settings: what is trained, on what, how, and with which seeds."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", description="default: the file's name")
    description: str = ""
    data: DataSettings = DataSettings()
    protocol: ProtocolSettings = ReferenceProtocol()
    augment: AugmentSettings = AugmentSettings()
    model: ModelSettings = ModelSettings()
    train: TrainSettings = TrainSettings()
    seeds: list[Annotated[int, Field(ge=0)]] = Field([0], min_length=1)
    labels: Literal["as_given", "shuffled"] = Field(
        "as_given", description="`shuffled`: among subjects, a sanity check that only recognition of subjects can pass"
    )
    sanity: bool = Field(False, description="set for the sanity rows that are run beside every experiment")
    demo: bool = Field(False, description="set by --demo: runs that only show that everything works")

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds):
            raise ValueError("seeds must differ")
        return seeds
