"""The comparison: a row an experiment, in groups of runs that can be compared with each other."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from alzbench.compare.references import Reference
from alzbench.compare.repetitions import Repetition, complete_repetitions
from alzbench.store import Run


@dataclass(frozen=True)
class Spread:
    """A figure over the seeds of an experiment.

    Attributes:
        mean: Its mean.
        sd: Its sample standard deviation over the seeds; None for fewer than two.
        n: Number of seeds for which it is defined.
    """

    mean: float
    sd: float | None
    n: int

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Spread | None:
        """Summarise the values that are defined; None where none is."""
        defined = [value for value in values if value is not None]
        if not defined:
            return None
        sd = statistics.stdev(defined) if len(defined) > 1 else None
        return cls(statistics.fmean(defined), sd, len(defined))


@dataclass(frozen=True)
class SubjectScores:
    """An experiment's scores when each subject is classified once, from the mean of its slices' probabilities.

    Attributes:
        subjects: Test subjects a seed; the smallest where the seeds differ.
        accuracy, balanced_accuracy, macro_f1: Over subjects.
        vote_accuracy: Accuracy when the slices vote instead.
        demented_accuracy, demented_auc: The two-way question, healthy or not; the area under the ROC curve.
    """

    subjects: int
    accuracy: Spread | None
    balanced_accuracy: Spread | None
    macro_f1: Spread | None
    vote_accuracy: Spread | None
    demented_accuracy: Spread | None
    demented_auc: Spread | None


@dataclass(frozen=True)
class ExperimentRow:
    """An experiment's complete seeds, and the runs that are not.

    Attributes:
        label: The experiment's name, with a hash of its settings where two settings share the name.
        description: The experiment's line about itself.
        sanity: Whether it is a sanity row.
        leaks: What its training has seen of the test images, for the first seed; empty where nothing.
        seeds: Seeds of which every fold is complete.
        accuracy, balanced_accuracy, macro_f1: On the test part, all folds of a seed together; None while no seed is
            complete.
        f1: F1 of each class, in the group's order; None where undefined.
        by_subject: The scores by subject; None where a test image's subject is not known.
        difference: Accuracy less each reference's, by its name.
        unfinished: Runs that failed or were interrupted, as ``name: state``.
    """

    label: str
    description: str
    sanity: bool
    leaks: str
    seeds: tuple[int, ...]
    accuracy: Spread | None
    balanced_accuracy: Spread | None
    macro_f1: Spread | None
    f1: tuple[Spread | None, ...]
    by_subject: SubjectScores | None
    difference: dict[str, float]
    unfinished: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """Runs on the same images under the same protocol. Runs of one seed have the same test images.

    Attributes:
        protocol: Its name.
        leaks: What training has seen of the test images, for the first run that has seen any; empty where none has.
        data: Fingerprint of the image set.
        demo: Whether these are runs of --demo, which say nothing about patients.
        test_images: Number of test images a seed; None while no seed is complete.
        classes: Class names in label order.
        references: Published results under the same protocol and with as many test images.
        rows: The experiments in the order in which they were first run, and after them the sanity rows.
    """

    protocol: str
    leaks: str
    data: str
    demo: bool
    test_images: int | None
    classes: tuple[str, ...]
    references: tuple[Reference, ...]
    rows: tuple[ExperimentRow, ...]


@dataclass(frozen=True)
class Comparison:
    """All groups; runs of different groups are not comparable."""

    groups: tuple[Group, ...]


def compare(runs: Sequence[Run], references: Sequence[Reference]) -> Comparison:
    """Group runs by what makes them comparable, and summarise each experiment over its seeds."""
    groups: dict[tuple[bool, str, str, str], list[_Members]] = {}
    for run in runs:
        card = run.card
        alike = groups.setdefault((card.demo, card.protocol, card.data, card.protocol_settings), [])
        fitting = next((members for members in alike if members.fits(run)), None)
        if fitting is None:
            fitting = _Members()
            alike.append(fitting)
        fitting.add(run)
    ordered = sorted(groups.items(), key=lambda item: item[0])
    return Comparison(tuple(_group(members.runs, references) for _, alike in ordered for members in alike))


class _Members:
    """Runs of one group: those of one seed and fold have the same test images."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self._tests: dict[tuple[int, int | None], str] = {}

    def fits(self, run: Run) -> bool:
        card = run.card
        return self._tests.get((card.seed, card.fold), card.test) == card.test

    def add(self, run: Run) -> None:
        self._tests[run.card.seed, run.card.fold] = run.card.test
        self.runs.append(run)


def _group(runs: list[Run], references: Sequence[Reference]) -> Group:
    first = runs[0].card
    by_settings: dict[tuple[bool, str, str], list[Run]] = {}
    for run in runs:
        by_settings.setdefault((run.card.sanity, run.card.experiment, run.card.settings), []).append(run)
    repetitions = {key: complete_repetitions(members) for key, members in by_settings.items()}
    example = next((r.test for complete in repetitions.values() for r in complete), None)
    classes = tuple(example["classes"]) if example else ()
    size = int(example["n"]) if example else None
    published = tuple(
        r for r in references if not first.demo and r.protocol == first.protocol and r.test_images == size
    )
    names = [name for _, name, _ in by_settings]
    rows = tuple(
        _row(
            name if names.count(name) == 1 else f"{name} ({settings[:6]})",
            by_settings[sanity, name, settings],
            repetitions[sanity, name, settings],
            classes,
            published,
        )
        for sanity, name, settings in sorted(by_settings, key=lambda key: key[0])
    )
    leaks = next((row.leaks for row in rows if row.leaks), "")
    return Group(first.protocol, leaks, first.data, first.demo, size, classes, published, rows)


def _row(
    label: str,
    runs: list[Run],
    repetitions: list[Repetition],
    classes: tuple[str, ...],
    references: tuple[Reference, ...],
) -> ExperimentRow:
    tests = [repetition.test for repetition in repetitions]
    accuracy = Spread.of(test["accuracy"] for test in tests)
    first = runs[0].card
    return ExperimentRow(
        label=label,
        description=first.description,
        sanity=first.sanity,
        leaks=next((run.card.leaks for run in runs if run.card.leaks), ""),
        seeds=tuple(repetition.seed for repetition in repetitions),
        accuracy=accuracy,
        balanced_accuracy=Spread.of(test["balanced_accuracy"] for test in tests),
        macro_f1=Spread.of(test["macro_f1"] for test in tests),
        # by position: runs on the same images may spell the classes differently
        f1=tuple(Spread.of(list(test["per_class"].values())[k]["f1"] for test in tests) for k in range(len(classes))),
        by_subject=_subject_scores([repetition.by_subject for repetition in repetitions]),
        # a sanity row is no attempt at the published figure
        difference={r.name: accuracy.mean - r.accuracy for r in references} if accuracy and not first.sanity else {},
        unfinished=tuple(f"{run.name}: {run.card.state}" for run in runs if run.card.state != "complete"),
    )


def _subject_scores(repetitions: list[dict[str, Any] | None]) -> SubjectScores | None:
    known = [scores for scores in repetitions if scores is not None]
    if not known or len(known) < len(repetitions):
        return None
    return SubjectScores(
        subjects=min(scores["subjects"] for scores in known),
        accuracy=Spread.of(scores["mean"]["accuracy"] for scores in known),
        balanced_accuracy=Spread.of(scores["mean"]["balanced_accuracy"] for scores in known),
        macro_f1=Spread.of(scores["mean"]["macro_f1"] for scores in known),
        vote_accuracy=Spread.of(scores["vote"]["accuracy"] for scores in known),
        demented_accuracy=Spread.of(scores["demented"]["accuracy"] for scores in known),
        demented_auc=Spread.of(scores["demented"]["roc_auc"] for scores in known),
    )
