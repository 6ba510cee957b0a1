"""A comparison as CSV and JSON: the numbers of the terminal's table, in full."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pandas as pd

from alzbench.compare import Comparison, Group, Spread


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """Return plain values: groups, each with its references and rows."""
    return asdict(comparison)


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
        figures |= {f"f1_{name}": f1 for name, f1 in zip(group.classes, row.f1, strict=True)}
        rows.append(
            {
                **about,
                "experiment": row.label,
                "kind": "experiment",
                "test_images": group.test_images,
                "seeds": len(row.seeds),
                **{key: value for name, spread in figures.items() for key, value in _columns(name, spread).items()},
                **{f"minus {name}": value for name, value in row.difference.items()},
                "unfinished": len(row.unfinished),
            }
        )
    return rows


def _columns(name: str, spread: Spread | None) -> dict[str, float | None]:
    return {name: spread.mean if spread else None, f"{name}_sd": spread.sd if spread else None}
