"""Stored runs restricted to the test images of a subgroup."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import pandas as pd

from alzbench.compare.where import Condition, check_columns
from alzbench.errors import DataError
from alzbench.evaluation.evaluate import evaluate
from alzbench.evaluation.predictions import class_names, with_classes
from alzbench.evaluation.subject_counts import SubjectCounts, count_subjects
from alzbench.store import Run, RunMetrics

OF_EVERY_RUN = ("subject", "slice")  # columns of the predictions, which need no covariates


class RestrictedRun(Run):
    """A run whose test part is the images for which a condition holds; its card is that of the whole run.

    Args:
        run: A complete run with predictions.
        condition: Its columns are known for the run.
    """

    def __init__(self, run: Run, condition: Condition) -> None:
        super().__init__(run.path, run.card)
        self.whole = run
        self._condition = condition

    def metrics(self) -> RunMetrics:
        """Return the scores of the restricted test part."""
        return self._scored

    @cached_property
    def _scored(self) -> RunMetrics:
        stored = self.whole.metrics()
        evaluation = evaluate(self._table, not stored.labels_only, stored.healthy_label)
        return stored.model_copy(update={"test": evaluation.images, "test_by_subject": evaluation.subjects})

    def counts(self) -> SubjectCounts:
        """Return the restricted test predictions by subject."""
        return count_subjects(self._table, self.whole.metrics().healthy_label)

    def predictions(self, name: str = "predictions.csv", classes: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the restricted test predictions, or another predictions table as it is."""
        if name != "predictions.csv":
            return self.whole.predictions(name, classes)
        return self._table if classes is None else with_classes(self._table, classes)

    @cached_property
    def _table(self) -> pd.DataFrame:
        table = self.whole.predictions()
        described = self.whole.described()
        about = table if described is None else described
        return table[self._condition.holds(about)].reset_index(drop=True)


def restrict(runs: Sequence[Run], condition: Condition) -> tuple[list[Run], list[str]]:
    """Restrict runs to the test images for which a condition holds.

    Returns:
        The runs, and a sentence for each experiment with a complete run that cannot be restricted, because it has no
        predictions or not the covariates. Runs that are not complete stay as they are.

    Raises:
        ExperimentError: No run has a column of the condition.
        DataError: No image is left, or no test subject of a class that the whole test part has.
    """
    complete = [run for run in runs if run.is_scored]
    known = {run.path: _known(run) for run in complete}
    check_columns(condition, list(dict.fromkeys(name for names in known.values() for name in names) or OF_EVERY_RUN))
    fitting = [run for run in complete if set(condition.columns) <= set(known[run.path]) and run.has_predictions()]
    lacking = {run.card.experiment: None for run in complete if run not in fitting}
    left_out = [
        f"{name} is left out: its runs do not have {' and '.join(condition.columns)} of their test images"
        for name in lacking
    ]
    restricted = {run.path: RestrictedRun(run, condition) for run in fitting}
    if not restricted:
        raise DataError(f"No complete run has {' and '.join(condition.columns)} of its test images.")
    _require_every_class(list(restricted.values()), condition)
    kept = [restricted.get(run.path, run) for run in runs if not run.is_scored or run.path in restricted]
    return kept, left_out


def _known(run: Run) -> list[str]:
    """Return the columns that a condition on a run may name."""
    described = run.described()
    return list(OF_EVERY_RUN) if described is None else [str(name) for name in described]


def _require_every_class(runs: Sequence[RestrictedRun], condition: Condition) -> None:
    """Raise DataError if a seed of an experiment, all its folds together, loses all test images of a class."""
    seeds: dict[tuple[object, ...], list[RestrictedRun]] = {}
    for run in runs:
        card = run.card
        key = (card.experiment, card.settings_hash, card.data, card.protocol_hash, card.seed, card.folds)
        seeds.setdefault(key, []).append(run)
    for folds in seeds.values():
        whole = pd.concat([run.whole.predictions() for run in folds], ignore_index=True)
        kept = set().union(*(run.predictions()["label"] for run in folds))
        lost = [name for name in class_names(whole) if name in set(whole["label"]) - kept]
        if lost:
            card = folds[0].card
            of = f"test subject of {', '.join(lost)}" if kept else "test image"
            raise DataError(
                f"--where must leave test subjects of every class; {condition.text!r} leaves no {of} in "
                f"{card.experiment}, seed {card.seed}. Choose a larger subgroup, or compare runs under subject_cv, "
                "which test every subject."
            )
