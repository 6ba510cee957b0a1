"""Comparisons and outcomes of runs as CSV and JSON: the numbers of the terminal's tables, in full."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

import pandas as pd

from alzbench.compare import Comparison, Group, Spread, SubjectScores
from alzbench.runner import Outcome

SUBJECT_FIGURES = [field.name for field in fields(SubjectScores) if field.name != "subjects"]


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """Return plain values: groups, each with its references and rows."""
    return {
        "groups": [
            {**asdict(group), "references": [reference.model_dump() for reference in group.references]}
            for group in comparison.groups
        ]
    }


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """Return what became of a run, with its scores, as plain values."""
    stored = outcome.run
    return {
        "experiment": outcome.experiment,
        "seed": outcome.seed,
        "fold": outcome.fold,
        "state": outcome.state,
        "error": outcome.error,
        "path": str(stored.path) if stored else None,
        "leaks": stored.card.leaks if stored else None,
        "demo": stored.card.demo if stored else None,
        "sanity": stored.card.sanity if stored else None,
        "metrics": stored.metrics if stored else None,
    }


def comparison_table(comparison: Comparison) -> pd.DataFrame:
    """Return a row a reference and a row an experiment, of all groups; what is not defined is empty."""
    rows = [row for group in comparison.groups for row in _rows(group)]
    return pd.DataFrame(rows)


def _rows(group: Group) -> list[dict[str, Any]]:
    about = {"protocol": group.protocol, "leaks": group.leaks, "data": group.data, "demo": group.demo}
    rows: list[dict[str, Any]] = [
        {**about, "experiment": r.name, "kind": "reference", "test_images": r.test_images, "accuracy": r.accuracy}
        for r in group.references
    ]
    for row in group.rows:
        figures = {"accuracy": row.accuracy, "balanced_accuracy": row.balanced_accuracy, "macro_f1": row.macro_f1}
        subjects = row.by_subject
        figures |= {f"subject_{name}": getattr(subjects, name) for name in SUBJECT_FIGURES} if subjects else {}
        figures |= {f"f1_{name}": f1 for name, f1 in zip(group.classes, row.f1, strict=True)}
        rows.append(
            {
                **about,
                "experiment": row.label,
                "kind": "sanity" if row.sanity else "experiment",
                "test_images": group.test_images,
                "seeds": len(row.seeds),
                "subjects": subjects.subjects if subjects else None,
                **{key: value for name, spread in figures.items() for key, value in _columns(name, spread).items()},
                **{f"minus {name}": value for name, value in row.difference.items()},
                "unfinished": len(row.unfinished),
            }
        )
    return rows


def _columns(name: str, spread: Spread | None) -> dict[str, float | None]:
    return {name: spread.mean if spread else None, f"{name}_sd": spread.sd if spread else None}
