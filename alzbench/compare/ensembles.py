"""Ensembles: the mean prediction of the seeds of one experiment, on test images that all of them have."""

from __future__ import annotations

from dataclasses import dataclass

from alzbench.evaluation.evaluate import evaluate
from alzbench.evaluation.predictions import mean_predictions
from alzbench.evaluation.scores import Scores, Tables, scores_of_run
from alzbench.evaluation.subject_counts import count_subjects


@dataclass(frozen=True)
class Ensemble:
    """The scores of the mean prediction of an experiment's seeds; it is no repetition, and has no variance over seeds.

    Attributes:
        seeds: The seeds that are averaged.
        images: Number of test images.
        scores: Its scores, with intervals over subjects (over images if subjects are unknown).
    """

    seeds: tuple[int, ...]
    images: int
    scores: Scores

    @property
    def label(self) -> str:
        """Name of the row, for people."""
        return f"ensemble of {len(self.seeds)} seeds"


def make_ensemble(tables: Tables, healthy: int | None) -> Ensemble | None:
    """Return the ensemble of an experiment's seeds; None for one seed, or if the seeds have other test images.

    Args:
        tables: Seed -> its predictions with probabilities, all folds together.
        healthy: Label of the class of healthy people; None if there is none.
    """
    if len(tables) < 2:
        return None
    first, *others = (table.set_index("image").sort_index() for table in tables.values())
    about = ["subject", "label"]
    if not first.index.is_unique or not all(first[about].equals(other[about]) for other in others):
        return None
    table = mean_predictions([first, *others]).reset_index()
    scores = scores_of_run(0, evaluate(table, healthy=healthy), count_subjects(table, healthy), table)
    return Ensemble(tuple(tables), len(table), scores)
