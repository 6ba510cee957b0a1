"""Evaluate the folds of a seed together, from their stored counts and scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alzbench.evaluation.evaluate import Evaluation, SubjectScores, TableScores, TwoClassScores, confusion_matrix
from alzbench.evaluation.subject_counts import SubjectCounts
from alzbench.evaluation.subjects import two_classes


def can_pool(evaluations: Sequence[Evaluation], counts: Sequence[SubjectCounts]) -> bool:
    """Return True if the counts of folds are enough: no cluster is in two of them, and subjects are scored."""
    apart = len({name for fold in counts for name in fold.names}) == sum(len(fold.names) for fold in counts)
    by_image = all(fold.by == "image" for fold in counts)
    scored = all(evaluation.subjects for evaluation in evaluations) and all(fold.knows_demented for fold in counts)
    return apart and (by_image or scored)


def pool(evaluations: Sequence[Evaluation], counts: Sequence[SubjectCounts]) -> Evaluation:
    """Return the evaluation of folds together, without metrics of the probabilities of images.

    Args:
        evaluations: One per fold.
        counts: The predictions of each fold, see `can_pool`.
    """
    classes = evaluations[0].images.classes
    images = TableScores.from_matrix(np.sum([fold.counts.sum(0) for fold in counts], axis=0), classes)
    stored = [evaluation.subjects for evaluation in evaluations if evaluation.subjects is not None]
    if len(stored) < len(evaluations):
        return Evaluation(images=images, subjects=None)
    labels, predicted = (np.concatenate([getattr(fold, name) for fold in counts]) for name in ("labels", "predicted"))
    mean = TableScores.from_matrix(confusion_matrix(labels, predicted, len(classes)), classes)
    # older versions did not store the votes
    accuracies = sum((scores.vote.scores["accuracy"] or 0) * scores.subjects for scores in stored) / len(labels)
    nothing: dict[str, dict[str, float | None]] = {name: {} for name in classes}
    vote = mean.model_copy(update={"scores": {"accuracy": float(accuracies)}, "per_class": nothing, "undefined": {}})
    two_class = None
    if (healthy := counts[0].healthy_label) is not None:
        demented = 1 - np.concatenate([fold.healthy for fold in counts if fold.healthy is not None])
        examples = two_classes(labels != healthy, demented, np.zeros(len(labels), np.intp), 0)
        two_class = TwoClassScores.from_examples(examples)
    return Evaluation(
        images=images, subjects=SubjectScores(subjects=len(labels), mean=mean, vote=vote, demented=two_class)
    )
