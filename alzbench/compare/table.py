"""The comparison: a row an experiment, in groups of runs that can be compared with each other."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from alzbench.compare.references import Reference
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
class ExperimentRow:
    """An experiment's complete runs, and how many are not.

    Attributes:
        label: The experiment's name, with a hash of its settings where two settings share the name.
        description: The experiment's line about itself.
        seeds: Seeds of the complete runs.
        accuracy, balanced_accuracy, macro_f1: On the test part; None while no run is complete.
        f1: F1 of each class, in the group's order; None where undefined.
        difference: Accuracy less each reference's, by its name.
        unfinished: Runs that failed or were interrupted, as ``name: state``.
    """

    label: str
    description: str
    seeds: tuple[int, ...]
    accuracy: Spread | None
    balanced_accuracy: Spread | None
    macro_f1: Spread | None
    f1: tuple[Spread | None, ...]
    difference: dict[str, float]
    unfinished: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """Runs on the same test images under the same protocol.

    Attributes:
        protocol: Its name.
        leaks: What training has seen of the test images; empty where nothing.
        data: Fingerprint of the image set.
        demo: Whether these are runs of --demo, which say nothing about patients.
        test_images: Number of test images; None while no run is complete.
        classes: Class names in label order.
        references: Published results under the same protocol and with as many test images.
        rows: The experiments, in the order in which they were first run.
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
    groups: dict[tuple[bool, str, str, str], list[Run]] = {}
    for run in runs:
        card = run.card
        groups.setdefault((card.demo, card.protocol, card.data, card.test), []).append(run)
    return Comparison(tuple(_group(members, references) for _, members in sorted(groups.items(), key=lambda g: g[0])))


def _group(runs: list[Run], references: Sequence[Reference]) -> Group:
    first = runs[0].card
    scores = next((run.metrics["test"] for run in runs if run.card.state == "complete"), None)
    classes = tuple(scores["classes"]) if scores else ()
    size = int(scores["n"]) if scores else None
    published = tuple(
        r for r in references if not first.demo and r.protocol == first.protocol and r.test_images == size
    )
    by_settings: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        by_settings.setdefault((run.card.experiment, run.card.settings), []).append(run)
    names = [name for name, _ in by_settings]
    rows = tuple(
        _row(name if names.count(name) == 1 else f"{name} ({settings[:6]})", members, classes, published)
        for (name, settings), members in by_settings.items()
    )
    return Group(first.protocol, first.leaks, first.data, first.demo, size, classes, published, rows)


def _row(label: str, runs: list[Run], classes: tuple[str, ...], references: tuple[Reference, ...]) -> ExperimentRow:
    complete = sorted((run for run in runs if run.card.state == "complete"), key=lambda run: run.card.seed)
    tests = [run.metrics["test"] for run in complete]
    accuracy = Spread.of(test["accuracy"] for test in tests)
    return ExperimentRow(
        label=label,
        description=runs[0].card.description,
        seeds=tuple(run.card.seed for run in complete),
        accuracy=accuracy,
        balanced_accuracy=Spread.of(test["balanced_accuracy"] for test in tests),
        macro_f1=Spread.of(test["macro_f1"] for test in tests),
        f1=tuple(Spread.of(test["per_class"][name]["f1"] for test in tests) for name in classes),
        difference={r.name: accuracy.mean - r.accuracy for r in references} if accuracy else {},
        unfinished=tuple(f"{run.name}: {run.card.state}" for run in runs if run.card.state != "complete"),
    )
