"""A row of a comparison: the scores of an experiment over its complete seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from alzbench.compare.references import Reference
from alzbench.compare.repetitions import ExperimentRuns
from alzbench.evaluation.metrics import metrics
from alzbench.evaluation.scores import Score, scores_over_seeds
from alzbench.store import Run

_DEMENTED = frozenset(metric.name for metric in metrics(level="subject") if metric.view == "demented")


@dataclass(frozen=True)
class ExperimentRow:
    """An experiment's complete seeds, and the runs that are not complete.

    Attributes:
        label: The experiment's name, with the settings that differ if others share the name, see `settings`.
        name: The experiment's name.
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
    name: str
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

    @property
    def has_demented(self) -> bool:
        """True if it has scores of demented or not."""
        return bool(_DEMENTED & set(self.scores))


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
        name=first.experiment,
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


def with_one_healthy_class(rows: Sequence[ExperimentRow], baseline: str) -> list[ExperimentRow]:
    """Return rows whose scores of demented or not mean the same; a row with another healthy class loses them.

    Args:
        rows: The rows of a group.
        baseline: Label of the row whose healthy class counts; that of the first row that has one, if this row has none.
    """
    healthy = {row.label: healthy_class(row) for row in rows if row.has_demented}
    if not healthy:
        return list(rows)
    label, name = healthy.get(baseline, next(iter(healthy.values())))
    return [
        row
        if healthy.get(row.label, (label, name))[0] == label
        else _without_demented(row, healthy[row.label][1], name)
        for row in rows
    ]


def _without_demented(row: ExperimentRow, own: str, other: str) -> ExperimentRow:
    why = f"{row.label}: scores of two classes are left out, because its healthy class is {own}, not {other}"
    scores = {name: score for name, score in row.scores.items() if name not in _DEMENTED}
    return replace(row, scores=scores, left_out=(*row.left_out, why))


def healthy_class(row: ExperimentRow) -> tuple[int, str]:
    """Return the label and the name of the class of healthy people of a row with scores of demented or not."""
    run = row.runs[0]
    label = run.metrics().healthy_label
    assert label is not None  # else there are no such scores
    return label, run.evaluation().images.classes[label]
