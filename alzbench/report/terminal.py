"""Comparisons and runs as tables for the terminal, readable in 80 columns."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from alzbench.compare import Comparison, ExperimentRow, Group, Spread
from alzbench.store import Run

LEAKY = "leaky protocol"


def render_comparison(comparison: Comparison) -> RenderableType:
    """Return one table for each group of comparable runs."""
    return Lines(*(part for group in comparison.groups for part in _group_parts(group)))


def _group_parts(group: Group) -> list[RenderableType]:
    test = f"{group.test_images:,} test images" if group.test_images else "no complete run yet"
    kind = "DEMO on phantoms: says nothing about patients; " if group.demo else ""
    table = Table(
        title=f"{kind}{group.protocol} protocol, {test}, data {group.data[:6]}",
        title_justify="left",
        box=box.SIMPLE_HEAD,
    )
    table.add_column("experiment", overflow="fold")
    columns = ["seeds", "accuracy %", "macro F1", *(f"F1 {name}" for name in short_names(group.classes))]
    for name in [*columns, *("± ref." for _ in group.references)]:
        table.add_column(name, justify="right", overflow="fold")
    for reference in group.references:
        row = [reference.name, "1", f"{100 * reference.accuracy:.2f}"]
        table.add_row(*row, *("–" for _ in range(len(table.columns) - len(row))), style="italic")
    for row_ in group.rows:
        table.add_row(*_cells(row_, group))
    notes = [Text(f"! {LEAKY}: {group.leaks}.", style="yellow")] if group.leaks else []
    notes += [Text(f"  not complete: {text}", style="red") for row_ in group.rows for text in row_.unfinished]
    return [table, *notes, Text("")]


def _cells(row: ExperimentRow, group: Group) -> list[str]:
    return [
        row.label,
        str(len(row.seeds)),
        percent(row.accuracy),
        share(row.macro_f1),
        *(share(spread, with_sd=False) for spread in row.f1),
        *(f"{100 * row.difference[r.name]:+.2f}" if r.name in row.difference else "–" for r in group.references),
    ]


def render_run(run: Run) -> RenderableType:
    """Return what a run is and what it scored."""
    card = run.card
    head = Table(box=None, show_header=False, pad_edge=False)
    for key, value in _about(run).items():
        head.add_row(f"[bold]{key}", Text(value))
    parts: list[RenderableType] = [head]
    if card.state == "complete":
        parts += [_scores_table(run.metrics["test"]), Text(_scores_line(run.metrics))]
    if card.demo:
        parts.append(Text("DEMO on phantoms: the figures say nothing about patients.", style="yellow"))
    if card.leaks:
        parts.append(Text(f"! {LEAKY}: {card.leaks}.", style="yellow"))
    return Lines(*parts)


def _about(run: Run) -> dict[str, str]:
    card = run.card
    about = {
        "run": run.name,
        "state": card.state + (f" ({card.error})" if card.error else ""),
        "variant": card.variant,
        "protocol": card.protocol,
        "data": card.data,
        "folder": str(run.path),
    }
    if card.state == "complete":
        metrics = run.metrics
        about["kept"] = f"epoch {metrics['kept_epoch']} of {metrics['epochs']} ({metrics['keep']})"
        about["seconds"] = ", ".join(f"{step} {value:.1f}" for step, value in metrics["duration_s"].items())
        if metrics["skipped_images"]:
            about["left out"] = f"{metrics['skipped_images']} unreadable images, in skipped.csv"
    return about


def _scores_table(scores: dict[str, Any]) -> Table:
    table = Table(title=f"{scores['n']:,} test images", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("class")
    for name in ("precision", "recall", "f1", "support"):
        table.add_column(name, justify="right")
    for name, values in scores["per_class"].items():
        figures = ("–" if values[key] is None else f"{values[key]:.3f}" for key in ("precision", "recall", "f1"))
        table.add_row(Text(name), *figures, f"{values['support']:,}")
    return table


def _scores_line(metrics: dict[str, Any]) -> str:
    test, validation = metrics["test"], metrics["validation"]
    return (
        f"accuracy {test['accuracy']:.4f}, balanced {test['balanced_accuracy']:.4f}, macro F1 {test['macro_f1']:.4f}, "
        f"loss {test['loss']:.4f}; on validation: accuracy {validation['accuracy']:.4f}"
    )


def render_runs(runs: Sequence[Run]) -> RenderableType:
    """Return a line a run."""
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("run", "state", "protocol", "accuracy"):
        table.add_column(name, overflow="fold", justify="right" if name == "accuracy" else "left")
    for run in runs:
        complete = run.card.state == "complete"
        accuracy = f"{run.metrics['test']['accuracy']:.4f}" if complete else "–"
        mark = " (demo)" if run.card.demo else ""
        table.add_row(Text(run.name), run.card.state, run.card.protocol + mark, accuracy)
    return table


def percent(spread: Spread | None) -> str:
    """Return a share as per cent with its standard deviation over seeds."""
    if spread is None:
        return "–"
    return f"{100 * spread.mean:.2f}" + ("" if spread.sd is None else f" ±{100 * spread.sd:.2f}")


def share(spread: Spread | None, with_sd: bool = True) -> str:
    """Return a figure in [0, 1] with its standard deviation over seeds."""
    if spread is None:
        return "–"
    return f"{spread.mean:.3f}" + (f" ±{spread.sd:.3f}" if with_sd and spread.sd is not None else "")


def short_names(classes: Sequence[str]) -> list[str]:
    """Return class names without the ending they share: `NonDemented`, `MildDemented` -> `Non`, `Mild`."""
    ending = os.path.commonprefix([name[::-1] for name in classes])[::-1]  # noqa: RUF071 - letters, not paths
    stripped = [name.removesuffix(ending) for name in classes]
    return stripped if all(stripped) else list(classes)
