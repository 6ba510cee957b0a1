"""Stored runs for the terminal: one with its scores, or a line each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from alzbench.report.remarks import leak_warning
from alzbench.store import Run


def render_run(run: Run) -> RenderableType:
    """Return what a run is and what it scored."""
    card = run.card
    head = Table(box=None, show_header=False, pad_edge=False)
    for key, value in _about(run).items():
        head.add_row(Text(key, style="bold"), Text(value))
    parts: list[RenderableType] = [head]
    if card.state == "complete" and card.trial is None:
        parts += [_scores_table(run.metrics["test"]), Text(_scores_line(run.metrics))]
        parts += [Text(line) for line in _subject_lines(run.metrics)]
    elif card.state == "complete":
        scores = run.json("metrics.json")["validation"]
        parts.append(Text(f"on validation: accuracy {scores['accuracy']:.4f}, macro F1 {scores['macro_f1']:.4f}"))
    if card.demo:
        parts.append(Text("DEMO on phantoms: the figures say nothing about patients.", style="yellow"))
    if card.leaks:
        parts.append(Text(f"! {leak_warning(card.leaks)}.", style="yellow"))
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
    if card.trial is not None:
        about["trial"] = f"{card.trial} of the sweep {card.experiment}; the test part is never read in a trial"
    elif card.state == "complete":
        metrics = run.metrics
        if "kept_epoch" in metrics:
            about["kept"] = f"epoch {metrics['kept_epoch']} of {metrics['epochs']} ({metrics['keep']})"
        if "duration_s" in metrics:  # not of predictions from elsewhere
            about["seconds"] = ", ".join(f"{step} {value:.1f}" for step, value in metrics["duration_s"].items())
        if metrics.get("skipped_images"):
            about["left out"] = f"{metrics['skipped_images']} unreadable images, in skipped.csv"
    return about


def _scores_table(scores: dict[str, Any]) -> Table:
    table = Table(title=f"{scores['n']:,} test images", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("class", overflow="fold")
    for name in ("precision", "recall", "f1", "support"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, values in scores["per_class"].items():
        figures = ("–" if values[key] is None else f"{values[key]:.3f}" for key in ("precision", "recall", "f1"))
        table.add_row(Text(name), *figures, f"{values['support']:,}")
    return table


def _scores_line(metrics: dict[str, Any]) -> str:
    test, validation = metrics["test"], metrics.get("validation")
    line = (
        f"accuracy {test['accuracy']:.4f}, balanced {test['balanced_accuracy']:.4f}, macro F1 {test['macro_f1']:.4f}, "
        f"loss {'–' if test['loss'] is None else format(test['loss'], '.4f')}"
    )
    return f"{line}; on validation: accuracy {validation['accuracy']:.4f}" if validation else line


def _subject_lines(metrics: dict[str, Any]) -> list[str]:
    scores = metrics["test_by_subject"]
    if scores is None:
        return ["by subject: not known, as the subjects of the test images are not"]
    mean, vote, two_way = scores["mean"], scores["vote"], scores["demented"]
    auc = "–" if two_way["roc_auc"] is None else f"{two_way['roc_auc']:.3f}"
    return [
        f"by subject ({scores['subjects']}): accuracy {mean['accuracy']:.4f}, balanced "
        f"{mean['balanced_accuracy']:.4f}, macro F1 {mean['macro_f1']:.4f}; by vote: accuracy {vote['accuracy']:.4f}",
        f"demented or not, by subject: accuracy {two_way['accuracy']:.4f}, ROC AUC {auc}",
    ]


def render_runs(runs: Sequence[Run]) -> RenderableType:
    """Return a line a run."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("run", overflow="fold")
    for name in ("state", "protocol", "accuracy"):
        table.add_column(name, no_wrap=True, justify="right" if name == "accuracy" else "left")
    for run in runs:
        complete = run.card.state == "complete" and run.card.trial is None
        accuracy = f"{run.metrics['test']['accuracy']:.4f}" if complete else "–"
        mark = " (demo)" if run.card.demo else ""
        table.add_row(*map(Text, (run.name, run.card.state, run.card.protocol + mark, accuracy)))
    return table
