"""Documents as CSV and JSON: full-precision values of the declared columns and types."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from pydantic import BaseModel

from alzbench.report.document import Cell, Column, Document, Table

if TYPE_CHECKING:
    from alzbench.runner import Outcome  # takes as long to import as to compare hundreds of runs


def render_csv(document: Document) -> str:
    """Return the wide table of a document as CSV; an undefined value is empty."""
    return export_frame(document).to_csv(index=False, lineterminator="\n")


def export_frame(document: Document) -> pd.DataFrame:
    """Return the wide table of a document: for each column its values, standard deviations and intervals."""
    table = document.export or Table("", (), ())
    parts = [_parts(column, [row[k] for row in table.rows]) for k, column in enumerate(table.columns)]
    return pd.DataFrame({name: values for part in parts for name, values in part.items()})


def _parts(column: Column, cells: list[Cell]) -> dict[str, list[Any]]:
    """Return the columns of CSV that one column of a table is written to."""
    values = {f"{column.key}_{part}": [getattr(cell, part) for cell in cells] for part in ("sd", "low", "high")}
    kept = {
        name: part
        for name, part in values.items()
        if any(value is not None for value in part) or (column.spread and name.endswith("_sd"))
    }
    return {column.key: [cell.value for cell in cells], **kept}


def render_json(document: Document) -> str:
    """Return the data of a document as JSON."""
    return json.dumps(plain(document.data), indent=2, allow_nan=False)


def plain(value: Any) -> Any:
    """Return a typed value as plain ones: dataclasses and models as dictionaries, NaN as None."""
    if isinstance(value, str | int | None):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, pd.DataFrame):
        return plain(value.to_dict(orient="records"))
    if isinstance(value, BaseModel):
        return plain(dict(value))
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    path = getattr(value, "path", value)  # of a run
    return str(path) if isinstance(path, Path) else plain(value.item())  # NumPy's numbers


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """Return the outcome of a run, with its scores, as plain values."""
    stored = None if outcome.path is None else outcome.run()
    return {
        "experiment": outcome.job.experiment.name,
        "seed": outcome.job.seed,
        "fold": outcome.job.fold,
        "state": outcome.state,
        "error": outcome.error,
        "path": str(stored.path) if stored else None,
        "leaks": stored.card.leaks if stored else None,
        "demo": stored.card.demo if stored else None,
        "sanity": stored.card.sanity if stored else None,
        "metrics": stored.metrics().to_json() if stored else None,
    }
