"""The content of a W&B run, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import yaml

from alzbench.evaluation.evaluate import TableScores
from alzbench.evaluation.metrics import METRICS, metrics
from alzbench.evaluation.scores import Score, Scores, scores_of_run
from alzbench.report.remarks import leak_mark
from alzbench.store import Card, Run, RunMetrics

_HISTORY = {
    "loss": "train/loss",
    "accuracy": "train/accuracy",
    "val_loss": "validation/loss",
    "val_accuracy": "validation/accuracy",
    "duration_s": "epoch_duration_s",
}
LONGEST_TAG = 64  # that W&B accepts


def config(card: Card, resolved: str, label: str) -> dict[str, Any]:
    """Return the resolved experiment, and the run's own seed, fold and hashes under `run`; `label`: see `labels`."""
    values: dict[str, Any] = yaml.safe_load(resolved) or {}
    own = ("seed", "fold", "trial", "hash", "settings_hash", "data", "test", "leaks")
    return {**values, "run": {name: getattr(card, name) for name in own}, **grouping(label, card.protocol)}


def grouping(label: str, protocol: str) -> dict[str, str]:
    """Return the config values by which dashboards group and filter; W&B's filters need them not nested."""
    return {"label": label, "protocol_name": protocol}


def tags(card: Card) -> list[str]:
    """Return protocol and variant, and the marks without which a run could be misread."""
    marks = {
        leak_mark(card.leaks): card.leaks, "demo": card.demo, "sanity": card.sanity, "trial": card.trial is not None,
    }  # fmt: skip
    return [text[:LONGEST_TAG] for text in (card.protocol, card.variant, *(mark for mark, on in marks.items() if on))]


def job_type(card: Card) -> str:
    """Return the kind of a run: `run`, `trial` or `sanity`."""
    return "trial" if card.trial is not None else "sanity" if card.sanity else "run"


def epoch(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return one row of the history under its names in W&B."""
    named = {_HISTORY.get(name, name): value for name, value in row.items()}
    return {name: value for name, value in named.items() if value is not None}


def summary(run: Run) -> dict[str, Any]:
    """Return the final scores of a complete run, those on the test part with 95 % intervals; undefined ones are absent.

    Raises:
        DataError: Its files are damaged.
    """
    stored = run.metrics()
    values: dict[str, Any] = {"state": run.card.state, "leaks": run.card.leaks}
    if stored.validation is not None:
        values |= _table_scores("validation", stored.validation)
    if stored.validation_by_subject is not None:
        values |= _table_scores("validation_by_subject", stored.validation_by_subject)
    if stored.test is not None:
        if stored.test_by_subject is not None:
            values |= _table_scores("test_by_subject", stored.test_by_subject.mean)
        values |= _test_scores(scores_of_run(run.card.seed, run.evaluation(), run.counts()))
        values |= _leakage(stored)
    values |= {name: getattr(stored, name) for name in ("kept_epoch", "epochs", "stopped")}
    values |= {f"duration_s/{name}": seconds for name, seconds in stored.duration_s.items()}
    return {name: value for name, value in values.items() if value is not None}


def _table_scores(part: str, scores: TableScores) -> dict[str, Any]:
    values: dict[str, Any] = {f"{part}/{name}": value for name, value in scores.scores.items()}
    for metric in metrics(level="image", per_class=True):
        values |= {
            f"{part}/{metric.name}/{name}": values_of_class.get(metric.name)
            for name, values_of_class in scores.per_class.items()
        }
    return values


def _test_scores(scores: Scores) -> dict[str, Any]:
    named: dict[str, Score] = {_key(name): score for name, score in scores.overall.items()}
    for metric, by_class in scores.by_class.items():
        named |= {f"test/{metric}/{name}": score for name, score in by_class.items()}
    values: dict[str, Any] = {name: score.mean for name, score in named.items()}
    for name, score in named.items():
        if score.interval is not None:
            values |= {f"{name}_low": score.interval.low, f"{name}_high": score.interval.high}
    return values | {"test/intervals_over": f"{scores.by}s" if scores.by else None}


def _key(metric: str) -> str:
    """Return the W&B key of a metric on the test part."""
    if METRICS[metric].level == "image":
        return f"test/{metric}"
    return f"test_by_subject/{metric.removeprefix('subject_')}"


def _leakage(stored: RunMetrics) -> dict[str, Any]:
    """Return the counts of shared images, and the number of shared subjects."""
    if stored.leakage is None:
        return {}
    counts = {**asdict(stored.leakage), "shared_subjects": len(stored.leakage.shared_subjects)}
    return {f"leakage/{name}": value for name, value in counts.items()}
