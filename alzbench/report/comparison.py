"""The document of a comparison: one record per experiment, from which all tables take their columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

from alzbench import __version__
from alzbench.compare import Comparison, Effect, ExperimentRow, Group, Pair, Reference, binomial_interval
from alzbench.compare.disagreements import DisputedSubject, disputed_subjects
from alzbench.compare.predictions import GroupPredictions
from alzbench.evaluation.differences import paired_metrics
from alzbench.evaluation.metrics import ACCURACY, CLASS_HEADLINE, DEMENTED_AUC, Metric, metrics
from alzbench.evaluation.scores import Scores
from alzbench.report.answer import answer
from alzbench.report.columns import (
    COUNT,
    P_VALUE,
    SHARE,
    change_column,
    class_columns,
    class_keys,
    headline_first,
    metric_column,
    metric_form,
    worded,
)
from alzbench.report.document import UNDEFINED, Cell, Column, Document, Form, Section, Table, make_table
from alzbench.report.explanation import verdicts_table
from alzbench.report.remarks import (
    group_notes,
    group_warnings,
    how_many,
    points,
    reference_sources,
    row_name,
    without_predictions,
)
from alzbench.report.shown_maps import ShownMaps
from alzbench.report.subgroups import compared_subgroups

MOST_DISPUTED = 12  # subjects
ABOUT = (
    f"alzbench {__version__}; the runs of a section have the same test images for each seed, so they can be compared."
)
_NAME = Column("name", "experiment")
_SEEDS = Column("counted_seeds", "seeds", COUNT)
_P_HOLM = f"{change_column(ACCURACY).key}_p_holm"
_POINTS = metric_form(ACCURACY, signed=True)
_VERDICTS = {"no difference shown": "none shown"}


def comparison_document(
    comparison: Comparison, predictions: Sequence[GroupPredictions] = (), maps: Sequence[ShownMaps | None] = ()
) -> Document:
    """Return the document of a comparison.

    Args:
        comparison: The comparison.
        predictions: Those of each group, see `compare.predictions.read_group`. Without them, the document has no
            scores of probabilities and no disagreements.
        maps: Those of each group, see `shown_maps.read_group_maps`.
    """
    parts = [
        _Part(group, predictions[k] if predictions else None, maps[k] if maps else None)
        for k, group in enumerate(comparison.groups)
    ]
    left_out = tuple(f"{sentence}." for sentence in comparison.left_out)
    records = [record for part in parts for record in [*part.records, *part.effects]]
    return Document(
        "Comparison",
        ABOUT,
        tuple(replace(part.section, notes=(*left_out, *part.section.notes)) for part in parts),
        make_table("", _export_columns(parts, records), records),
        {"groups": [part.data for part in parts], "left_out": comparison.left_out},
    )


@dataclass(frozen=True)
class _Part:
    """A group, and the predictions and maps of its first experiments if they are read."""

    group: Group
    predictions: GroupPredictions | None
    maps: ShownMaps | None

    @cached_property
    def records(self) -> list[dict[str, Any]]:
        """The references and experiments: the key of a column -> its value."""
        pairs = {pair.other: pair for pair in self.group.pairs}
        return [
            *map(self._reference, self.group.references),
            *(record for row in self.group.rows for record in self._with_ensemble(row, pairs.get(row.label))),
        ]

    def _with_ensemble(self, row: ExperimentRow, pair: Pair | None) -> list[dict[str, Any]]:
        """Return the record of an experiment, and that of the ensemble of its seeds if there is one."""
        records = [self._row(row) | _pair_values(pair)]
        ensemble = self.predictions.ensembles.get(row.label) if self.predictions else None
        if ensemble is not None:
            names, scores = class_keys(self.group.classes), ensemble.scores
            own = {f"{m}_{names[name]}": s for m, each in scores.by_class.items() for name, s in each.items()}
            records.append(
                self._about | {
                    "weak": False, "name": f"{row.label}: {ensemble.label}", "leaks": row.leaks,
                    "experiment": f"{row.label}: {ensemble.label}", "kind": "ensemble", "test_images": ensemble.images,
                    "counted_seeds": len(ensemble.seeds), "seeds": len(ensemble.seeds), "subjects": scores.subjects,
                    **scores.overall, **own, "by": scores.by,
                }
            )  # fmt: skip
        return records

    @cached_property
    def effects(self) -> list[dict[str, Any]]:
        """The effects of a study's factors, likewise."""
        return [self._about | _effect_values(effect) for effect in self.group.effects]

    @cached_property
    def disputed(self) -> list[DisputedSubject]:
        """The subjects on which experiments disagree; none without predictions."""
        return disputed_subjects(self.predictions) if self.predictions else []

    @property
    def _about(self) -> dict[str, Any]:
        return {"protocol": self.group.protocol, "data": self.group.data, "demo": self.group.demo}

    def _reference(self, reference: Reference) -> dict[str, Any]:
        return self._about | {
            "weak": True, "name": reference.name, "counted_seeds": 1, "leaks": self.group.leaks,
            "experiment": reference.name, "kind": "reference", "test_images": reference.test_images,
            ACCURACY.name: Cell(reference.accuracy, *binomial_interval(reference)),
        }  # fmt: skip

    def _row(self, row: ExperimentRow) -> dict[str, Any]:
        further = self.predictions.scores.get(row.label, Scores()) if self.predictions else Scores()
        overall = {**row.scores, **further.overall}
        by_class = {**row.class_scores, **further.by_class}
        names = class_keys(self.group.classes)
        return self._about | {
            "weak": row.sanity, "name": row_name(self.group, row), "counted_seeds": len(row.seeds), "leaks": row.leaks,
            "experiment": row.label, "differs": ", ".join(self.group.differing.between(row.label, self.group.baseline)),
            "kind": "sanity" if row.sanity else "experiment",
            "test_images": self.group.test_images, "seeds": len(row.seeds), "subjects": row.subjects,
            **{metric.name: None for metric in _changed()}, **overall,
            **{f"{CLASS_HEADLINE.name}_{names[name]}": None for name in self.group.classes},
            **{f"{metric}_{names[name]}": s for metric, scores in by_class.items() for name, s in scores.items()},
            **{f"minus {name}": value for name, value in row.difference.items()},
            "by": row.by, "unpaired": row.unpaired, "left_out": "; ".join(row.left_out),
            "unfinished": len(row.unfinished),
        }  # fmt: skip

    @property
    def section(self) -> Section:
        """All tables, with warnings and notes."""
        by_class = {metric: self._by_class(metric) for metric in metrics(level="image", per_class=True)}
        first = [table for metric, table in by_class.items() if metric.headline]
        further = [table for metric, table in by_class.items() if not metric.headline and metric.needs == "counts"]
        areas = [table for metric, table in by_class.items() if metric.needs == "probabilities"]
        tables = [
            self._settings(), self._overall(), *first, self._pairs(), self._effects(), self._by_subject(), *further,
            self._probabilities(), *areas, self._disputed(), self._subgroups(),
            verdicts_table(self.maps.runs) if self.maps else None,
        ]  # fmt: skip
        notes = group_notes(self.group) + (self.maps.notes if self.maps else ())
        if self.predictions:
            notes += without_predictions(self.predictions.without)
        shown = tuple(table for table in tables if table and table.rows)
        return Section(
            self.group.title, group_warnings(self.group), shown, notes, reference_sources(self.group),
            answer(self.group).sentences,
        )  # fmt: skip

    def _settings(self) -> Table | None:
        """Return the settings in which the experiments differ; None if they do in none."""
        differing = self.group.differing
        if not differing.names:
            return None
        columns = [_NAME, *(Column(f"setting {name}", name) for name in differing.names)]
        records = [
            {"name": row_name(self.group, row),
             **{f"setting {name}": differing.values[row.label].get(name, UNDEFINED) for name in differing.names}}
            for row in self.group.rows if row.label in differing.values
        ]  # fmt: skip
        return make_table("Settings that differ", columns, records, "", "settings")

    def _overall(self) -> Table:
        first, *others = headline_first(metrics(level="image", needs="counts", per_class=False))
        note = "Means over the seeds, with 95 % intervals over seeds and test subjects."
        areas = []
        if any(record.get(DEMENTED_AUC.name) is not None for record in self.records):
            auc = self._worded(DEMENTED_AUC)
            areas = [metric_column(auc)]
            note += f" {auc.short}: {auc.label}, of subjects by the mean of their slices."
        if any(record["kind"] == "ensemble" for record in self.records):
            note += " An ensemble is one prediction, the mean of the seeds, with an interval over test subjects."
        columns = [
            _NAME, _SEEDS, metric_column(first), *areas, *_versus(self.group.references), *map(metric_column, others)
        ]  # fmt: skip
        return make_table("By slice", columns, self.records, note, "overall")

    def _worded(self, metric: Metric) -> Metric:
        return worded(metric, self.group.classes, self.group.healthy)

    def _by_class(self, metric: Metric) -> Table | None:
        columns = class_columns(metric, self.group.classes)
        records = self._with(columns)
        spread = " ± standard deviation" if metric.needs == "counts" else ""
        note = f"Means over the seeds{spread}, with 95 % intervals."
        title = f"{metric.label[:1].upper()}{metric.label[1:]} by class"
        return make_table(title, [_NAME, *columns], records, note, metric.name, metric.headline)

    def _pairs(self) -> Table | None:
        pairs = self.group.pairs
        if not pairs:
            return None
        by = pairs[0].by
        first, *others = [change_column(metric) for metric in _changed(pairs)]
        columns = [
            _NAME, Column("paired_seeds", "seeds", COUNT), first, Column(_P_HOLM, "p, Holm", P_VALUE),
            Column("shown_verdict", "difference"), Column("mcnemar_p", "McNemar p", P_VALUE), *others,
            Column("subjects_needed", f"{by}s needed", Form(words=how_many), terminal=False),
            Column("seeds_needed", "seeds needed", Form(words=how_many), terminal=False),
        ]  # fmt: skip
        note = (
            "Paired on the same test images and seeds. p, Holm: test of no difference in accuracy, corrected by Holm's "
            "method, separately for sanity baselines. McNemar p: exact test by "
            f"{by}, for the first common seed. Needed: to detect {points(pairs[0].min_effect)} with a power of 80 %."
        )
        names = {row.label: row_name(self.group, row) for row in self.group.rows}
        records = [record for record in self.records if "against" in record]
        return make_table(f"Versus {names[pairs[0].baseline]}", columns, records, note, "pairs")

    def _effects(self) -> Table:
        columns = [
            Column("experiment", "effect of"), Column("pairs", "pairs", COUNT), *map(change_column, _changed())
        ]  # fmt: skip
        note = (
            "Mean paired change from the base's level, over the pairs of experiments that differ in this factor only."
        )
        return make_table("Effects of the factors", columns, self.effects, note, "effects")

    def _by_subject(self) -> Table:
        # without a class of healthy people, no experiment has scores of this view
        views = {m.view for m in metrics(level="subject") if any(r.get(m.name) is not None for r in self.records)}
        shown = [m for m in headline_first(metrics(level="subject")) if m.view != "demented" or m.view in views]
        columns = [metric_column(self._worded(metric)) for metric in shown]
        records = [record for record in self._with(columns) if record.get("subjects") is not None]
        note = (
            "Each subject is classified once, by the mean probabilities or by the vote of its slices. Means over the "
            "seeds, with 95 % intervals over seeds and subjects."
        )
        columns = [_NAME, Column("subjects", "subjects", COUNT), *columns]
        return make_table("By subject", columns, records, note, "by_subject")

    def _probabilities(self) -> Table | None:
        if not self.predictions:
            return None
        columns = [metric_column(metric) for metric in metrics("image", "probabilities", per_class=False)]
        records = [
            record
            for record in self._with(columns)
            if record["experiment"] in self.predictions.scores or record["kind"] == "ensemble"
        ]
        note = (
            "Means over the seeds, with 95 % intervals over seeds and test subjects. Lower is better for the loss and "
            "the calibration error."
        )
        return make_table("Probabilities", [_NAME, *columns], records, note, "probabilities", terminal=False)

    def _subgroups(self) -> Table | None:
        if not self.predictions:
            return None
        return compared_subgroups(self.predictions.subgroups, self._worded(DEMENTED_AUC))

    def _disputed(self) -> Table | None:
        return _disputed(self.disputed) if self.disputed else None

    def _with(self, columns: Iterable[Column]) -> list[dict[str, Any]]:
        """Return the records of experiments that have a value in one of the columns."""
        keys = [column.key for column in columns]
        return [
            record
            for record in self.records
            if record["kind"] != "reference" and any(record.get(key) is not None for key in keys)
        ]

    @property
    def data(self) -> dict[str, Any]:
        """The group, and the results from the predictions of its first experiments."""
        predictions = self.predictions
        references = [{**dict(r), "interval": binomial_interval(r)} for r in self.group.references]
        return {
            **{field.name: getattr(self.group, field.name) for field in fields(self.group)},
            "references": references,
            "probabilities": predictions.scores if predictions else {},
            "without_predictions": predictions.without if predictions else (),
            "disputed_subjects": self.disputed,
            "subgroups": predictions.subgroups if predictions else {},
            "ensembles": predictions.ensembles if predictions else {},
        }


def _versus(references: Sequence[Reference]) -> list[Column]:
    """Return the columns of the difference to published results."""
    names = [reference.name for reference in references]
    short = "vs ref." if len(names) == 1 else ""
    return [Column(f"minus {name}", f"points vs {name}", _POINTS, short) for name in names]


def _changed(pairs: Sequence[Pair] = ()) -> list[Metric]:
    """Return the metrics whose paired change is computed; the ROC AUC by subject only if one of the pairs has it."""
    by_subject = [DEMENTED_AUC] if any(DEMENTED_AUC.name in pair.differences for pair in pairs) else []
    return headline_first([*paired_metrics(), *by_subject])


def _pair_values(pair: Pair | None) -> dict[str, Any]:
    """Return the values of the difference to the baseline."""
    if pair is None:
        return {}
    known = {name: change for name, change in pair.differences.items() if change is not None}
    return {
        "against": pair.baseline, "paired_seeds": len(pair.seeds),
        **{f"change_{name}": change for name, change in known.items()},
        **{f"change_{name}_p": change.p for name, change in known.items()},
        _P_HOLM: pair.p_holm, "mcnemar_p": pair.mcnemar, "verdict": pair.verdict,
        "shown_verdict": _VERDICTS.get(pair.verdict, pair.verdict), "subjects_needed": pair.subjects_needed,
        "seeds_needed": pair.seeds_needed,
    }  # fmt: skip


def _effect_values(effect: Effect) -> dict[str, Any]:
    """Return the values of the effect of a factor's level."""
    changes = {f"change_{name}": change for name, change in effect.changes.items() if change is not None}
    return {"experiment": f"{effect.factor}: {effect.level}", "kind": "effect", "pairs": effect.pairs, **changes}


def _disputed(subjects: Sequence[DisputedSubject]) -> Table:
    """Return the subjects on which the experiments differ most."""
    columns = [
        Column("subject", "subject"), Column("label", "true"), Column("slices", "slices", COUNT),
        Column("differ", "differ", COUNT), *(Column(f"right {name}", name, SHARE) for name in subjects[0].right),
    ]  # fmt: skip
    records = [
        {**vars(subject), **{f"right {name}": share for name, share in subject.right.items()}}
        for subject in subjects[:MOST_DISPUTED]
    ]
    note = (
        f"Slices predicted correctly by each experiment, in per cent, for the first common seed. {len(subjects):,} "
        f"subjects have slices that experiments predict differently; the {len(records)} most disputed are shown."
    )
    return make_table("Disagreements by subject", columns, records, note, "disputed", terminal=False)


def _export_columns(parts: Sequence[_Part], records: Sequence[Mapping[str, Any]]) -> list[Column]:
    """Return the columns of the wide table: all that at least one record has."""
    classes = list(dict.fromkeys(name for part in parts for name in part.group.classes))
    references = list(dict.fromkeys(r for part in parts for r in part.group.references))
    every = _changed([pair for part in parts for pair in part.group.pairs])
    changes = [(change_column(m), Column(f"change_{m.name}_p", "")) for m in every]
    columns = [
        *_plain(
            "protocol", "data", "demo", "leaks", "experiment", "differs", "kind", "test_images", "seeds", "subjects"
        ),
        *(metric_column(metric) for metric in metrics(per_class=False)),
        *(column for metric in metrics(per_class=True) for column in class_columns(metric, classes)),
        *_versus(references),
        *_plain("by", "unpaired", "left_out", "unfinished", "against", "paired_seeds"),
        *(column for pair in changes for column in pair),
        *_plain(_P_HOLM, "mcnemar_p", "verdict", "subjects_needed", "seeds_needed", "pairs"),
    ]
    present = {key for record in records for key in record}
    return [column for column in columns if column.key in present]


def _plain(*keys: str) -> list[Column]:
    return [Column(key, key) for key in keys]
