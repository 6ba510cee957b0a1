"""A repetition: one seed of an experiment, with all its folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from alzbench.evaluation.evaluate import Evaluation, evaluate
from alzbench.evaluation.pooled import can_pool, pool
from alzbench.evaluation.stacked import StackedCounts, stack
from alzbench.evaluation.subject_counts import SubjectCounts
from alzbench.store import Run


@dataclass(frozen=True)
class Repetition:
    """The scores of one seed.

    Attributes:
        seed: The seed.
        runs: Its runs, one per fold.
        counts: Their predictions by subject; None if those of a run are not stored.
        evaluation: Evaluation of the test part, all folds together.
    """

    seed: int
    runs: tuple[Run, ...]
    counts: tuple[SubjectCounts, ...] | None
    evaluation: Evaluation


@dataclass(frozen=True)
class ExperimentRuns:
    """An experiment's runs, and their content, which is read once.

    Attributes:
        runs: All of them, oldest first.
        repetitions: Its complete seeds, without their counts.
        counts: The predictions of all complete seeds; None if they are not stored, or cannot be stacked.
        left_out: A sentence about each complete run that does not count.
    """

    runs: tuple[Run, ...]
    repetitions: tuple[Repetition, ...]
    counts: StackedCounts | None
    left_out: tuple[str, ...]

    @classmethod
    def read(cls, runs: Sequence[Run]) -> ExperimentRuns:
        """Read the runs of one experiment."""
        repetitions, left_out = complete_repetitions(runs)
        known = {repetition.seed: repetition.counts for repetition in repetitions if repetition.counts is not None}
        # stacked they take a third of the memory
        light = tuple(replace(repetition, counts=None) for repetition in repetitions)
        stacked = stack(known) if len(known) == len(repetitions) else None
        return cls(tuple(runs), light, stacked, tuple(left_out))


def complete_repetitions(runs: Sequence[Run]) -> tuple[list[Repetition], list[str]]:
    """Return the seeds of one experiment whose folds are all complete, as repetitions.

    Args:
        runs: Oldest first; if a seed and fold has several complete runs, the newest counts.

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
                left_out.append(f"{older.name} does not count: {run.name} is a newer run with the same seed")
            folds[run.card.fold or 0] = run
    complete = []
    for seed, folds in sorted(by_seed.items()):
        missing = [fold for fold in range(next(iter(folds.values())).card.folds) if fold not in folds]
        if missing:
            names = ", ".join(map(str, missing))
            left_out.append(f"seed {seed} of {runs[0].card.experiment} does not count: no complete run of fold {names}")
        else:
            complete.append(_repetition(seed, [run for _, run in sorted(folds.items())]))
    return complete, left_out


def _repetition(seed: int, folds: list[Run]) -> Repetition:
    # a fold may have no test image of a subgroup
    folds = [run for run in folds if run.evaluation().images.n] or folds
    counts = [run.counts() for run in folds]
    known = tuple(fold for fold in counts if fold is not None)
    every = known if len(known) == len(folds) else None
    return Repetition(seed, tuple(folds), every, _evaluation(folds, every))


def _evaluation(folds: Sequence[Run], counts: Sequence[SubjectCounts] | None) -> Evaluation:
    if len(folds) == 1:
        return folds[0].evaluation()
    # the score of a fold with few subjects means little, and a class may be missing: pool first, then score
    evaluations = [run.evaluation() for run in folds]
    if counts and can_pool(evaluations, counts):
        return pool(evaluations, counts)
    classes = evaluations[0].images.classes
    table = pd.concat([run.predictions(classes=classes) for run in folds], ignore_index=True)
    return evaluate(table, healthy=folds[0].metrics().healthy_label)
