"""Documents of one stored run, with its scores and errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from alzbench import __version__
from alzbench.data.unused import unused_text
from alzbench.errors import DataError
from alzbench.evaluation.intervals import FEWEST_CLUSTERS
from alzbench.evaluation.metrics import CLASS_HEADLINE, DEMENTED_AUC, METRICS, Metric, metrics
from alzbench.evaluation.predictions import errors
from alzbench.evaluation.scores import Score, Scores, scores_of_run
from alzbench.evaluation.subgroups import SubgroupScores, find_subgroups, score_subgroups
from alzbench.evaluation.subjects import combine
from alzbench.report.columns import COUNT, PROBABILITY, SHARE, metric_form, metric_name, worded
from alzbench.report.document import Cell, Column, Document, Form, Section, Table, as_cell, make_table
from alzbench.report.remarks import run_warnings
from alzbench.report.subgroups import run_subgroups
from alzbench.store import Run

MOST_ERRORS = 20


@dataclass(frozen=True)
class ScoredRun:
    """A complete run with its scores, computed once for its page, CSV and JSON.

    Attributes:
        run: The run.
        scores: Its test scores; the intervals are over the test part only and say nothing about other seeds.
        validation: Metric -> its value on the validation part.
        images: Class -> number of test images.
        labels_only: The reason why there are no scores of probabilities; empty if there are.
        table: Its predictions; None if they are not read.
        subgroups: Its scores by age and sex; empty without these, or without its predictions.
    """

    run: Run
    scores: Scores
    validation: Mapping[str, float | None]
    images: Mapping[str, int]
    labels_only: str
    table: pd.DataFrame | None
    subgroups: Sequence[SubgroupScores] = ()

    @property
    def has_healthy(self) -> bool:
        """False if the scores by subject have no class of healthy people."""
        subjects = self.run.evaluation().subjects
        return subjects is None or subjects.demented is not None


def score_run(run: Run, predictions: bool = True) -> ScoredRun:
    """Score a complete run.

    Args:
        run: The run.
        predictions: Read its predictions, for the scores of probabilities and for its errors.

    Raises:
        DataError: It is not complete, has no test scores, or its files are damaged or missing.
    """
    if run.card.trial is not None:
        raise DataError(
            f"{run.name} is a trial of a sweep, and trials have no test scores; report the best experiment instead."
        )
    if run.card.state != "complete":
        raise DataError(f"{run.name} must be complete for a report; it is {run.card.state}. Repeat the run first.")
    if predictions and not run.has_predictions():
        raise DataError(f"{run.path} has no predictions.csv; repeat the run with --force.")
    stored, table = run.metrics(), run.predictions() if predictions else None
    likely = None if stored.labels_only else table
    scores = scores_of_run(run.card.seed, stored.evaluation, run.counts(), likely)
    if stored.labels_only:
        scores = replace(scores, overall={k: v for k, v in scores.overall.items() if _of_labels(METRICS[k])})
    per_class = stored.evaluation.images.per_class
    described = run.described() if table is not None else None
    found = {} if described is None else find_subgroups(described)
    tables = {} if table is None else {run.card.seed: table}
    return ScoredRun(
        run,
        scores,
        stored.validation.scores if stored.validation else {},
        {name: int(values.get("support") or 0) for name, values in per_class.items()},
        stored.labels_only,
        table,
        score_subgroups(tables, found, not stored.labels_only, stored.healthy_label),
    )


def _of_labels(metric: Metric) -> bool:
    """Return True if a metric needs only predicted labels, and no probabilities or their mean."""
    return metric.needs == "counts" and metric.view != "mean"


def summary_document(run: Run) -> Document:
    """Return the document of any stored run, without the tables that need its predictions."""
    if run.is_scored:
        return run_document(score_run(run, predictions=False))
    tables = [_about(run)]
    if run.card.state == "complete":
        scores = run.metrics().validation
        values = {name: Cell(value) for name, value in (scores.scores if scores else {}).items()}
        tables.append(_overall({}, values, "Validation scores only: a trial never reads the test part."))
    return _document(run, f"{run.card.protocol} protocol, seed {run.card.seed}", tables)


def run_document(scored: ScoredRun) -> Document:
    """Return the document of a complete run."""
    run, table, scores = scored.run, scored.table, scored.scores
    note = f"95 % intervals over test {scores.by}s; one seed says nothing about other seeds." if scores.by else ""
    if scored.labels_only:
        note = f"{note} No loss, calibration or curves, because {scored.labels_only}.".lstrip()
    every = {} if table is None else dict.fromkeys(m.name for m in metrics(level="image", per_class=False))
    tables = [
        _about(run),
        _overall({**every, **_image_scores(scores)}, scored.validation, note),
        _by_class("By class", CLASS_HEADLINE.name, metrics(needs="counts", per_class=True), scored),
    ]
    if table is not None and not scored.labels_only:
        tables.append(
            _by_class("Probabilities", "probabilities", metrics(needs="probabilities", per_class=True), scored)
        )
    if scores.subjects is not None:
        tables.append(_by_subject(scored))
        tables += [] if table is None else [_wrong_subjects(table)]
    tables += [subgroups] if (subgroups := run_subgroups(scored.subgroups, _worded(DEMENTED_AUC, run))) else []
    if table is not None:
        tables.append(_errors(table, confident=not scored.labels_only))
    seed = f"seed {run.card.seed}" + ("" if run.card.fold is None else f", fold {run.card.fold}")
    images = sum(scored.images.values())
    title = f"{run.card.protocol} protocol, {seed}, {images:,} test images, data {run.card.data[:6]}"
    data = {
        "path": run.path,
        **dict(run.card),
        "by": scores.by,
        "subjects": scores.subjects,
        "labels_only": scored.labels_only,
        "scores": scores.overall,
        "class_scores": scores.by_class,
        "images": scored.images,
        "validation": scored.validation,
        "subgroups": scored.subgroups,
    }
    return replace(_document(run, title, tables), export=_export(scored), data=data)


def _document(run: Run, title: str, tables: Iterable[Table]) -> Document:
    notes = (run.card.description,) if run.card.description else ()
    section = Section(title, run_warnings(run.card), tuple(tables), notes)
    return Document(f"{run.card.experiment}, {run.path.name}", f"alzbench {__version__}", (section,))


def _about(run: Run) -> Table:
    card = run.card
    about = {
        "state": card.state + (f" ({card.error})" if card.error else ""),
        "variant": card.variant,
        "protocol": card.protocol,
        "data": card.data,
        "folder": str(run.path),
    }
    if card.trial is not None:
        about["trial"] = f"{card.trial} of the sweep {card.experiment}"
    elif card.state == "complete":
        stored = run.metrics()
        if stored.kept_epoch is not None:
            about["kept"] = f"epoch {stored.kept_epoch} of {stored.epochs} ({stored.keep})"
        if stored.duration_s:
            about["seconds"] = ", ".join(f"{step} {value:.1f}" for step, value in stored.duration_s.items())
        left_out = (
            [f"{stored.skipped_images} unreadable images, listed in skipped.csv"] if stored.skipped_images else []
        )
        if stored.left_out_images:
            number = sum(int(row["images"]) for row in stored.left_out_images)
            left_out.append(f"{number:,} images outside the set, listed in left_out.csv")
        if left_out:
            about["left out"] = "; ".join(left_out)
        if stored.unused_images:
            about["not used"] = unused_text(stored.unused_images)
    columns = [Column("what", "run"), Column("value", run.name)]
    return make_table("Run", columns, [{"what": what, "value": value} for what, value in about.items()])


def _image_scores(scores: Scores) -> dict[str, Score]:
    return {name: score for name, score in scores.overall.items() if METRICS[name].level == "image"}


def _overall(test: Mapping[str, Score | None], validation: Mapping[str, Any], note: str) -> Table:
    """Return a row for each metric over all classes."""
    columns = [
        Column("metric", "metric"), Column("test", "test", Form()),
        Column("validation", "validation", Form()),
    ]  # fmt: skip
    shown = [metric for metric in metrics(level="image", per_class=False) if metric.name in {**test, **validation}]
    records = [_record(metric, test=test.get(metric.name), validation=validation.get(metric.name)) for metric in shown]
    return make_table("Scores", columns, records, note, "overall")


def _record(metric: Metric, **values: Any) -> dict[str, Any]:
    """Return a row of values of a metric, in the format of the metric."""
    form = metric_form(metric)
    return {"metric": metric_name(metric), **{key: replace(as_cell(value), form=form) for key, value in values.items()}}


def _by_class(title: str, key: str, shown: Sequence[Metric], scored: ScoredRun) -> Table:
    """Return a row for each class."""
    columns = [
        Column("class", "class"), *(Column(m.name, m.label, metric_form(m)) for m in shown),
        Column("images", "images", COUNT),
    ]  # fmt: skip
    by_class = scored.scores.by_class
    records = [
        {"class": name, "images": n, **{m.name: by_class.get(m.name, {}).get(name) for m in shown}}
        for name, n in scored.images.items()
    ]
    by, note = scored.scores.by, ""
    if by:
        note = f"With 95 % intervals over test {by}s; none if a class has fewer than {FEWEST_CLUSTERS}."
    return make_table(title, columns, records, note, key)


def _subject_metrics(scored: ScoredRun) -> list[Metric]:
    """Return the metrics by subject: without probabilities, only those that need no mean of them.

    Those of healthy or demented are left out if no class is of healthy people.
    """
    if scored.scores.subjects is None:
        return []
    left_out = ({"mean"} if scored.labels_only else set()) | (set() if scored.has_healthy else {"demented"})
    shown = [metric for metric in metrics(level="subject") if metric.view not in left_out]
    return [_worded(metric, scored.run) for metric in shown]


def _worded(metric: Metric, run: Run) -> Metric:
    classes, healthy = run.evaluation().images.classes, run.metrics().healthy_label
    return worded(metric, classes, "" if healthy is None else classes[healthy])


def _by_subject(scored: ScoredRun) -> Table:
    scores = scored.scores
    columns = [Column("metric", "metric"), Column("test", "test", Form())]
    note = (
        f"{scores.subjects:,} subjects, each classified once, by the mean probabilities or by the vote of its slices."
    )
    if scores.by:
        note += " 95 % intervals over subjects."
    records = [_record(metric, test=scores.overall.get(metric.name)) for metric in _subject_metrics(scored)]
    return make_table("By subject", columns, records, note, "by_subject")


def _wrong_subjects(table: pd.DataFrame) -> Table:
    """Return the misclassified subjects, those with the fewest correct slices first."""
    combined = combine(table, "mean")
    right = (table["label"] == table["predicted"]).groupby(table["subject"]).mean()
    wrong = combined[combined["label"] != combined["predicted"]].assign(right=lambda rows: rows["subject"].map(right))
    columns = [
        Column("subject", "subject"), Column("label", "true"), Column("predicted", "predicted"),
        Column("right", "correct slices, %", SHARE),
    ]  # fmt: skip
    rows = wrong.sort_values(["right", "subject"]).head(MOST_ERRORS)
    note = f"{len(wrong):,} of {len(combined):,} subjects are misclassified; at most {MOST_ERRORS} are shown."
    return make_table("Misclassified subjects", columns, _records(rows), note, "wrong_subjects", terminal=False)


def _errors(table: pd.DataFrame, confident: bool) -> Table:
    """Return the most confident errors, or the first ones if their confidence is unknown."""
    wrong = errors(table, confident)
    columns = [
        Column("image", "image"), Column("subject", "subject"), Column("label", "true"),
        Column("predicted", "predicted"),
    ]  # fmt: skip
    if confident:
        columns.append(Column("confidence", "probability", PROBABILITY))
    rows = wrong.head(MOST_ERRORS).assign(subject=lambda shown: shown["subject"].replace("", None))
    which = "most confident" if confident else "first"
    note = f"{len(wrong):,} of {len(table):,} images are misclassified; the {which} {MOST_ERRORS} are shown."
    title = "Most confident errors" if confident else "Errors"
    return make_table(title, columns, _records(rows), note, "errors", terminal=False)


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in rows.to_dict(orient="records")]


def _export(scored: ScoredRun) -> Table:
    """Return a row for each score; one over all classes has no class."""
    scores, records = scored.scores, []
    for metric in (*metrics(level="image", per_class=False), *_subject_metrics(scored)):
        validation = scored.validation.get(metric.name)
        records.append(_exported(metric.name, "", scores.overall.get(metric.name), validation))
    for name, images in scored.images.items():
        for metric in metrics(per_class=True):
            records.append(_exported(metric.name, name, scores.by_class.get(metric.name, {}).get(name)))
        records.append(_exported("images", name, images))
    columns = [Column(key, key) for key in ("metric", "class", "test", "low", "high", "validation")]
    return make_table("", columns, records)


def _exported(name: str, of_class: str, score: Any, validation: float | None = None) -> dict[str, Any]:
    cell = as_cell(score)
    return {
        "metric": name, "class": of_class, "test": cell.value, "low": cell.low, "high": cell.high,
        "validation": validation,
    }  # fmt: skip
