"""An audit for people and programs: terminal, JSON, and a figure of test images and their nearest training images."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from rich import box
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from alzbench.data.audit import NEAR_COPY, Audit
from alzbench.data.images import decode_image
from alzbench.drawing import PlainFigure
from alzbench.errors import DataError

SAMPLES = 8
_MOST = 10  # label conflicts that the terminal lists
_SIZE = 160


def audit_json(audit: Audit) -> dict[str, Any]:
    """Return plain values."""
    values = asdict(audit)
    for name in ("images", "subjects"):
        values[name] = getattr(audit, name).to_dict(orient="index")
    for name in ("nearest", "label_conflicts"):
        values[name] = getattr(audit, name).to_dict(orient="records")
    values["untestable"] = {str(fold): names for fold, names in audit.untestable.items()}
    return {**values, "leaks": audit.leaks}


def render_audit(audit: Audit) -> RenderableType:
    """Return the findings, the gravest last."""
    fold = "" if audit.fold is None else f", fold {audit.fold}"
    found = ", ".join(f"{by} {n:,}" for by, n in audit.subject_by.items())
    lines: list[RenderableType] = [
        Text(f"{audit.protocol} protocol, seed {audit.seed}{fold}", style="bold"),
        Text(f"subjects found by: {found}"),
    ]
    if audit.agreement is not None:
        lines.append(
            Text(f"neighbouring slices that look most alike and are the same subject's: {audit.agreement:.4f}")
        )
    lines += [_counts("images", audit.images), _counts("subjects", audit.subjects)]
    lines += [Text(f"• {finding}") for finding in findings(audit)]
    return Lines(*lines)


def findings(audit: Audit) -> list[str]:
    """Return a sentence for each finding."""
    leak, n = audit.leakage, audit.leakage.test_images
    found = []
    for row in audit.label_conflicts.head(_MOST).itertuples():
        found.append(f"label conflict: {row.what} has {row.images} images labelled {row.labels}")
    if len(audit.label_conflicts) > _MOST:
        found.append(f"and {len(audit.label_conflicts) - _MOST} more label conflicts")
    for fold, names in audit.untestable.items():
        found.append(f"fold {fold} has no test subject of {', '.join(names)} and says nothing of it")
    if leak.unknown:
        found.append(f"{leak.unknown:,} of {n:,} test images cannot be cleared, as subjects are not known")
    found += [
        f"{audit.exact_copies:,} of {n:,} test images have an exact copy in training or validation",
        f"{audit.near_copies:,} of {n:,} have one that is nearly the same (likeness of {NEAR_COPY} or more)",
        f"{leak.same_slice:,} of {n:,} have a copy of the same slice there ({_share(leak.same_slice, n)})",
        f"{leak.same_subject:,} of {n:,} are of a subject seen there ({_share(leak.same_subject, n)})",
    ]
    return found


def nearest_figure(audit: Audit, paths: pd.Series[str]) -> Figure:
    """Draw sample test images above their most similar training image.

    Args:
        audit: The findings.
        paths: Path of each image, by its name.

    Raises:
        DataError: An image can no longer be read.
    """
    order = audit.nearest.sort_values("similarity", ascending=False, ignore_index=True)
    # evenly spread from the most to the least alike
    chosen = order.iloc[np.unique(np.linspace(0, len(order) - 1, SAMPLES).astype(int))]
    figure = PlainFigure(figsize=(1.6 * len(chosen), 4.2), layout="constrained")
    axes = figure.subplots(2, len(chosen), squeeze=False)
    for column, row in zip(axes.T, chosen.itertuples(), strict=True):
        for cell, image in zip(column, (row.image, row.nearest), strict=True):
            cell.imshow(_read(paths[str(image)]), cmap="gray", vmin=0, vmax=255)
            cell.set_xticks([])
            cell.set_yticks([])
            cell.set_title(Path(str(image)).name[:20], fontsize=6)
        column[1].set_xlabel(f"likeness {row.similarity:.3f}", fontsize=8)
    axes[0, 0].set_ylabel("test")
    axes[1, 0].set_ylabel("nearest in training")
    figure.suptitle(f"{audit.protocol} protocol: test images and the most similar image of training or validation")
    return figure


def _read(path: str) -> Any:
    result = decode_image(path, _SIZE, 1)
    if isinstance(result, str):
        raise DataError(f"{path}: {result}.")
    return result[0][..., 0]


def _counts(what: str, table: pd.DataFrame) -> Table:
    out = Table(title=what, title_justify="left", box=box.SIMPLE_HEAD)
    out.add_column("class")
    for part in table.columns:
        out.add_column(part, justify="right")
    for name, row in table.iterrows():
        out.add_row(Text(str(name)), *(f"{n:,}" for n in row))
    return out


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"
