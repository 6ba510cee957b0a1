"""Run folders, written by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from alzbench.store import Card

CARD = Card(
    experiment="x", seed=0, fold=None, folds=1, hash="h0", settings_hash="s0", variant="baseline", protocol="reference",
    protocol_hash="p0", leaks="all of it", data="d0", test="t0", demo=False, sanity=False,
    created="2030-01-01T00:00:00+00:00",
)  # fmt: skip


def make_metrics(accuracy: float, f1: Sequence[float | None], classes: Sequence[str], n: int) -> dict[str, Any]:
    """Return the content of metrics.json; balanced accuracy is half of the accuracy, and macro F1 a quarter."""
    support = [n // len(classes) + (k < n % len(classes)) for k in range(len(classes))]
    per_class = {
        name: {"precision": None, "recall": value, "f1": value, "support": images}
        for name, value, images in zip(classes, f1, support, strict=True)
    }
    scores = {
        "n": n, "classes": list(classes), "loss": 1.0, "accuracy": accuracy, "balanced_accuracy": accuracy / 2,
        "macro_f1": accuracy / 4, "per_class": per_class,
        "confusion_matrix": np.diag(support).tolist(),
    }  # fmt: skip
    return {
        "test": scores, "validation": scores, "test_by_subject": None, "kept_epoch": 1, "epochs": 2, "keep": "last",
        "skipped_images": 0, "duration_s": {"training": 1.0},
    }  # fmt: skip


def write_run(
    root: Path,
    accuracy: float = 0.5,
    f1: Sequence[float | None] = (0.5, 0.5),
    classes: Sequence[str] = ("A", "B"),
    n: int = 100,
    **card: Any,
) -> Path:
    """Write a run folder by hand, complete unless `state` says otherwise."""
    changes = {"state": "complete", "hash": f"h{card.get('seed', 0)}", **card}
    about = Card.model_validate({**CARD.model_dump(), **changes})
    path: Path = root / about.experiment / f"seed-{about.seed}-{about.hash}"
    path.mkdir(parents=True)
    (path / "state.json").write_text(about.model_dump_json())
    if about.state == "complete":
        (path / "metrics.json").write_text(json.dumps(make_metrics(accuracy, f1, classes, n)))
    return path
