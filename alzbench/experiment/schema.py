"""The schema of an experiment file. Unknown keys and values of a wrong type are refused."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from alzbench.experiment.classes import AUTO, STAGES, Classes, Healthy, Names, folders_of, plain
from alzbench.experiment.imbalance import ImbalanceSettings, NoRebalancing
from alzbench.experiment.protocols import ProtocolSettings, ReferenceProtocol
from alzbench.experiment.strict import Fraction, Seeds, StrictModel
from alzbench.experiment.subjects import SubjectSettings
from alzbench.experiment.tracking import TrackingSettings
from alzbench.experiment.volumes import VolumeSettings

KAGGLE = "uraninjo/augmented-alzheimer-mri-dataset/versions/1"


class DataSettings(StrictModel):
    """The images and their preprocessing."""

    source: str = Field("kaggle", description="`kaggle`, `phantom`, a folder, or `hf://owner/name` (Hugging Face)")
    kaggle: str = Field(
        KAGGLE,
        description="Kaggle handle: owner/name/versions/N, or owner/name for the newest version",
    )
    classes: Classes = Field(
        None,
        description="class folders (or labels) in order, or `class: [folders]` to merge some; null: all of them",
    )
    exclude: Names = Field((), description="folders (or labels) whose images are left out")
    healthy: Healthy = Field(
        AUTO, description="class of healthy people, or null; `auto`: the class with a usual name for it"
    )
    subjects: SubjectSettings | None = Field(
        None, description="where the subjects are written; null: in the file names, or found by content"
    )
    volumes: VolumeSettings | None = Field(
        None, description="slices of NIfTI volumes that are the images; null: the images are files"
    )
    size: int = Field(128, ge=32, le=1024, description="side of the square that images are resized to, in pixels")
    channels: Literal[1, 3] = Field(1, description="1: decoded as grey; 3: decoded as RGB")
    scaling: Literal["unit", "imagenet", "native"] = Field(
        "unit",
        description="pixels for the backbone: `unit`: [0, 1]; `imagenet`: [-1, 1]; `native`: the backbone's own",
    )
    on_corrupt: Literal["fail", "skip"] = Field("fail", description="what to do with images that cannot be read")

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        if self.classes is None:
            return self
        folders = folders_of(self.classes)
        excluded = [
            name for name in self.exclude if plain(name) in {plain(f) for names in folders.values() for f in names}
        ]
        if excluded:
            raise ValueError(f"exclude must not name folders of classes; it names {', '.join(excluded)}")
        if self.healthy not in (None, AUTO, *folders):
            raise ValueError(f"healthy must be one of {', '.join(folders)}, or null; it is {self.healthy}")
        return self

    @property
    def known_classes(self) -> tuple[str, ...] | None:
        """Names of the classes in label order, if they are known before the set is opened."""
        if self.classes is not None:
            return tuple(folders_of(self.classes))
        own = self.source == "phantom" or (self.source == "kaggle" and self.kaggle == KAGGLE)
        return STAGES if own and not self.exclude else None


class AugmentSettings(StrictModel):
    """Random augmented views of training images. View 0 is the image itself."""

    views: Annotated[int, Field(ge=1)] | Literal["online"] = Field(
        1,
        description="views of each image, computed once and used in turn by the epochs; `online`: a new one each epoch",
    )
    rotation: float = Field(0.0, ge=0, le=180, description="largest rotation, in degrees")
    shift: Fraction = Field(0.0, description="largest shift along each axis, as a share of the side")
    zoom: Fraction = Field(0.0, description="largest change of scale along each axis, as a share")
    horizontal_flip: bool = Field(False, description="mirror a view with probability 0.5")
    seed: int = Field(0, ge=0, description="seed of the views; not the run's, so that all runs share them")


class BackboneSettings(StrictModel):
    """The pretrained network that turns an image into a feature map."""

    name: str = Field("mobilenet_v2", description="a registered backbone; `backbone: NAME` is the short form")
    weights: str = Field("imagenet", description="`imagenet`, `none` (random, always the same), or a weights file")
    alpha: float = Field(1.0, gt=0, le=2, description="width multiplier, for a backbone that has one")
    until: str | None = Field(
        None,
        description="layer where the frozen part ends; null: the last feature map. With `fine_tune`, the layers above "
        "it are trained",
    )
    file: str | None = Field(
        None, description="Python file that registers the backbone, relative to the experiment file; it is executed"
    )

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        """Read the short form."""
        return {"name": value} if isinstance(value, str) else value


class ModelSettings(StrictModel):
    """A registered variant on a backbone."""

    variant: str = Field("baseline", description="a registered variant")
    file: str | None = Field(
        None, description="Python file that registers the variant, relative to the experiment file; it is executed"
    )
    backbone: BackboneSettings = BackboneSettings()
    options: dict[str, Any] = Field(
        {}, description="settings of the variant, checked against its own schema; null removes one of the extended file"
    )

    @field_validator("options")
    @classmethod
    def _without_removed(cls, options: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in options.items() if value is not None}


class TrainSettings(StrictModel):
    """Training of the head."""

    epochs: int = Field(50, ge=1, description="number of epochs")
    batch_size: int = Field(32, ge=1, description="images in a batch; subjects for a variant that classifies them")
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop"] = Field("adam", description="the optimizer of Keras")
    lr: float = Field(1e-3, gt=0, description="learning rate")
    schedule: Literal["constant", "cosine", "linear"] = Field(
        "constant", description="learning rate over the epochs: `lr` throughout, or from `lr` down to 0"
    )
    warmup_epochs: int = Field(0, ge=0, description="for `cosine`: epochs in which the rate first rises to `lr`")
    loss: Literal["sparse_categorical_crossentropy", "focal", "ordinal"] = Field(
        "sparse_categorical_crossentropy",
        description="`focal`: Lin et al. 2017, https://arxiv.org/abs/1708.02002; `ordinal`: for ordered classes, "
        "errors count by their distance (Hou et al. 2016, https://arxiv.org/abs/1611.05916)",
    )
    focal_gamma: float = Field(2.0, ge=0, description="for `focal`: focusing parameter; 0 is plain cross-entropy")
    label_smoothing: Fraction = Field(0.0, description="share of each label that is spread evenly over all classes")
    keep: Literal["best_val_accuracy", "best_val_loss", "last"] = Field(
        "best_val_accuracy", description="epoch whose weights are kept and evaluated"
    )
    patience: Annotated[int, Field(ge=1)] | None = Field(
        None, description="stop after this many epochs without a better one (by `keep`); null: train all epochs"
    )
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = Field(
        "float32", description="Keras dtype policy of the head; the mixed ones are faster on a GPU only"
    )

    @field_validator("warmup_epochs")
    @classmethod
    def _warmup_fits(cls, warmup: int, info: ValidationInfo) -> int:
        epochs, schedule = info.data.get("epochs", warmup + 1), info.data.get("schedule", "cosine")
        if warmup >= epochs:
            raise ValueError(f"must be fewer than the {epochs} epochs")
        if warmup and schedule != "cosine":
            raise ValueError(f"the schedule must be cosine for a warm-up; it is {schedule}")
        return warmup


class FineTuneSettings(StrictModel):
    """A second stage that trains the head and the top blocks of the backbone, except batch normalisations."""

    first_block: str = Field(
        "block_14", description="lowest block that is trained, unless `model.backbone.until` is set"
    )
    epochs: int = Field(10, ge=1, description="number of epochs of this stage")
    lr: float = Field(1e-5, gt=0, description="learning rate of this stage; it follows `train.schedule`")
    patience: Annotated[int, Field(ge=1)] | None = Field(
        None, description="stop after this many epochs without a better one (by `train.keep`)"
    )


class Experiment(StrictModel):
    """All settings of one experiment: data, protocol, model, training and seeds."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", description="default: the file's name")
    description: str = Field("", description="one line for tables and reports")
    data: DataSettings = DataSettings()
    protocol: ProtocolSettings = ReferenceProtocol()
    augment: AugmentSettings = AugmentSettings()
    model: ModelSettings = ModelSettings()
    imbalance: ImbalanceSettings = NoRebalancing()
    train: TrainSettings = TrainSettings()
    fine_tune: FineTuneSettings | None = Field(None, description="null: the backbone stays frozen")
    seeds: Seeds = Field([0], min_length=1, description="seeds, one run each")
    tracking: TrackingSettings = TrackingSettings()
    labels: Literal["as_given", "shuffled"] = Field(
        "as_given", description="`shuffled`: among subjects, so that only recognising subjects helps"
    )
    sanity: bool = Field(False, description="set for the sanity baselines that are run beside every experiment")
    demo: bool = Field(False, description="set by --demo, for runs that only show that everything works")

    @field_validator("protocol", "imbalance", mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        """Read the short form: a name alone."""
        return {"name": value} if isinstance(value, str) else value


def canonical(experiment: Experiment) -> Experiment:
    """Return an experiment as it is hashed: the four classes written out, as older versions did, are the default."""
    if experiment.data.classes != STAGES:
        return experiment
    return experiment.model_copy(update={"data": experiment.data.model_copy(update={"classes": None})})
