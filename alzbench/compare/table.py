"""The comparison: a row an experiment, in groups of runs that can be compared with each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from alzbench.compare.answers import Answers
from alzbench.compare.effects import Effect, Levels, effects
from alzbench.compare.pairs import WORTH_SEEING, Pair, compare_pairs
from alzbench.compare.probabilities import MOST_SIDE_BY_SIDE, Likely, read_likely
from alzbench.compare.references import Reference
from alzbench.compare.rows import Experiment, ExperimentRow, make_row
from alzbench.errors import ExperimentError
from alzbench.store import Card, Run


@dataclass(frozen=True)
class Group:
    """Runs on the same images under the same protocol. Runs of one seed have the same test images.

    Attributes:
        protocol: Its name.
        split_seed: The seed of the one split that runs of all seeds share; None where each seed has its own.
        leaks: What training has seen of the test images, for the first run that has seen any; empty where none has.
        data: Fingerprint of the image set.
        demo: Whether these are runs of --demo, which say nothing about patients.
        test_images: Number of test images a seed, and `most_test_images` where the seeds differ in it; None while no
            seed is complete.
        classes: Class names in label order.
        references: Published results under the same protocol and with as many test images.
        rows: The experiments in the order in which they were first run, and after them the sanity rows.
        pairs: Each other row against the baseline, on the same seeds and test images; `ExperimentRow.unpaired` says why
            one has none.
        effects: Those of a study's factors, where one is compared.
        effects_without: A sentence about each pair of experiments that is missing from an effect.
        mark: What tells it from another group with the same title; empty where there is none.
    """

    protocol: str
    split_seed: int | None
    leaks: str
    data: str
    demo: bool
    test_images: int | None
    most_test_images: int | None
    classes: tuple[str, ...]
    references: tuple[Reference, ...]
    rows: tuple[ExperimentRow, ...]
    pairs: tuple[Pair, ...]
    effects: tuple[Effect, ...]
    effects_without: tuple[str, ...] = ()
    mark: str = ""

    @cached_property
    def leaks_differ(self) -> bool:
        """Whether what training has seen of the test images is not the same for all experiments."""
        return len({row.leaks for row in self.rows if row.seeds and not row.sanity}) > 1

    @cached_property
    def clusters_differ(self) -> bool:
        """Whether the intervals of some rows resample subjects, and those of others images."""
        return len({row.by for row in self.rows if row.by}) > 1

    @cached_property
    def likely(self) -> Likely:
        """What the first experiments answered, read from their predictions when it is first asked for."""
        return read_likely(self.rows, self.classes, MOST_SIDE_BY_SIDE)

    @property
    def title(self) -> str:
        """Protocol, split, test images and data, for people."""
        split = "" if self.split_seed is None else f" (all seeds on the split of seed {self.split_seed})"
        test = "no complete run yet"
        if self.test_images and self.most_test_images:
            most = f" to {self.most_test_images:,}" if self.most_test_images > self.test_images else ""
            test = f"{self.test_images:,}{most} test images"
        return f"{self.protocol} protocol{split}, {test}, data {self.data[:6]}{self.mark}"


@dataclass(frozen=True)
class Comparison:
    """All groups; runs of different groups are not comparable."""

    groups: tuple[Group, ...]


def compare(
    runs: Sequence[Run],
    references: Sequence[Reference],
    baseline: str | None = None,
    levels: Mapping[str, Levels] | None = None,
    worth: float = WORTH_SEEING,
) -> Comparison:
    """Group runs by what makes them comparable, and summarise each experiment over its seeds.

    Args:
        runs: Stored runs.
        references: Published results to set beside them.
        baseline: The experiment that the others are compared with in pairs; by default `baseline` where there is one,
            else the first.
        levels: Of a study, the levels of its factors that are on in each of its experiments.
        worth: The difference of accuracy that it would be worth to see, in [0, 1].

    Raises:
        ExperimentError: No run is of the baseline that is asked for.
    """
    if baseline is not None and baseline not in {run.card.experiment for run in runs}:
        known = ", ".join(dict.fromkeys(run.card.experiment for run in runs if not run.card.sanity))
        raise ExperimentError(
            f"The baseline must be one of the experiments that are compared: {known}; got {baseline!r}."
        )
    groups: dict[tuple[object, ...], list[_Members]] = {}
    for run in runs:
        alike = groups.setdefault(_kind(run.card), [])
        fitting = next((members for members in alike if members.fits(run)), None)
        if fitting is None:
            fitting = _Members()
            alike.append(fitting)
        fitting.add(run)
    ordered = sorted(groups.items(), key=lambda item: item[0])
    asked = _Asked(tuple(references), baseline, levels or {}, worth)
    return Comparison(_told_apart([_group(members.runs, asked) for _, alike in ordered for members in alike]))


def _told_apart(groups: Sequence[Group]) -> tuple[Group, ...]:
    """Return groups of which no two have one title: their test images differ in what a title does not say."""
    titles = [group.title for group in groups]
    return tuple(
        replace(group, mark=f", set {titles[:k].count(title) + 1} of {titles.count(title)} of test images")
        if titles.count(title) > 1
        else group
        for k, (group, title) in enumerate(zip(groups, titles, strict=True))
    )


def _kind(card: Card) -> tuple[object, ...]:
    """Return what runs of one group have in common; a single fold has other test images than all of them together."""
    return card.demo, card.protocol, card.data, card.protocol_settings, card.fold is None, card.folds


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


@dataclass(frozen=True)
class _Asked:
    """The arguments of `compare`."""

    references: tuple[Reference, ...]
    baseline: str | None
    levels: Mapping[str, Levels]
    worth: float


def _group(runs: Sequence[Run], asked: _Asked) -> Group:
    experiments = _experiments(runs)
    first = runs[0].card
    tests = [r.test for experiment in experiments.values() for r in experiment.repetitions]
    classes = tuple(tests[0]["classes"]) if tests else ()
    sizes = [int(test["n"]) for test in tests]
    size = min(sizes, default=None)
    # runs without settings are predictions from elsewhere: that theirs is the published protocol, nobody has checked
    published = tuple(
        r
        for r in asked.references
        if not first.demo and first.protocol_settings and r.protocol == first.protocol and {r.test_images} == set(sizes)
    )
    rows = [make_row(label, experiment, classes, published) for label, experiment in experiments.items()]
    answers = {label: e.answers for label, e in experiments.items() if e.answers is not None}
    baseline = _baseline(experiments, answers, asked.baseline)
    sanity = {row.label for row in rows if row.sanity}
    pairs, reasons = compare_pairs(baseline, answers, sanity, asked.worth) if baseline in answers else ((), {})
    changes, without = effects(answers, asked.levels)
    return Group(
        protocol=first.protocol,
        split_seed=first.split_seed,
        leaks=next((row.leaks for row in rows if row.leaks), ""),
        data=first.data,
        demo=first.demo,
        test_images=size,
        most_test_images=max(sizes, default=None),
        classes=classes,
        references=published,
        rows=tuple(replace(row, unpaired=_why_not(row, pairs, reasons, baseline)) for row in rows),
        pairs=pairs,
        effects=changes,
        effects_without=without,
    )


def _experiments(runs: Sequence[Run]) -> dict[str, Experiment]:
    """Return the experiments by label, in the order in which they were first run, and after them the sanity rows."""
    by_settings: dict[tuple[bool, str, str], list[Run]] = {}
    for run in runs:
        by_settings.setdefault((run.card.sanity, run.card.experiment, run.card.settings), []).append(run)
    names = [name for _, name, _ in by_settings]
    return {
        name if names.count(name) == 1 else f"{name} ({settings[:6]})": Experiment.of(members)
        for (_, name, settings), members in sorted(by_settings.items(), key=lambda item: item[0][0])
    }


def _baseline(experiments: Mapping[str, Experiment], answers: Mapping[str, Answers], asked: str | None) -> str:
    """Return the label of the baseline, or the name of one that is asked for and is not there."""
    wanted = asked or "baseline"
    found = [label for label in answers if experiments[label].runs[0].card.experiment == wanted]
    return next(iter(found or ([] if asked else answers)), wanted)


def _why_not(row: ExperimentRow, pairs: Sequence[Pair], reasons: Mapping[str, str], baseline: str) -> str:
    """Return why a row has no pair; empty where it has one, is the baseline, or is not complete."""
    if row.label in reasons:
        return f"not paired with {baseline}: {reasons[row.label]}"
    if row.seeds and not row.by:
        return "not paired, and without intervals: its answers are not stored, or its folds differ in what is known"
    if not row.seeds or row.label == baseline or any(pair.other == row.label for pair in pairs):
        return ""
    return f"not paired: {baseline} is not among the runs with these test images"
