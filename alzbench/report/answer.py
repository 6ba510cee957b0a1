"""The answer of a comparison in words: what is shown, what is not, and what it would take.

The terminal's summary, the page, Markdown and the W&B report all take their sentences from here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alzbench.compare import ExperimentRow, Group, Pair, Reference, binomial_interval
from alzbench.compare.labels import MARK
from alzbench.evaluation.metrics import ACCURACY, CLASS_HEADLINE, DEMENTED_AUC, METRICS, Metric
from alzbench.report.columns import metric_form, two_classes
from alzbench.report.document import UNDEFINED, Cell, as_cell
from alzbench.report.names import short_names
from alzbench.report.remarks import NO_LEAK, how_many, leak_mark, points

MACRO_F1 = METRICS["macro_f1"]
_MOST_LISTED = 2  # experiments in a sentence
_MOST_CLASSES = 6
_SIGNS = ("better", "worse")  # verdicts of differences that are shown
_VERDICTS = {"no difference shown": "not shown", "too few subjects": "too few"}


@dataclass(frozen=True)
class AnswerRow:
    """A row of the summary, as texts.

    Attributes:
        name: Name of the experiment, or of a published result.
        accuracy: With its interval.
        auc, macro_f1: Without; UNDEFINED if there is none.
        change: Points of accuracy against the baseline, and what is shown.
        differs: The settings that differ from the baseline's.
    """

    name: str
    accuracy: str
    auc: str = UNDEFINED
    macro_f1: str = UNDEFINED
    change: str = UNDEFINED
    differs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """The answer of a group.

    Attributes:
        headlines: Group and leakage, from the longest text to the shortest.
        experiments: Rows of the experiments: baseline and best first.
        published: Rows of published results.
        to_beat: Rows of sanity baselines, the strongest first.
        shown, not_shown: One sentence each, or more where rows cannot be compared.
        best_f1: The best F1 of each class; empty without scores.
        legend: How to read AUC and change.
    """

    headlines: tuple[str, ...]
    experiments: tuple[AnswerRow, ...]
    published: tuple[AnswerRow, ...]
    to_beat: tuple[AnswerRow, ...]
    shown: str
    not_shown: str
    best_f1: str
    legend: str

    @property
    def sentences(self) -> tuple[str, ...]:
        """The sentences that open a page."""
        return tuple(text for text in (self.shown, self.not_shown, self.best_f1) if text)


def answer(group: Group) -> Answer:
    """Return the answer of a group."""
    rows = [row for row in group.rows if not row.sanity]
    best = group.best.label if group.best else ""
    first = sorted(rows, key=lambda row: (row.label != group.baseline, row.label != best))
    sanity = sorted((row for row in group.rows if row.sanity), key=lambda row: -_accuracy(row))
    return Answer(
        headlines=_headlines(group),
        experiments=tuple(_row(group, row) for row in first),
        published=tuple(_published(reference) for reference in group.references),
        to_beat=tuple(_row(group, row) for row in sanity),
        shown=_shown(group),
        not_shown=_not_shown(group),
        best_f1=_best_f1(group),
        legend=_legend(group),
    )


def _accuracy(row: ExperimentRow) -> float:
    return row.scores[ACCURACY.name].mean if ACCURACY.name in row.scores else -1.0


def _headlines(group: Group) -> tuple[str, ...]:
    images = "no complete run" if not group.test_images else f"{group.test_images:,}"
    if group.test_images and group.most_test_images and group.most_test_images > group.test_images:
        images += f" to {group.most_test_images:,}"
    number = min((row.subjects for row in group.rows if row.subjects), default=None)
    test = f"{images} images" if group.test_images else images
    long, short = (
        test + (between.format(number) if number else "") for between in (" of {:,} subjects", ", {:,} subj.")
    )
    more = [f"where {group.where}"] if group.where else []
    more += [group.mark.lstrip(", ")] if group.mark else []
    one_split = [] if group.split_seed is None else ["one split"]
    demo = ["DEMO"] if group.demo else []
    leak = _leak(group)
    return tuple(
        " · ".join([*demo, *parts])
        for parts in (
            [f"{group.protocol} protocol", *one_split, long, *more, leak],
            [group.protocol, *one_split, long, *more, leak],
            [f"{group.protocol} protocol", *one_split, long, *more, leak.partition(":")[0]],
            [group.protocol, *one_split, short, *more, leak.partition(":")[0]],
            [group.protocol, *one_split, test, *more, leak.partition(":")[0]],
        )
    )


def _leak(group: Group) -> str:
    """Return the train/test leakage; what follows a colon may be left out."""
    if group.leaks_differ:
        return "leakage differs: do not compare"
    mark = leak_mark(group.leaks)
    if mark != "leaky":
        return mark or NO_LEAK
    counts, told, _ = group.leaks.partition(" test images are of subjects seen in training")
    seen, _, every = counts.partition(" of ")
    return f"leaky: {'all' if seen == every else counts} are of training subjects" if told else mark


def _row(group: Group, row: ExperimentRow) -> AnswerRow:
    marks = [leak_mark(row.leaks) or "no leak"] if group.leaks_differ and row.seeds and not row.sanity else []
    settings = group.differing.between(row.label, group.baseline)
    if row.label == group.baseline != row.name:  # shares its name: name what tells it apart
        settings = (row.label.removeprefix(row.name).removeprefix(MARK).strip(),)
    return AnswerRow(
        name=row.name,
        accuracy=_score(row, ACCURACY),
        auc=_score(row, DEMENTED_AUC, whole=False),
        macro_f1=_score(row, MACRO_F1, whole=False),
        change=_change(group, row),
        differs=(*marks, *settings) if not row.sanity else (),
    )


def _score(row: ExperimentRow, metric: Metric, whole: bool = True) -> str:
    if metric.name not in row.scores:
        return UNDEFINED
    cell = as_cell(row.scores[metric.name])
    return metric_form(metric).text(cell if whole else Cell(cell.value))


def _change(group: Group, row: ExperimentRow) -> str:
    if not row.seeds:
        return "not complete"
    if row.label == group.baseline:
        return "baseline"
    pair = next((pair for pair in group.pairs if pair.other == row.label), None)
    if pair is None:
        return "not paired"
    change = pair.differences[ACCURACY.name]
    if change is None:
        return "too few"
    value = metric_form(ACCURACY, signed=True).text(Cell(change.interval.value))
    return f"{value} {_VERDICTS.get(pair.verdict, pair.verdict)}"


def _published(reference: Reference) -> AnswerRow:
    accuracy = metric_form(ACCURACY).text(Cell(reference.accuracy, *binomial_interval(reference)))
    return AnswerRow(reference.name, accuracy, change="published")


def _shown(group: Group) -> str:
    """Return what is shown: against the baseline, and against the strongest sanity baseline."""
    if group.best is None:
        return "Nothing is shown: no experiment is complete."
    better, worse = ([_gain(pair) for pair in _against(group) if pair.verdict == verdict] for verdict in _SIGNS)
    parts = [f"{_listed(better)} {_are(better)} better than {group.baseline}"] if better else []
    parts += [f"{_listed(worse)} {_are(worse)} worse{'' if better else f' than {group.baseline}'}"] if worse else []
    beat = [pair.other for pair in group.untrained if pair.verdict == "better"]
    if beat:
        parts.append(f"{_listed(beat)} {'beats' if len(beat) == 1 else 'beat'} {_untrained(group)}")
    below = [pair.other for pair in group.untrained if pair.verdict == "worse"]
    parts += [f"{_listed(below)} {_are(below)} worse than {_untrained(group)}, which is not a network"] if below else []
    if not parts:
        return f"No difference in accuracy is shown{_why_nothing(group)}."
    return f"Shown{_scope(group)}: {'; '.join(parts)}."


def _scope(group: Group) -> str:
    """Return what the scores say nothing beyond."""
    if group.demo:
        return " on synthetic images"
    return " on subjects seen in training" if leak_mark(group.leaks) == "leaky" and not group.leaks_differ else ""


def _why_nothing(group: Group) -> str:
    complete = [row for row in group.rows if row.seeds]
    return ": there is one experiment, and nothing to compare it with" if len(complete) == 1 else ""


def _against(group: Group) -> list[Pair]:
    return [pair for pair in group.pairs if not pair.sanity]


def _gain(pair: Pair) -> str:
    change = pair.differences[ACCURACY.name]
    assert change is not None  # else nothing would be shown
    assert pair.p_holm is not None
    form, p = metric_form(ACCURACY, signed=True), "p < 0.001" if pair.p_holm < 0.001 else f"p {pair.p_holm:.3f}"
    return f"{pair.other} ({form.text(as_cell(change)).replace(' (', ' points, ', 1).rstrip(')')}, {p})"


def _not_shown(group: Group) -> str:
    """Return which differences are not shown, and the subjects and seeds that it would take."""
    if group.best is None:
        return ""
    open_pairs = [pair for pair in _against(group) if pair.verdict not in _SIGNS]
    parts = []
    if open_pairs:
        parts.append(f"that {_listed([pair.other for pair in open_pairs], 'or')} differs from {group.baseline}")
    unbeaten = [pair for pair in group.untrained if pair.verdict not in _SIGNS]
    if unbeaten:
        parts.append(f"that {_listed([pair.other for pair in unbeaten], 'or')} beats {_untrained(group)}")
    further = _against_atrophy(group)
    parts += [further] if further else []
    if not parts:
        return _one_seed(group)
    needs = _needs([*open_pairs, *unbeaten])
    return f"Not shown: {'; '.join(parts)}.{f' {needs}' if needs else ''}"


def _against_atrophy(group: Group) -> str:
    names = [found.other for found in group.atrophy if not found.beats]
    if not names:
        return ""
    return f"that {_listed(names, 'or')} has a higher AUC than {group.atrophy[0].untrained}"


def _one_seed(group: Group) -> str:
    one = [row for row in group.rows if not row.sanity and len(row.seeds) == 1]
    return "One seed says nothing about other seeds." if one else ""


def _needs(pairs: Sequence[Pair]) -> str:
    """Return the largest numbers needed for differences that are not shown, where more than there are."""
    intervals = [(pair, change.interval) for pair in pairs if (change := pair.differences[ACCURACY.name])]
    subjects = [(pair.subjects_needed or 0, found.clusters) for pair, found in intervals if pair.by == "subject"]
    seeds = [(pair.seeds_needed or 0, len(pair.seeds)) for pair, _ in intervals]
    wanted = [
        f"{how_many(needed)} {name} (of {there:,})"
        for name, numbers in (("test subjects", subjects), ("seeds", seeds))
        for needed, there in [max(numbers, default=(0, 0))]
        if needed > there
    ]
    if not wanted:
        return ""
    most = "up to" if len(pairs) > 1 else "about"
    return f"To detect {points(pairs[0].min_effect)} takes {most} {' and '.join(wanted)}."


def _untrained(group: Group) -> str:
    return group.untrained[0].baseline


def _listed(names: Sequence[str], last: str = "and") -> str:
    """Return names as a list of few: `a`, `a and b`, `a, b and 3 more`."""
    if len(names) > _MOST_LISTED:
        names = [*names[:_MOST_LISTED], f"{len(names) - _MOST_LISTED} more"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}"


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _best_f1(group: Group) -> str:
    """Return the best F1 of each class, by experiment."""
    best: dict[str, list[str]] = {}
    shown = group.classes[:_MOST_CLASSES]
    for name, short in zip(shown, short_names(group.classes), strict=False):
        scores = {
            row.label: row.class_scores[CLASS_HEADLINE.name][name].mean
            for row in group.rows
            if not row.sanity and name in row.class_scores.get(CLASS_HEADLINE.name, {})
        }
        if scores:
            label = max(scores, key=lambda key: scores[key])
            best.setdefault(label, []).append(f"{short} {scores[label]:.{CLASS_HEADLINE.digits}f}")
    if not best:
        return ""
    only = len({row.label for row in group.rows if not row.sanity and row.seeds}) == 1
    each = [", ".join(texts) if only else f"{', '.join(texts)} ({label})" for label, texts in best.items()]
    more = len(group.classes) - len(shown)
    return f"Best F1: {'; '.join(each)}{f' and {more} more classes' if more else ''}."


def _legend(group: Group) -> str:
    parts = ["change: points of accuracy"] if len(group.rows) > 1 else []
    if group.healthy:
        parts.insert(0, f"AUC: {two_classes(group.classes, group.healthy)}, by subject")
    return "; ".join(parts)
