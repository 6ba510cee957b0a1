"""The section of published results: each beside the experiments here, and the protocols that reproduce it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from alzbench.compare import Comparison
from alzbench.compare.literature import PublishedResult, Reproduction, reproductions
from alzbench.errors import DataError
from alzbench.report.document import Cell, Column, Document, Form, Section, make_table

_FORMS = {"accuracy": Form(digits=2, scale=100), "macro_f1": Form(digits=3), "roc_auc": Form(digits=3)}
_RANGES = {**_FORMS, "accuracy": Form(digits=1, scale=100)}
_LABELS = {"accuracy": "accuracy %", "macro_f1": "macro F1", "roc_auc": "ROC AUC"}


def with_published(document: Document, comparison: Comparison, results: Sequence[PublishedResult]) -> Document:
    """Return the document of a comparison with a section of published results.

    Raises:
        DataError: No experiment has a score that one of the results can be compared with.
    """
    if not results:
        return document
    found = reproductions(results, comparison)
    section = published_section(found)
    if section is None:
        raise DataError(
            "Published results must be of the task and unit of a compared experiment, and none of these is (four "
            "classes by image, or demented or not by subject; demos and subgroups do not count). Compare other runs."
        )
    return replace(document, sections=(*document.sections, section), data={**document.data, "published": found})


def published_section(found: Sequence[Reproduction]) -> Section | None:
    """Return the published scores, one to a row, with the scores here under each protocol; None without any."""
    if not found:
        return None
    protocols = list(dict.fromkeys(each.protocol for each in found))
    by_score: dict[tuple[PublishedResult, str], dict[str, list[Reproduction]]] = {}
    for each in found:  # other results may have the same name, and other groups the same protocol
        by_score.setdefault((each.result, each.metric), {}).setdefault(each.protocol, []).append(each)
    scores = [[_merged(same) for same in under.values()] for under in by_score.values()]
    columns = [
        Column("result", "published result"),
        Column("metric", "metric"),
        Column("value", "published", Form()),
        *(Column(f"here {protocol}", protocol) for protocol in protocols),
        Column("reproduced", "reproduced under", short="reproduced"),
        Column("by", "by", terminal=False),
        Column("size", "test size", Form(), terminal=False),
        Column("split", "split, as told", terminal=False),
        Column("data", "data, as told", terminal=False),
    ]
    note = (
        "Under each protocol: the lowest and the highest score of the experiments here. A protocol reproduces a "
        "published score if the 95 % interval of one of them contains it. That does not show how it was measured."
    )
    records = [_record(each) for each in scores]
    table = make_table("Published results", columns, records, note, "published")
    sources = tuple(dict.fromkeys(f"{each.result.name}: {each.result.source}." for each in found))
    return Section("Published results", tables=(table,), sources=sources, answer=(summary(scores),))


def _merged(same: Sequence[Reproduction]) -> Reproduction:
    """Return a score under one protocol, beside the experiments of all groups with this protocol."""
    low, high = min(each.low for each in same), max(each.high for each in same)
    by = tuple(dict.fromkeys(label for each in same for label in each.by))
    return replace(same[0], low=low, high=high, by=by, exceeded=all(each.exceeded for each in same))


def summary(scores: Iterable[Sequence[Reproduction]]) -> str:
    """Return how many published scores are reproduced under which protocols, in a sentence or two."""
    every = list(scores)
    protocols = list(dict.fromkeys(each.protocol for same in every for each in same))
    counts = {protocol: sum(1 for same in every for each in same if each.protocol == protocol and each.by)
              for protocol in protocols}  # fmt: skip
    reached = sum(1 for same in every if any(each.by for each in same))
    above = sum(1 for same in every if all(not each.by and each.value > each.high for each in same))
    under = ", ".join(f"{count} under {protocol}" for protocol, count in counts.items())
    return f"{reached} of {len(every)} published scores are reproduced ({under}); {above} are higher than any here."


def _record(same: Sequence[Reproduction]) -> Mapping[str, Any]:
    first = same[0]
    result, form = first.result, _FORMS[first.metric]
    reproducing = [each for each in same if each.by]
    return {
        "result": result.name,
        "metric": _LABELS[first.metric] + _unit(result),
        "value": Cell(first.value, form=form),
        **{f"here {each.protocol}": _range(each, _RANGES[first.metric]) for each in same},
        "reproduced": ", ".join(each.protocol for each in reproducing) or "none",
        "by": "; ".join(f"{each.protocol}: {', '.join(each.by)}" for each in reproducing),
        "size": result.test_size,
        "split": result.split,
        "data": result.data,
    }


def _unit(result: PublishedResult) -> str:
    """Return what is classified, where it is not each image by its stage."""
    if result.task == "demented or not":
        return ", demented or not"
    return ", by subject" if result.unit == "subject" else ""


def _range(each: Reproduction, form: Form) -> str:
    low, high = (form.text(Cell(value)) for value in (each.low, each.high))
    return low if low == high else f"{low}–{high}"
