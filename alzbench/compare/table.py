"""The comparison: a row an experiment, in groups of runs that can be compared with each other."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alzbench.compare.answers import Answers, read_counts, stack
from alzbench.compare.effects import Effect, Levels, effects
from alzbench.compare.intervals import (
    Interval,
)
from alzbench.compare.one_run import score_intervals
from alzbench.compare.pairs import Pair, compare_pairs
from alzbench.compare.references import Reference
from alzbench.compare.repetitions import Repetition, complete_repetitions
from alzbench.errors import ExperimentError
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
        intervals: accuracy, balanced_accuracy, macro_f1 and each f1_<class> -> 95 % interval over seeds and subjects;
            without those that are not defined.
        by_subject: The scores by subject; None where a test image's subject is not known.
        difference: Accuracy less each reference's, by its name.
        unfinished: Runs that failed or were interrupted, as ``name: state``.
        folders: Of the runs that are counted.
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
    intervals: dict[str, Interval]
    by_subject: SubjectScores | None
    difference: dict[str, float]
    unfinished: tuple[str, ...]
    folders: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """Runs on the same images under the same protocol. Runs of one seed have the same test images.

    Attributes:
        protocol: Its name.
        split_seed: The seed of the one split that runs of all seeds share; None where each seed has its own.
        leaks: What training has seen of the test images, for the first run that has seen any; empty where none has.
        data: Fingerprint of the image set.
        demo: Whether these are runs of --demo, which say nothing about patients.
        test_images: Number of test images a seed; None while no seed is complete.
        classes: Class names in label order.
        references: Published results under the same protocol and with as many test images.
        rows: The experiments in the order in which they were first run, and after them the sanity rows.
        pairs: Each other row against the baseline, on the same seeds and test images.
        effects: Those of a study's factors, where one is compared.
    """

    protocol: str
    split_seed: int | None
    leaks: str
    data: str
    demo: bool
    test_images: int | None
    classes: tuple[str, ...]
    references: tuple[Reference, ...]
    rows: tuple[ExperimentRow, ...]
    pairs: tuple[Pair, ...]
    effects: tuple[Effect, ...]

    @property
    def title(self) -> str:
        """Protocol, split, test images and data, for people."""
        split = "" if self.split_seed is None else f" (all seeds on the split of seed {self.split_seed})"
        test = f"{self.test_images:,} test images" if self.test_images else "no complete run yet"
        return f"{self.protocol} protocol{split}, {test}, data {self.data[:6]}"


@dataclass(frozen=True)
class Comparison:
    """All groups; runs of different groups are not comparable."""

    groups: tuple[Group, ...]


def compare(
    runs: Sequence[Run],
    references: Sequence[Reference],
    baseline: str | None = None,
    levels: Mapping[str, Levels] | None = None,
) -> Comparison:
    """Group runs by what makes them comparable, and summarise each experiment over its seeds.

    Args:
        runs: Stored runs.
        references: Published results to set beside them.
        baseline: The experiment that the others are compared with in pairs; by default `baseline` where there is one,
            else the first.
        levels: Of a study, the levels of its factors that are on in each of its experiments.

    Raises:
        ExperimentError: No run is of the baseline that is asked for.
    """
    if baseline is not None and baseline not in {run.card.experiment for run in runs}:
        known = ", ".join(dict.fromkeys(run.card.experiment for run in runs if not run.card.sanity))
        raise ExperimentError(
            f"The baseline must be one of the experiments that are compared: {known}; got {baseline!r}."
        )
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
    return Comparison(
        tuple(_group(members.runs, references, baseline, levels or {}) for _, alike in ordered for members in alike)
    )


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


def _group(
    runs: list[Run], references: Sequence[Reference], baseline: str | None, levels: Mapping[str, Levels]
) -> Group:
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
    keys = sorted(by_settings, key=lambda key: key[0])
    labels = {key: key[1] if names.count(key[1]) == 1 else f"{key[1]} ({key[2][:6]})" for key in keys}
    answers = {key: _answers(repetitions[key]) for key in keys}
    rows = tuple(
        _row(labels[key], by_settings[key], repetitions[key], answers[key], classes, published) for key in keys
    )
    leaks = next((row.leaks for row in rows if row.leaks), "")
    there = [(labels[key], found) for key in keys if (found := answers[key]) is not None]
    chosen = next((label for label, _ in there if label.split(" (")[0] == (baseline or "baseline")), None)
    if chosen is None and baseline is None and there:
        chosen = there[0][0]
    pairs = compare_pairs(chosen, dict(there)) if chosen else ()
    of_factors = effects(dict(there), levels)
    return Group(
        first.protocol, first.split_seed, leaks, first.data, first.demo, size, classes, published, rows, pairs,
        of_factors,
    )  # fmt: skip


def _answers(repetitions: Sequence[Repetition]) -> Answers | None:
    """Return the answers of an experiment's repetitions; None where there are none, or they cannot be had."""
    counts = {repetition.seed: [read_counts(run) for run in repetition.runs] for repetition in repetitions}
    known = {seed: [c for c in folds if c is not None] for seed, folds in counts.items()}
    return stack(known) if all(len(known[seed]) == len(counts[seed]) for seed in counts) else None


def _row(
    label: str,
    runs: list[Run],
    repetitions: list[Repetition],
    answers: Answers | None,
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
        intervals=score_intervals(answers, classes),
        by_subject=_subject_scores([repetition.by_subject for repetition in repetitions]),
        # a sanity row is no attempt at the published figure
        difference={r.name: accuracy.mean - r.accuracy for r in references} if accuracy and not first.sanity else {},
        unfinished=tuple(f"{run.name}: {run.card.state}" for run in runs if run.card.state != "complete"),
        folders=tuple(str(run.path) for repetition in repetitions for run in repetition.runs),
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
