"""Settings of the protocols: how images are assigned to training, validation and test."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from alzbench.experiment.strict import Share, StrictModel

Augmented = Annotated[
    Literal["leave_out", "follow"],
    Field(description="augmented images of training subjects: left out, or trained on; never validated or tested on"),
]

SplitSeed = Annotated[
    Annotated[int, Field(ge=0)] | None,
    Field(description="seed of the split instead of the run's own, so that several seeds share one split"),
]


ValidationFolds = Annotated[
    Annotated[int, Field(ge=2, le=100)] | None,
    Field(
        description="number of folds into which the subjects outside the test part are divided instead of keeping a "
        "share for validation; seed s validates on fold s modulo this number"
    ),
]


class BaseProtocol(StrictModel):
    """Base class of the settings of a protocol."""

    @property
    def keeps_subjects_apart(self) -> bool:
        """True if all images of a subject are in the same part."""
        return False

    @property
    def test_folds(self) -> list[int | None]:
        """Folds that are tested in turn; ``[None]`` for a protocol without folds."""
        return [None]


class ReferenceProtocol(BaseProtocol):
    """Train on the augmented (or train) images and test on the original (or test) ones, as the reference work does.

    A validation folder is used for validation; without one, a share of the training images.
    """

    name: Literal["reference"] = "reference"
    validation: Share = Field(
        0.2, description="share of the training images kept for validation, if there is no folder of them"
    )
    split_seed: SplitSeed = None


class SliceProtocol(BaseProtocol):
    """Assign each original slice at random, regardless of its subject."""

    name: Literal["slice"]
    test: Share = Field(0.2, description="share of the slices")
    validation: Share = Field(0.2, description="share of the remaining ones kept for validation")
    augmented: Augmented = "leave_out"
    split_seed: SplitSeed = None


class SubjectProtocol(BaseProtocol):
    """Assign subjects at random, with all slices of a subject in the same part."""

    name: Literal["subject"]
    test: Share = Field(0.2, description="share of each class's subjects")
    validation: Share = Field(0.2, description="share of the remaining ones kept for validation")
    augmented: Augmented = "leave_out"
    split_seed: SplitSeed = None
    validation_folds: ValidationFolds = None

    @property
    def keeps_subjects_apart(self) -> bool:
        """True."""
        return True


class SubjectFoldsProtocol(BaseProtocol):
    """Divide the subjects into folds and test on each fold in turn."""

    name: Literal["subject_cv"]
    folds: int = Field(5, ge=2, le=100, description="number of folds")
    validation: Share = Field(0.2, description="share of each class's subjects outside the fold kept for validation")
    augmented: Augmented = "leave_out"
    split_seed: SplitSeed = None
    validation_folds: ValidationFolds = None

    @property
    def keeps_subjects_apart(self) -> bool:
        """True."""
        return True

    @property
    def test_folds(self) -> list[int | None]:
        """Numbers of the folds, from 0."""
        return [*range(self.folds)]


class GivenProtocol(BaseProtocol):
    """Use the split that `data.subjects` gives; without validation images, divide the training subjects."""

    name: Literal["given"]
    validation: Share = Field(
        0.2, description="share of each class's training subjects kept for validation, if none are given"
    )
    allow_leakage: bool = Field(False, description="true: report subjects on both sides as leakage; false: refuse them")
    split_seed: SplitSeed = None

    @property
    def keeps_subjects_apart(self) -> bool:
        """True unless leakage is allowed."""
        return not self.allow_leakage


ProtocolSettings = Annotated[
    ReferenceProtocol | SliceProtocol | SubjectProtocol | SubjectFoldsProtocol | GivenProtocol,
    Field(discriminator="name"),
]
