"""What W&B is told of a run, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from alzbench.compare.one_run import run_intervals
from alzbench.report.remarks import leak_mark
from alzbench.store import Card, Run

_HISTORY = {
    "loss": "train/loss",
    "accuracy": "train/accuracy",
    "val_loss": "validation/loss",
    "val_accuracy": "validation/accuracy",
    "duration_s": "epoch_duration_s",
}
_SUBJECT_NAMES = {"demented_auc": "demented_roc_auc"}
_SCORES = ("accuracy", "balanced_accuracy", "macro_f1", "loss")
LONGEST_TAG = 64  # that W&B takes


def config(card: Card, resolved: str) -> dict[str, Any]:
    """Return the resolved experiment, with what tells the run from the others of it under `run`."""
    values: dict[str, Any] = yaml.safe_load(resolved) or {}
    of_run = ("seed", "fold", "trial", "hash", "settings", "data", "test", "leaks")
    of_this = {name: getattr(card, name) for name in of_run}
    return {**values, "run": of_this, **grouping(card.experiment, card.protocol)}


def grouping(experiment: str, protocol: str) -> dict[str, str]:
    """Return the values of a config by which dashboards group and filter; they are not nested, as W&B's filters ask."""
    return {"label": label(experiment, protocol), "protocol_name": protocol}


def label(experiment: str, protocol: str) -> str:
    """Return what charts group by: runs of one experiment under different protocols are no repetitions."""
    return f"{experiment} ({protocol})"


def tags(card: Card) -> list[str]:
    """Return protocol and variant, and what else a run must not be mistaken without."""
    marks = {
        leak_mark(card.leaks): card.leaks, "demo": card.demo, "sanity": card.sanity, "trial": card.trial is not None,
    }  # fmt: skip
    return [text[:LONGEST_TAG] for text in (card.protocol, card.variant, *(mark for mark, on in marks.items() if on))]


def title(card: Card) -> str:
    """Return the run's name: experiment, and what tells it from the others of it."""
    trial = "" if card.trial is None else f" trial {card.trial}"
    fold = "" if card.fold is None else f" fold {card.fold}"
    return f"{card.experiment}{trial} seed {card.seed}{fold}"


def job_type(card: Card) -> str:
    """Return what kind of run it is: `run`, `trial` or `sanity`."""
    return "trial" if card.trial is not None else "sanity" if card.sanity else "run"


def epoch(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return one row of the history under its names in W&B."""
    named = {_HISTORY.get(name, name): value for name, value in row.items()}
    return {name: value for name, value in named.items() if value is not None}


def summary(run: Run) -> dict[str, Any]:
    """Return the final figures of a complete run, those on the test part with 95 % intervals.

    Figures that are not defined are left out.

    Raises:
        DataError: Its files are damaged.
    """
    metrics = run.json("metrics.json")
    found: dict[str, Any] = {"state": run.card.state, "leaks": run.card.leaks}
    for part in ("test", "validation"):
        found |= _scores(part, metrics.get(part) or {})
    if "test" in metrics:
        found |= _intervals(run)
        found |= _by_subject(metrics.get("test_by_subject") or {})
        found |= _leakage(metrics.get("leakage") or {})
    elif by_subject := metrics.get("validation_by_subject"):
        found |= _scores("validation_by_subject", by_subject)
    found |= {name: metrics[name] for name in ("kept_epoch", "epochs", "stopped") if name in metrics}
    found |= {f"duration_s/{name}": value for name, value in (metrics.get("duration_s") or {}).items()}
    return {name: value for name, value in found.items() if value is not None}


def _scores(part: str, scores: Mapping[str, Any]) -> dict[str, Any]:
    found = {f"{part}/{name}": scores.get(name) for name in _SCORES}
    return found | {f"{part}/f1/{name}": of_class["f1"] for name, of_class in scores.get("per_class", {}).items()}


def _intervals(run: Run) -> dict[str, Any]:
    found = run_intervals(run)
    named = {f"test/{name.replace('f1_', 'f1/', 1) if name.startswith('f1_') else name}": of
             for name, of in found.scores.items()}  # fmt: skip
    named |= {f"test_by_subject/{_SUBJECT_NAMES.get(name, name)}": of for name, of in found.by_subject.items()}
    ends = {f"{name}_{end}": getattr(of, end) for name, of in named.items() for end in ("low", "high")}
    return ends | {"test/intervals_over": f"{found.by}s"}


def _by_subject(scores: Mapping[str, Any]) -> dict[str, Any]:
    found = _scores("test_by_subject", scores.get("mean", {}))
    two_way = scores.get("demented") or {}
    found["test_by_subject/vote_accuracy"] = (scores.get("vote") or {}).get("accuracy")
    return found | {f"test_by_subject/demented_{name}": two_way.get(name) for name in ("accuracy", "roc_auc")}


def _leakage(findings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the counts; of the subjects on both sides, how many there are."""
    counted = {name: len(value) if isinstance(value, list) else value for name, value in findings.items()}
    return {f"leakage/{name}": value for name, value in counted.items()}
