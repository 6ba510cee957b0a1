"""Comparisons as tables for the terminal, readable in 80 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from alzbench.compare import Comparison, Effect, Group, Interval, Pair, Spread, binomial_interval
from alzbench.report.names import short_names
from alzbench.report.remarks import how_many, leak_warnings, notes, row_name, row_names, signed

MOST_ROWS = 50  # of a table; nobody reads more of them on a terminal
NAME_WIDTH = 22
HEADING_WIDTH = 10
_VERDICTS = {"no difference shown": "none shown", "too few subjects": "too few"}
_REFERENCE = "The published figure is one number: the difference to it has no interval and no p-value."
CLASSES_ACROSS = 4  # in one table; more than that do not fit into 80 columns


def render_comparison(comparison: Comparison) -> RenderableType:
    """Return one table for each group of comparable runs."""
    return Lines(*(part for group in comparison.groups for part in _group_parts(group)))


def _group_parts(group: Group) -> list[RenderableType]:
    kind = "DEMO on phantoms: says nothing about patients; " if group.demo else ""
    starts = range(0, len(group.classes), CLASSES_ACROSS)
    parts: list[RenderableType] = [
        Text(kind + group.title, style="italic"),
        _scores(group),
        *(_class_f1(group, k) for k in starts),
    ]
    if any(f1 is not None and f1.sd is not None for row in group.rows for f1 in row.f1):
        parts.append(Text("  ± standard deviation over the seeds."))
    parts += _intervals(group)
    parts += _pairs(group) if group.pairs else []
    parts += _effects(group.effects) if group.effects else []
    parts += [_subject_scores(group)] if any(row.by_subject for row in group.rows) else []
    parts += [Text(f"! {warning}.", style="yellow") for warning in leak_warnings(group)]
    parts += [Text(f"  {_REFERENCE}")] if group.references else []
    parts += [Text(f"  {note}", style="red") for note in notes(group)]
    return [*parts, Text("")]


def _scores(group: Group) -> Table:
    """Return the figures by slice, with 95 % intervals over seeds and test subjects."""
    names = [reference.name for reference in group.references]
    published = [
        [r.name, "1", f"{100 * r.accuracy:.2f}", span(*binomial_interval(r), 100), "–", "–", *["–"] * len(names)]
        for r in group.references
    ]
    rows = [
        [
            row_name(group, row),
            str(len(row.seeds)),
            percent(row.accuracy, with_sd=False),
            _span(row.intervals, "accuracy", 100),
            percent(row.balanced_accuracy, with_sd=False),
            share(row.macro_f1, with_sd=False),
            *(signed(100 * row.difference[name], 2) if name in row.difference else "–" for name in names),
        ]
        for row in group.rows
    ]
    versus = [f"vs {name}" for name in names] if len(names) > 1 else ["vs ref."] * len(names)
    columns = ["experiment", "seeds", "accuracy %", "95 %", "bal. %", "macro F1", *versus]
    return _figures(columns, [*published, *rows], italic=len(published))


def _pairs(group: Group) -> list[RenderableType]:
    """Return the paired differences to the baseline, and what it would take to see a small one."""
    rows, names = [], row_names(group)
    for pair in group.pairs:
        found = pair.differences["accuracy"]
        change = _change(found.interval if found else None, 100)
        p = "–" if pair.p_holm is None else _p(pair.p_holm)
        rows.append(
            [
                names[pair.other],
                str(len(pair.seeds)),
                *change,
                p,
                _p(pair.mcnemar),
                _VERDICTS.get(pair.verdict, pair.verdict),
            ]
        )
    baseline = group.pairs[0].baseline
    columns = [f"against {_cut_name(baseline)}", "seeds", "points", "95 %", "p Holm", "McNemar", "accuracy"]
    note = "  Points of accuracy on the same images; p corrected for them all; McNemar's test by subject, first seed."
    return [_figures(columns, rows), Text(note.replace("by subject", f"by {group.pairs[0].by}")), *_needed(group.pairs)]


def _needed(pairs: Sequence[Pair]) -> list[RenderableType]:
    """Say how many subjects and seeds each pair without a shown difference would have needed."""
    lines = []
    for pair in pairs:
        found = pair.differences["accuracy"]
        subjects, seeds = pair.subjects_needed or 0, pair.seeds_needed or 0
        if pair.verdict != "no difference shown" or pair.by != "subject" or found is None:
            continue
        there = found.interval.clusters
        wanted = [f"about {how_many(subjects)} test subjects (there are {there:,})"] if subjects > there else []
        wanted += [f"{how_many(seeds)} seeds (there are {len(pair.seeds)})"] if seeds > len(pair.seeds) else []
        if wanted:
            lines.append(f"  To see {100 * pair.worth:g} points, {pair.other} needs {' and '.join(wanted)}.")
    return [Text(line) for line in lines]


def _effects(effects: Sequence[Effect]) -> list[RenderableType]:
    """Return what each level of a study's factors changes, all else held equal."""
    rows = [
        [
            f"{effect.factor}: {effect.level}",
            str(effect.pairs),
            *_change(effect.accuracy, 100),
            *_change(effect.macro_f1),
        ]
        for effect in effects
    ]
    table = _figures(["effect of", "pairs", "points", "95 %", "macro F1", "95 %"], rows)
    return [table, Text("  Mean paired change, over the pairs of experiments that differ in it alone.")]


def _change(found: Interval | None, scale: int = 1) -> tuple[str, str]:
    if found is None:
        return "–", "–"
    digits, of_ends = (2, 1) if scale == 100 else (3, 2)
    ends = f"{signed(scale * found.low, of_ends)}…{signed(scale * found.high, of_ends)}"
    return signed(scale * found.value, digits), ends


def _p(p: float) -> str:
    return f"{p:.3f}" if p >= 0.001 else "<0.001"


def _span(intervals: Mapping[str, Interval], name: str, scale: float) -> str:
    found = intervals.get(name)
    return span(found.low, found.high, scale) if found else "–"


def span(low: float, high: float, scale: float) -> str:
    """Return an interval, in per cent for a scale of 100."""
    digits = 1 if scale == 100 else 2
    return f"{scale * low:.{digits}f}–{scale * high:.{digits}f}"


def _class_f1(group: Group, start: int) -> Table:
    across = slice(start, start + CLASSES_ACROSS)
    columns = ["experiment", *(f"F1 {_cut(name)}" for name in short_names(group.classes)[across])]
    return _figures(
        columns, [[row_name(group, row), *(share(spread) for spread in row.f1[across])] for row in group.rows]
    )


def _intervals(group: Group) -> list[RenderableType]:
    """Return the 95 % intervals of the other figures, by slice and by subject."""
    scales = {"balanced_accuracy": ("bal. %", 100), "macro_f1": ("macro F1", 1)}
    scales |= {
        f"f1_{name}": (f"F1 {_cut(short)}", 1)
        for name, short in zip(group.classes, short_names(group.classes), strict=True)
    }
    by_slice = {row_name(group, row): row.intervals for row in group.rows if row.intervals}
    by_subject = {row_name(group, r): r.by_subject.intervals for r in group.rows if r.by_subject}
    names = list(scales)
    parts = [_spans("95 %", by_slice, {name: scales[name] for name in names[k : k + CLASSES_ACROSS]})
             for k in range(0, len(names), CLASSES_ACROSS)]  # fmt: skip
    of_subjects = {"accuracy": ("accuracy %", 100), **{name: scales[name] for name in names[:2]}}
    two_way = {"vote_accuracy": ("vote %", 100), "demented_accuracy": ("two-way %", 100), "demented_auc": ("AUC", 1)}
    parts += [_spans("by subject, 95 %", by_subject, of_figures) for of_figures in (of_subjects, two_way)]
    return [table for table in parts if table is not None]


def _spans(
    title: str, rows: Mapping[str, Mapping[str, Interval]], scales: Mapping[str, tuple[str, int]]
) -> Table | None:
    """Return a table of intervals, a column a figure; None where there are none."""
    if not any(name in found for found in rows.values() for name in scales):
        return None
    cells = [
        [name, *(_span(found, figure, scale) for figure, (_, scale) in scales.items())] for name, found in rows.items()
    ]
    return _figures([title, *(heading for heading, _ in scales.values())], cells)


def _subject_scores(group: Group) -> Table:
    """Return the scores by subject; `two-way` is the question demented or not, and AUC its area under the ROC curve."""
    columns = ["by subject", "n", "accuracy %", "macro F1", "vote %", "two-way %", "AUC"]
    rows = [
        [
            row_name(group, row),
            str(row.by_subject.subjects),
            percent(row.by_subject.accuracy, with_sd=False),
            share(row.by_subject.macro_f1, with_sd=False),
            percent(row.by_subject.vote_accuracy, with_sd=False),
            percent(row.by_subject.demented_accuracy, with_sd=False),
            share(row.by_subject.demented_auc, with_sd=False),
        ]
        for row in group.rows
        if row.by_subject
    ]
    return _figures(columns, rows)


def _figures(columns: Sequence[str], rows: Sequence[Sequence[str]], italic: int = 0) -> Table:
    """Return a table in which figures, and names of up to NAME_WIDTH characters, are never broken.

    Args:
        columns: Headings; they are broken between words where space is short.
        rows: A name and figures each; the first `italic` rows are shown in italics. Of very many the first are shown,
            and how many more there are.
    """
    hidden = len(rows) - MOST_ROWS
    if hidden > 0:
        rows = [*rows[:MOST_ROWS], [f"and {hidden:,} more", *[""] * (len(columns) - 1)]]
    caption = "All rows: --csv, --html or --json." if hidden > 0 else None
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False, caption=caption)
    for k, name in enumerate(columns):
        width = max([len(row[k]) for row in rows] + [len(word) for word in name.split()])
        if k == 0:
            table.add_column(name, overflow="fold", min_width=min(width, NAME_WIDTH))
        else:
            table.add_column(Text(name), justify="right", min_width=width)
    for k, row in enumerate(rows):
        table.add_row(*(Text(cell) for cell in row), style="italic" if k < italic else None)
    return table


def percent(spread: Spread | None, with_sd: bool = True) -> str:
    """Return a share as per cent with its standard deviation over seeds."""
    if spread is None:
        return "–"
    return f"{100 * spread.mean:.2f}" + (f" ±{100 * spread.sd:.2f}" if with_sd and spread.sd is not None else "")


def share(spread: Spread | None, with_sd: bool = True) -> str:
    """Return a figure in [0, 1] with its standard deviation over seeds."""
    if spread is None:
        return "–"
    return f"{spread.mean:.3f}" + (f" ±{spread.sd:.3f}" if with_sd and spread.sd is not None else "")


def _cut_name(name: str) -> str:
    return name if len(name) <= NAME_WIDTH - 8 else name[: NAME_WIDTH - 9] + "…"


def _cut(name: str) -> str:
    return name if len(name) <= HEADING_WIDTH else name[: HEADING_WIDTH - 1] + "…"
