"""Tables of the scores of subgroups of the test images, by age and sex."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alzbench.evaluation.intervals import FEWEST_CLUSTERS
from alzbench.evaluation.metrics import Metric, metrics
from alzbench.evaluation.subgroups import SubgroupScores
from alzbench.report.columns import COUNT, headline_first, metric_form, metric_name
from alzbench.report.document import Column, Table, make_table

_NOTE = (
    "Each subgroup with 95 % intervals over its own test subjects; no interval with fewer than "
    f"{FEWEST_CLUSTERS} of them. Differences between subgroups are not tested."
)


def run_subgroups(scored: Sequence[SubgroupScores], auc: Metric) -> Table | None:
    """Return the table of a run's subgroups, one row each; None if there are none. `auc`: DEMENTED_AUC as worded."""
    return _table([_record(subgroup) for subgroup in scored], [], auc)


def compared_subgroups(scored: Mapping[str, Sequence[SubgroupScores]], auc: Metric) -> Table | None:
    """Return the table of the subgroups of several experiments, those of one subgroup below each other."""
    records = [_record(subgroup) | {"name": label} for label, each in scored.items() for subgroup in each]
    names = list(dict.fromkeys(record["subgroup"] for record in records))
    return _table(
        sorted(records, key=lambda record: names.index(record["subgroup"])), [Column("name", "experiment")], auc
    )


def _record(subgroup: SubgroupScores) -> dict[str, Any]:
    about = {"subgroup": subgroup.name, "subjects": subgroup.scores.subjects, "images": subgroup.images}
    return about | dict(subgroup.scores.overall)


def _table(records: Sequence[dict[str, Any]], names: Sequence[Column], auc: Metric) -> Table | None:
    if not records:
        return None
    shown = [*headline_first(metrics("image", "counts", per_class=False)), auc]
    columns = [
        Column("subgroup", "subgroup"), *names,
        Column("subjects", "subjects", COUNT), Column("images", "images", COUNT),
        *(Column(metric.name, metric_name(metric), metric_form(metric)) for metric in shown),
    ]  # fmt: skip
    return make_table("Subgroups", columns, records, _NOTE, "subgroups", terminal=False)
