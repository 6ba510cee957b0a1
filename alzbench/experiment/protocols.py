"""Settings of the protocols: how images are assigned to training, validation and test."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from alzbench.experiment.section import Section, Share

Augmented = Annotated[
    Literal["leave_out", "follow"],
    Field(description="augmented images of training subjects: left out, or trained on; never validated or tested on"),
]


SplitSeed = Annotated[
    Annotated[int, Field(ge=0)] | None,
    Field(description="seed of the split where it is not the run's own, so that several seeds share one split"),
]


class ReferenceProtocol(Section):
    """Train and validate on the augmented images, test on the originals, as the reference work does."""

    name: Literal["reference"] = "reference"
    validation: Share = Field(0.2, description="share of the training images kept for validation")
    split_seed: SplitSeed = None


class SliceProtocol(Section):
    """Assign single original slices at random."""

    name: Literal["slice"]
    test: Share = Field(0.2, description="share of the slices")
    validation: Share = Field(0.2, description="share of the rest kept for validation")
    augmented: Augmented = "leave_out"
    split_seed: SplitSeed = None


class SubjectProtocol(Section):
    """Assign subjects at random, all slices of one to the same part."""

    name: Literal["subject"]
    test: Share = Field(0.2, description="share of each class's subjects")
    validation: Share = Field(0.2, description="share of the rest kept for validation")
    augmented: Augmented = "leave_out"
    split_seed: SplitSeed = None


class SubjectFoldsProtocol(Section):
    """Deal subjects into folds and test on each in turn."""

    name: Literal["subject_cv"]
    folds: int = Field(5, ge=2, le=100)
    validation: Share = Field(0.2, description="share of each class's subjects outside the fold kept for validation")
    augmented: Augmented = "leave_out"
    split_seed: SplitSeed = None


ProtocolSettings = Annotated[
    ReferenceProtocol | SliceProtocol | SubjectProtocol | SubjectFoldsProtocol, Field(discriminator="name")
]
