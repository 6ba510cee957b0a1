"""The content of metrics.json, read and written through one model.

A run has `test`, `test_by_subject` and `validation`; a trial of a sweep, whose test part is never read, has
`validation` and `validation_by_subject`; imported predictions have `test` and `test_by_subject`.
"""

from __future__ import annotations

from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from alzbench.data.leakage import Leakage
from alzbench.evaluation.evaluate import Evaluation, SubjectScores, TableScores


class TrainingNotes(BaseModel):
    """Notes on a training, or on its first stage.

    Attributes:
        kept_epoch: The epoch whose weights were kept, from 1.
        epochs: Number of epochs that were trained.
        stopped: The reason why training ended.
        keep: The rule by which the epoch was kept.
        imbalance: Name of the imbalance strategy, if one was applied.
        class_weights: Class -> weight of its images.
        examples, made: Class -> number of training examples, and of synthetic ones.
        made_from_subjects: Class -> number of subjects that synthetic examples come from.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    kept_epoch: int | None = None
    epochs: int | None = None
    stopped: str | None = None
    keep: str | None = None
    imbalance: str | None = None
    class_weights: dict[str, float] | None = None
    examples: dict[str, int] | None = None
    made: dict[str, int] | None = None
    made_from_subjects: dict[str, int] | None = None


class RunMetrics(TrainingNotes):
    """The scores of a run, with notes on its training.

    Attributes:
        test, validation: Scores by image; None if the part was not read.
        test_by_subject: Scores by subject; None if the subject of a test image is unknown.
        validation_by_subject: Scores of a trial's validation part by subject.
        head: Notes on the first stage of a fine-tuned run.
        protocol, leaks: As on the card.
        leakage: Train/test leakage of the split.
        images: Part of the split -> number of images.
        skipped_images: Number of unreadable images that were left out.
        left_out_images: Images below the set's folder that are not in the set: folder, images (their number), reason.
        unused_images: Kind of image -> number of images of the set that the split leaves unused.
        healthy: The class of healthy people; None if there is none. Older versions did not store it; then it is the
            first class.
        duration_s: Step -> seconds.
        labels_only: The reason why there are no metrics of probabilities; empty if there are.
    """

    test: TableScores | None = None
    test_by_subject: SubjectScores | None = None
    validation: TableScores | None = None
    validation_by_subject: TableScores | None = None
    head: TrainingNotes | None = None
    protocol: str | None = None
    leaks: str | None = None
    leakage: Leakage | None = None
    images: dict[str, int] = {}
    skipped_images: int = 0
    left_out_images: list[dict[str, str | int]] = []
    unused_images: dict[str, int] = {}
    healthy: str | None = None
    duration_s: dict[str, float] = {}
    labels_only: str = Field("", validation_alias=AliasChoices("labels_only", "answers_only"))

    @property
    def evaluation(self) -> Evaluation:
        """The evaluation of the test part; raises ValueError if there is none."""
        if self.test is None:
            raise ValueError("it holds no test scores")
        return Evaluation(images=self.test, subjects=self.test_by_subject)

    @property
    def healthy_label(self) -> int | None:
        """Label of the class of healthy people; None if there is none."""
        scores = self.test or self.validation
        if "healthy" not in self.model_fields_set or scores is None:
            return 0
        return None if self.healthy is None else scores.classes.index(self.healthy)

    def to_json(self) -> dict[str, Any]:
        """Return the fields that were set, as plain values."""
        return self.model_dump(mode="json", exclude_unset=True)
