"""The comparison: a row for each experiment, in groups of runs that can be compared with each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from alzbench.compare.atrophy import UNTRAINED, AgainstAtrophy, against_atrophy
from alzbench.compare.effects import Effect, Levels, effects
from alzbench.compare.labels import by_label, find_baseline, require_baseline
from alzbench.compare.pairs import Pair, compare_pairs
from alzbench.compare.references import Reference
from alzbench.compare.repetitions import ExperimentRuns
from alzbench.compare.restricted import restrict
from alzbench.compare.rows import ExperimentRow, healthy_class, make_row, with_one_healthy_class
from alzbench.compare.settings import Differing, find_differing, settings_of
from alzbench.compare.untrained import against_untrained
from alzbench.compare.where import Condition
from alzbench.errors import ExperimentError
from alzbench.evaluation.metrics import ACCURACY
from alzbench.evaluation.significance import MIN_EFFECT
from alzbench.evaluation.stacked import StackedCounts
from alzbench.store import Card, Run

LEAST_EFFECT = 0.0001  # no difference of accuracies can be shown to be smaller


@dataclass(frozen=True)
class Group:
    """Runs on the same images under the same protocol. Runs of one seed have the same test images.

    Attributes:
        protocol: Its name.
        split_seed: The seed of the one split that all seeds share; None if each seed has its own.
        leaks: Train/test leakage in a sentence, for the first experiment that has any; empty if none has.
        data: Fingerprint of the image set.
        demo: True for runs of --demo, which say nothing about patients.
        test_images, most_test_images: Smallest and largest number of test images of a seed; None while no seed is
            complete.
        classes: Class names in label order.
        references: Published results under the same protocol and with as many test images.
        rows: The experiments in the order in which they were first run, and after them the sanity baselines.
        pairs: Each other row against the baseline, on the same seeds and test images; `ExperimentRow.unpaired` says why
            one has none.
        effects: Effects of a study's factors, if a study is compared.
        effects_without: A sentence about each pair of experiments that is missing from an effect.
        atrophy: Each experiment against the untrained dark share, where subjects are known and it was run.
        untrained: Each experiment against the strongest sanity baseline that can be paired.
        baseline: Label of the baseline; that which was asked for, if it has no run in this group.
        differing: The settings in which the experiments differ, without the sanity baselines.
        where: The condition on the test images; empty for all of them.
        mark: Text that distinguishes it from groups with the same title; empty if there are none.
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
    atrophy: tuple[AgainstAtrophy, ...] = ()
    untrained: tuple[Pair, ...] = ()
    baseline: str = ""
    differing: Differing = field(default_factory=Differing)
    where: str = ""
    mark: str = ""

    @cached_property
    def leaks_differ(self) -> bool:
        """True if the train/test leakage is not the same for all experiments."""
        return len({row.leaks for row in self.rows if row.seeds and not row.sanity}) > 1

    @cached_property
    def clusters_differ(self) -> bool:
        """True if the intervals of some rows resample subjects, and those of other rows images."""
        return len({row.by for row in self.rows if row.by}) > 1

    @cached_property
    def best(self) -> ExperimentRow | None:
        """The experiment with the highest accuracy; None while none is complete."""
        scored = [row for row in self.rows if not row.sanity and ACCURACY.name in row.scores]
        return max(scored, key=lambda row: row.scores[ACCURACY.name].mean, default=None)

    @cached_property
    def healthy(self) -> str:
        """Name of the class of healthy people; empty if no experiment has scores of two classes."""
        return next((healthy_class(row)[1] for row in self.rows if row.has_demented), "")

    @property
    def title(self) -> str:
        """Protocol, split, test images and data, for people."""
        split = "" if self.split_seed is None else f" (all seeds share the split of seed {self.split_seed})"
        test = "no complete run yet"
        if self.test_images and self.most_test_images:
            most = f" to {self.most_test_images:,}" if self.most_test_images > self.test_images else ""
            test = f"{self.test_images:,}{most} test images" + (f" where {self.where}" if self.where else "")
        return f"{self.protocol} protocol{split}, {test}, data {self.data[:6]}{self.mark}"


@dataclass(frozen=True)
class Comparison:
    """All groups; runs of different groups are not comparable.

    Attributes:
        groups: The groups.
        left_out: A sentence about each experiment that cannot be restricted to the images of a condition.
    """

    groups: tuple[Group, ...]
    left_out: tuple[str, ...] = ()


def compare(
    runs: Sequence[Run],
    references: Sequence[Reference],
    baseline: str | None = None,
    levels: Mapping[str, Levels] | None = None,
    min_effect: float = MIN_EFFECT,
    where: Condition | None = None,
) -> Comparison:
    """Group runs by what makes them comparable, and summarise each experiment over its seeds.

    Args:
        runs: Stored runs.
        references: Published results to set beside them.
        baseline: The experiment that the others are compared with in pairs, by its name or by its label; by default
            `baseline` if there is one, else the first.
        levels: Experiment of a study -> the levels of the factors that it has.
        min_effect: The minimum detectable difference of accuracy, in [0, 1].
        where: Restricts the runs to the test images for which it holds, without references; None: all test images.

    Raises:
        ExperimentError: The given baseline has no run, no run has a column of the condition, or the minimum detectable
            difference is not from 0.0001 to 1.
        DataError: The condition leaves no test subject of a class.
    """
    if not LEAST_EFFECT <= min_effect <= 1:
        raise ExperimentError(f"The minimum detectable difference must be from 0.01 to 100; got {100 * min_effect:g}.")
    left_out: list[str] = []
    if where is not None:
        references = ()
        runs, left_out = restrict(runs, where)
    groups: dict[tuple[object, ...], list[_Members]] = {}
    for run in runs:
        alike = groups.setdefault(_kind(run.card), [])
        fitting = next((members for members in alike if members.fits(run)), None)
        if fitting is None:
            fitting = _Members()
            alike.append(fitting)
        fitting.add(run)
    ordered = sorted(groups.items(), key=lambda item: item[0])
    labelled = [by_label(members.runs) for _, alike in ordered for members in alike]
    if baseline is not None:
        require_baseline(baseline, labelled)
    options = _Options(tuple(references), baseline, levels or {}, min_effect, where.text if where else "")
    each = [_group(experiments, options) for experiments in labelled]
    return Comparison(_with_marks(each), tuple(left_out))


def _with_marks(groups: Sequence[Group]) -> tuple[Group, ...]:
    """Return groups with unique titles: groups with other test images may have the same title."""
    titles = [group.title for group in groups]
    return tuple(
        replace(group, mark=f", test set {titles[:k].count(title) + 1} of {titles.count(title)}")
        if titles.count(title) > 1
        else group
        for k, (group, title) in enumerate(zip(groups, titles, strict=True))
    )


def _kind(card: Card) -> tuple[object, ...]:
    """Return the key that the runs of a group share; a single fold has other test images than all folds together."""
    return card.demo, card.protocol, card.data, card.protocol_hash, card.fold is None, card.folds


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
class _Options:
    """The arguments of `compare`."""

    references: tuple[Reference, ...]
    baseline: str | None
    levels: Mapping[str, Levels]
    min_effect: float
    where: str


def _group(experiments: Mapping[str, ExperimentRuns], options: _Options) -> Group:
    first = _first(experiments)
    tests = [r.evaluation.images for experiment in experiments.values() for r in experiment.repetitions]
    classes = tuple(tests[0].classes) if tests else ()
    sizes = [test.n for test in tests]
    published = _published(first, set(sizes), options.references)
    made = [make_row(label, experiment, classes, published) for label, experiment in experiments.items()]
    counts = {label: e.counts for label, e in experiments.items() if e.counts is not None}
    baseline = find_baseline(experiments, counts, options.baseline)
    rows = with_one_healthy_class(made, baseline)
    sanity = {row.label for row in rows if row.sanity}
    pairs, reasons = compare_pairs(baseline, counts, sanity, options.min_effect) if baseline in counts else ((), {})
    changes, without = effects(counts, options.levels)
    return Group(
        protocol=first.protocol,
        split_seed=first.split_seed,
        leaks=next((row.leaks for row in rows if row.leaks), ""),
        data=first.data,
        demo=first.demo,
        test_images=min(sizes, default=None),
        most_test_images=max(sizes, default=None),
        classes=classes,
        references=published,
        rows=tuple(replace(row, unpaired=_why_unpaired(row, pairs, reasons, baseline)) for row in rows),
        pairs=pairs,
        effects=changes,
        effects_without=without,
        atrophy=_atrophy(experiments, counts),
        untrained=_untrained(rows, counts, options.min_effect),
        baseline=baseline,
        differing=find_differing(
            {label: settings_of(e.runs) for label, e in experiments.items() if not e.runs[0].card.sanity}
        ),
        where=options.where,
    )


def _first(experiments: Mapping[str, ExperimentRuns]) -> Card:
    """Return the card of the oldest run."""
    return min((run.card for experiment in experiments.values() for run in experiment.runs), key=lambda c: c.created)


def _untrained(
    rows: Sequence[ExperimentRow], counts: Mapping[str, StackedCounts], min_effect: float
) -> tuple[Pair, ...]:
    sanity = {row.label: counts[row.label] for row in rows if row.sanity and row.label in counts}
    experiments = {row.label: counts[row.label] for row in rows if not row.sanity and row.label in counts}
    accuracy = {row.label: row.scores[ACCURACY.name].mean for row in rows if ACCURACY.name in row.scores}
    return against_untrained(experiments, sanity, accuracy, min_effect) if experiments else ()


def _atrophy(
    experiments: Mapping[str, ExperimentRuns], counts: Mapping[str, StackedCounts]
) -> tuple[AgainstAtrophy, ...]:
    cards = {label: experiment.runs[0].card for label, experiment in experiments.items()}
    untrained = next((label for label in counts if cards[label].sanity and cards[label].variant == UNTRAINED), None)
    if untrained is None:
        return ()
    return against_atrophy(
        untrained, {label: c for label, c in counts.items() if label == untrained or not cards[label].sanity}
    )


def _published(first: Card, sizes: set[int], references: Sequence[Reference]) -> tuple[Reference, ...]:
    """Return the references under a group's protocol that were measured on as many test images."""
    if first.demo or not first.protocol_hash:
        return ()  # imported predictions: it was not checked that their protocol is the published one
    return tuple(r for r in references if r.protocol == first.protocol and {r.test_images} == sizes)


def _why_unpaired(row: ExperimentRow, pairs: Sequence[Pair], reasons: Mapping[str, str], baseline: str) -> str:
    """Return the reason why a row has no pair; empty if it has one, is the baseline, or is not complete."""
    if row.label in reasons:
        return f"not paired with {baseline}: {reasons[row.label]}"
    if row.seeds and not row.by:
        return (
            "not paired, and without intervals: its predictions are not stored, or not all its runs know the subjects"
        )
    if not row.seeds or row.label == baseline or any(pair.other == row.label for pair in pairs):
        return ""
    return f"not paired: {baseline} is not among the runs with these test images"
