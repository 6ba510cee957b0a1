"""A row of a comparison: the scores of an experiment over its complete seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alzbench.compare.references import Reference
from alzbench.compare.repetitions import ExperimentRuns
from alzbench.evaluation.scores import Score, scores_over_seeds
from alzbench.store import Run


@dataclass(frozen=True)
class ExperimentRow:
    """An experiment's complete seeds, and the runs that are not complete.

    Attributes:
        label: The experiment's name, with a hash of its settings if two settings share the name.
        description: The experiment's description.
        sanity: True for a sanity baseline.
        leaks: Its train/test leakage in a sentence, for the first run that has any; empty if none has.
        seeds: Seeds whose folds are all complete.
        runs: The runs of these seeds.
        by: Unit that the intervals resample: `subject`, or `image` if subjects are unknown; empty if there are no
            intervals.
        subjects: Test subjects of a seed, the smallest number if seeds differ; None if they are unknown.
        scores: Metric -> score on the test part, all folds of a seed together; an undefined score is absent. Metrics
            by subject are absent if a test image's subject is unknown.
        class_scores: Metric -> class -> score, with the group's class names.
        difference: Name of each reference -> accuracy minus that of the reference.
        left_out: A sentence about each complete run that does not count.
        unfinished: Runs that failed or were interrupted, as ``name: state``.
        unpaired: The reason why it is not compared with the baseline; empty if it is, and for the baseline.
    """

    label: str
    description: str
    sanity: bool
    leaks: str
    seeds: tuple[int, ...]
    runs: tuple[Run, ...]
    by: str
    subjects: int | None
    scores: Mapping[str, Score]
    class_scores: Mapping[str, Mapping[str, Score]]
    difference: Mapping[str, float]
    left_out: tuple[str, ...]
    unfinished: tuple[str, ...]
    unpaired: str = ""


def make_row(
    label: str, experiment: ExperimentRuns, classes: Sequence[str], references: Sequence[Reference]
) -> ExperimentRow:
    """Summarise an experiment over its complete seeds.

    Args:
        label: Its name in tables.
        experiment: Its runs.
        classes: The group's class names.
        references: Published results that it is compared with.
    """
    repetitions, first = experiment.repetitions, experiment.runs[0].card
    scores = scores_over_seeds([repetition.evaluation for repetition in repetitions], experiment.counts, classes)
    accuracy = scores.overall.get("accuracy")
    # a sanity baseline does not try to reach the published result
    difference = {r.name: accuracy.mean - r.accuracy for r in references} if accuracy and not first.sanity else {}
    return ExperimentRow(
        label=label,
        description=first.description,
        sanity=first.sanity,
        leaks=next((run.card.leaks for run in experiment.runs if run.card.leaks), ""),
        seeds=tuple(repetition.seed for repetition in repetitions),
        runs=tuple(run for repetition in repetitions for run in repetition.runs),
        by=scores.by,
        subjects=scores.subjects,
        scores=scores.overall,
        class_scores=scores.by_class,
        difference=difference,
        left_out=experiment.left_out,
        unfinished=tuple(f"{run.name}: {run.card.state}" for run in experiment.runs if run.card.state != "complete"),
    )
