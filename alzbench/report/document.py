"""A comparison as a document: the one form that HTML, Markdown and LaTeX are written from, so that all say the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alzbench.compare import (
    Comparison,
    Effect,
    Group,
    Pair,
    binomial_interval,
)
from alzbench.compare.disagreements import DisputedSubject, disputed_subjects
from alzbench.report.cells import (
    UNDEFINED,
    Cell,
    change,
    change_with_span,
    count,
    estimate,
    interval_of,
    mean,
    p_value,
    percent,
    span,
    with_interval,
)
from alzbench.report.names import short_names
from alzbench.report.remarks import FEW, how_many, leak_warnings, notes, reference_note, row_name, row_names

MOST_DISPUTED = 12  # subjects
PROBABILITIES = "Probabilities"  # title of the table that curves stand below


@dataclass(frozen=True)
class Table:
    """A table; `weak` are the rows that are set beside the others for scale."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    weak: frozenset[int] = frozenset()
    note: str = ""


@dataclass(frozen=True)
class Section:
    """Runs that can be compared with each other.

    Attributes:
        title: Protocol, test images and data.
        warnings: What a reader must know before the figures: demo, leakage.
        tables: The figures.
        notes: What else is to be said.
    """

    title: str
    warnings: tuple[str, ...]
    tables: tuple[Table, ...]
    notes: tuple[str, ...]


def comparison_sections(comparison: Comparison) -> list[Section]:
    """Return a section for each group of comparable runs."""
    return [_section(group) for group in comparison.groups]


def _section(group: Group) -> Section:
    warnings = ["DEMO on phantoms: the figures say nothing about patients."] if group.demo else []
    warnings += [f"{warning}." for warning in leak_warnings(group)]
    tables = [_scores(group), _by_class(group)]
    tables += [_pairs(group)] if group.pairs else []
    tables += [_effects(group.effects)] if group.effects else []
    tables += [_by_subject(group)] if any(row.by_subject for row in group.rows) else []
    tables += _probabilities(group)
    disputed = disputed_subjects(group)
    tables += [_disputed(disputed)] if disputed else []
    said = [reference_note(group)] if group.references else []
    said += [f"{note}." for note in notes(group)]
    if group.likely.without:
        names = ", ".join(group.likely.without)
        said.append(
            f"Without probabilities, curves and disagreements, as not all their predictions are stored: {names}."
        )
    return Section(group.title, tuple(warnings), tuple(tables), tuple(said))


def _scores(group: Group) -> Table:
    names = [reference.name for reference in group.references]
    columns = ["experiment", "seeds", "accuracy %", "95 %", "balanced %", "95 %", "macro F1", "95 %"]
    rows: list[tuple[Cell, ...]] = []
    for reference in group.references:
        low, high = binomial_interval(reference)
        figures = [Cell("1", 1), percent(reference.accuracy), span(low, high, 100), *[Cell(UNDEFINED)] * 4]
        rows.append((Cell(reference.name), *figures, *[Cell(UNDEFINED)] * len(names)))
    for row in group.rows:
        figures = [
            Cell(str(len(row.seeds)), len(row.seeds)),
            mean(row.accuracy, 100),
            interval_of(row, "accuracy", 100),
            mean(row.balanced_accuracy, 100),
            interval_of(row, "balanced_accuracy", 100),
            mean(row.macro_f1, 1),
            interval_of(row, "macro_f1", 1),
        ]
        versus = [change(row.difference.get(name)) for name in names]
        rows.append((Cell(row_name(group, row)), *figures, *versus))
    weak = {k for k, row in enumerate(group.rows, start=len(names)) if row.sanity} | set(range(len(names)))
    return Table(
        "By slice",
        (*columns, *(f"points to {name}" for name in names)),
        tuple(rows),
        frozenset(weak),
        "Means over the seeds; 95 % intervals over seeds and test subjects at once; of balanced accuracy and macro F1 "
        f"{FEW}.",
    )


def _by_class(group: Group) -> Table:
    columns = ["experiment", *(f"F1 {name}" for name in group.classes)]
    rows = [
        (
            Cell(row_name(group, row)),
            *(
                with_interval(row.intervals, f"f1_{name}", f1, 1)
                for name, f1 in zip(group.classes, row.f1, strict=True)
            ),
        )
        for row in group.rows
    ]
    note = f"With 95 % intervals; {FEW}."
    return Table("By class", tuple(columns), tuple(rows), _sanity(group), note)


def _pairs(group: Group) -> Table:
    baseline, by = group.pairs[0].baseline, group.pairs[0].by
    columns = ("experiment", "seeds", "accuracy, points", "95 %", "macro F1", "95 %", "p, Holm", "McNemar p", "verdict",
               f"{by}s needed", "seeds needed")  # fmt: skip
    names = row_names(group)
    rows = tuple((Cell(names[pair.other]), *_pair_cells(pair)) for pair in group.pairs)
    note = (
        "Paired, on the same test images and seeds. p: of no difference in accuracy, corrected by Holm's method for "
        f"all experiments, and for sanity rows on their own. McNemar: exact, of the answers about each {by}, first "
        f"common seed. Needed: to see a change of {100 * group.pairs[0].worth:g} points with a power of 80 %."
    )
    return Table(f"Against {names[baseline]}", columns, rows, note=note)


def _pair_cells(pair: Pair) -> list[Cell]:
    cells = [Cell(str(len(pair.seeds)), len(pair.seeds))]
    for name, scale in (("accuracy", 100), ("macro_f1", 1)):
        found = pair.differences[name]
        cells += change_with_span(found.interval if found else None, scale)
    tests = [p_value(pair.p_holm), p_value(pair.mcnemar), Cell(pair.verdict)]
    return [*cells, *tests, *(Cell(how_many(n), n) for n in (pair.subjects_needed, pair.seeds_needed))]


def _effects(effects: Sequence[Effect]) -> Table:
    columns = ("factor", "level", "pairs", "accuracy, points", "95 %", "macro F1", "95 %")
    rows = tuple(
        (
            Cell(effect.factor),
            Cell(effect.level),
            Cell(str(effect.pairs), effect.pairs),
            *change_with_span(effect.accuracy, 100),
            *change_with_span(effect.macro_f1, 1),
        )
        for effect in effects
    )
    note = (
        "Mean paired change from the base's level to this one, over the pairs of experiments that differ in it alone."
    )
    return Table("Effects of the factors", columns, rows, note=note)


def _by_subject(group: Group) -> Table:
    columns = (
        "experiment",
        "subjects",
        "accuracy %",
        "by vote %",
        "balanced %",
        "macro F1",
        "demented or not %",
        "AUC",
    )
    rows = []
    for row in group.rows:
        scores = row.by_subject
        if scores is None:
            continue
        first = with_interval(scores.intervals, "accuracy", scores.accuracy, 100)
        figures = [
            with_interval(scores.intervals, "balanced_accuracy", scores.balanced_accuracy, 100),
            with_interval(scores.intervals, "macro_f1", scores.macro_f1, 1),
            with_interval(scores.intervals, "demented_accuracy", scores.demented_accuracy, 100),
            with_interval(scores.intervals, "demented_auc", scores.demented_auc, 1),
        ]
        vote = with_interval(scores.intervals, "vote_accuracy", scores.vote_accuracy, 100)
        rows.append((Cell(row_name(group, row)), count(scores.subjects), first, vote, *figures))
    return Table(
        "By subject",
        columns,
        tuple(rows),
        _sanity(group) if len(rows) == len(group.rows) else frozenset(),
        "Each subject classified once, from the mean probabilities of its slices or by their vote, with 95 % intervals "
        f"over seeds and subjects ({FEW}). Two-way: demented or not, and the area under its ROC curve.",
    )


def _probabilities(group: Group) -> list[Table]:
    scores = group.likely.scores
    if not scores:
        return []
    names = row_names(group)
    areas = tuple(
        (Cell(names[label]), *map(estimate, (of.calibration_error, of.mean_roc_auc, *of.roc_auc.values())))
        for label, of in scores.items()
    )
    precisions = tuple(
        (Cell(names[label]), *map(estimate, of.average_precision.values())) for label, of in scores.items()
    )
    note = (
        "ECE: expected calibration error, the lower the better. ROC AUC: each class against the others, and their mean."
        f" Means over the seeds, with 95 % intervals over seeds and test subjects; {FEW}."
    )
    columns = ("experiment", "ECE", "ROC AUC", *(f"AUC {name}" for name in short_names(group.classes)))
    of_classes = ("experiment", *group.classes)
    return [
        Table(PROBABILITIES, columns, areas, note=note),
        Table(
            "Mean precision by class",
            of_classes,
            precisions,
            note="Average precision of each class against the others.",
        ),
    ]


def _disputed(subjects: Sequence[DisputedSubject]) -> Table:
    """Return the subjects about which the experiments differ most."""
    rows = tuple(
        (
            Cell(of.subject),
            Cell(of.label),
            count(of.slices),
            count(of.differ),
            *(Cell(f"{100 * share:.0f}", share) for share in of.right.values()),
        )
        for of in subjects[:MOST_DISPUTED]
    )
    note = (
        f"Slices answered right by each experiment, in per cent, first common seed. {len(subjects):,} subjects have "
        f"slices that are answered differently; the {min(len(subjects), MOST_DISPUTED)} most disputed are shown."
    )
    return Table("Where they disagree", ("subject", "is", "slices", "differ", *subjects[0].right), rows, note=note)


def _sanity(group: Group) -> frozenset[int]:
    return frozenset(k for k, row in enumerate(group.rows) if row.sanity)
