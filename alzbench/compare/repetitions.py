"""A repetition: one seed of an experiment, its folds taken together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from alzbench.evaluation.metrics import score
from alzbench.evaluation.subjects import score_subjects
from alzbench.store import Run


@dataclass(frozen=True)
class Repetition:
    """The scores of one seed.

    Attributes:
        seed: The seed.
        runs: Its runs, one a fold.
        test: Scores of the test images, see `metrics.score`; of folds, of all their predictions together.
        by_subject: See `subjects.score_subjects`.
    """

    seed: int
    runs: tuple[Run, ...]
    test: dict[str, Any]
    by_subject: dict[str, Any] | None


def complete_repetitions(runs: Sequence[Run]) -> list[Repetition]:
    """Return the repetitions of one experiment of which every fold is complete, by seed."""
    by_seed: dict[int, list[Run]] = {}
    for run in runs:
        if run.card.state == "complete":
            by_seed.setdefault(run.card.seed, []).append(run)
    return [_repetition(seed, folds) for seed, folds in sorted(by_seed.items()) if len(folds) == folds[0].card.folds]


def _repetition(seed: int, folds: list[Run]) -> Repetition:
    if len(folds) == 1:
        metrics = folds[0].metrics
        return Repetition(seed, tuple(folds), metrics["test"], metrics["test_by_subject"])
    # a figure of a fold of a few subjects means little, and a class may be missing from it: pool, then score
    pooled = pd.concat([run.predictions() for run in folds], ignore_index=True)
    return Repetition(seed, tuple(folds), score(pooled), score_subjects(pooled))
