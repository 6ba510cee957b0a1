"""Predictions of stored runs, drawn at random."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from alzbench.evaluation.subject_counts import count_subjects


def draw_predictions(
    path: Path, seed: int, right: float, classes: Sequence[str] = ("A", "B"), subjects: int = 12
) -> None:
    """Write predictions of 8 slices a subject, of which about the share `right` is right."""
    rng = np.random.default_rng(seed)
    rows = []
    for subject in range(subjects):
        label = subject % len(classes)
        for number in range(8):
            chosen = label if rng.random() < right else (label + 1) % len(classes)
            shares = np.full(len(classes), 0.3 / (len(classes) - 1))
            shares[chosen] = 0.7
            about = {"image": f"{subject}-{number}.png", "subject": f"s{subject}", "slice": str(number)}
            named = {f"p_{name}": share for name, share in zip(classes, shares, strict=True)}
            rows.append({**about, "label": classes[label], "predicted": classes[chosen], **named})
    write_predictions(path, pd.DataFrame(rows))


def write_predictions(path: Path, table: pd.DataFrame) -> None:
    """Write the predictions of a stored run, whose counts are then of them, and whose scores are of so many images."""
    table.to_csv(path / "predictions.csv", index=False)
    if (path / "subjects.json").is_file():
        (path / "subjects.json").write_text(json.dumps(count_subjects(table).to_json()))
    if (path / "metrics.json").is_file():
        metrics = json.loads((path / "metrics.json").read_text())
        metrics["test"]["n"] = len(table)
        (path / "metrics.json").write_text(json.dumps(metrics))
