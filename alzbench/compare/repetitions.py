"""A repetition: one seed of an experiment, its folds taken together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alzbench.compare.answers import read_counts
from alzbench.compare.areas import roc_auc
from alzbench.compare.intervals import accuracy, balanced_accuracy, f1_of, macro_f1
from alzbench.evaluation.subject_counts import SubjectCounts
from alzbench.store import Run


@dataclass(frozen=True)
class Repetition:
    """The scores of one seed.

    Attributes:
        seed: The seed.
        runs: Its runs, one a fold.
        counts: Their answers by subject; None where those of a run are not stored.
        test: Of the test images n, classes, accuracy, balanced_accuracy, macro_f1 and per_class, see `metrics.score`;
            of folds, of all their answers together.
        by_subject: See `subjects.score_subjects`.
    """

    seed: int
    runs: tuple[Run, ...]
    counts: tuple[SubjectCounts, ...] | None
    test: dict[str, Any]
    by_subject: dict[str, Any] | None


def complete_repetitions(runs: Sequence[Run]) -> tuple[list[Repetition], list[str]]:
    """Return the repetitions of one experiment of which every fold is complete, by seed.

    Args:
        runs: Oldest first; of several complete ones of one seed and fold the newest counts.

    Returns:
        The repetitions, and a sentence about each complete run that does not count.
    """
    by_seed: dict[int, dict[int, Run]] = {}
    left_out = []
    for run in runs:
        if run.card.state == "complete":
            folds = by_seed.setdefault(run.card.seed, {})
            older = folds.get(run.card.fold or 0)
            if older is not None:
                left_out.append(f"{older.name} does not count: {run.name} is a newer run of the same seed")
            folds[run.card.fold or 0] = run
    found = []
    for seed, folds in sorted(by_seed.items()):
        missing = [fold for fold in range(next(iter(folds.values())).card.folds) if fold not in folds]
        if missing:
            names = ", ".join(map(str, missing))
            left_out.append(f"seed {seed} of {runs[0].card.experiment} does not count: no complete run of fold {names}")
        else:
            found.append(_repetition(seed, [run for _, run in sorted(folds.items())]))
    return found, left_out


def _repetition(seed: int, folds: list[Run]) -> Repetition:
    read = [read_counts(run) for run in folds]
    counts = tuple(of_fold for of_fold in read if of_fold is not None)
    known = counts if len(counts) == len(folds) else None
    if len(folds) == 1:
        metrics = folds[0].metrics
        return Repetition(seed, tuple(folds), known, metrics["test"], metrics["test_by_subject"])
    # a figure of a fold of a few subjects means little, and a class may be missing from it: pool, then score
    if known and _poolable(known, folds):
        test, by_subject = _pool(known, folds)
        return Repetition(seed, tuple(folds), known, test, by_subject)
    from alzbench.evaluation.metrics import score
    from alzbench.evaluation.subjects import score_subjects

    classes = folds[0].metrics["test"]["classes"]
    pooled = pd.concat([run.predictions(classes=classes) for run in folds], ignore_index=True)
    return Repetition(seed, tuple(folds), known, score(pooled), score_subjects(pooled))


def _poolable(counts: Sequence[SubjectCounts], folds: Sequence[Run]) -> bool:
    """Return whether what is stored of folds is enough: no cluster is in two of them, and subjects are scored."""
    apart = len({name for fold in counts for name in fold.names}) == sum(len(fold.names) for fold in counts)
    by_image = all(fold.by == "image" for fold in counts)
    scored = all(run.metrics["test_by_subject"] for run in folds) and all(fold.healthy is not None for fold in counts)
    return apart and (by_image or scored)


def _pool(counts: Sequence[SubjectCounts], folds: Sequence[Run]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return the scores of folds together, from what is stored of them."""
    classes = list(folds[0].metrics["test"]["classes"])
    test = _scores(sum(fold.counts.sum(0) for fold in counts), classes)
    stored = [run.metrics["test_by_subject"] for run in folds]
    if not all(stored):
        return test, None
    labels, answers = (np.concatenate([getattr(fold, name) for fold in counts]) for name in ("labels", "answers"))
    demented = 1 - np.concatenate([fold.healthy for fold in counts if fold.healthy is not None])
    once = np.zeros((len(classes), len(classes)))
    np.add.at(once, (labels, answers), 1)
    area = roc_auc(demented, labels > 0, np.zeros(len(labels), np.intp), 1)[0]
    votes = sum(scores["vote"]["accuracy"] * scores["subjects"] for scores in stored) / len(labels)
    return test, {
        "subjects": len(labels),
        "mean": _scores(once, classes),
        "vote": {"accuracy": float(votes)},
        "demented": {
            "accuracy": float(((demented > 0.5) == (labels > 0)).mean()),
            "roc_auc": float(area) if np.isfinite(area) else None,
        },
    }


def _scores(matrix: npt.NDArray[Any], classes: Sequence[str]) -> dict[str, Any]:
    f1 = [float(f1_of(k)(matrix)) if matrix[k].any() else None for k in range(len(classes))]
    return {
        "n": int(matrix.sum()),
        "classes": list(classes),
        "accuracy": float(accuracy(matrix)),
        "balanced_accuracy": float(balanced_accuracy(matrix)),
        "macro_f1": float(macro_f1(matrix)),
        "per_class": {name: {"f1": value} for name, value in zip(classes, f1, strict=True)},
    }
