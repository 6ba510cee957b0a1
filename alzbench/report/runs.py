"""The document of a list of runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from alzbench import __version__
from alzbench.evaluation.metrics import ACCURACY
from alzbench.report.columns import metric_form, metric_name
from alzbench.report.document import Column, Document, Form, Section, make_table
from alzbench.store import Run


def runs_document(runs: Sequence[Run], now: datetime | None = None) -> Document:
    """Return a document with a line for each run, the newest first.

    Args:
        runs: The runs, oldest first.
        now: The time until which a running one is counted; None: now.
    """
    now = now or datetime.now(UTC)
    columns = [
        Column("run", "run"), Column("state", "state"), Column("protocol", "protocol"),
        Column(ACCURACY.name, metric_name(ACCURACY), metric_form(ACCURACY), short="acc. %"),
        Column("started", "started"), Column("seconds", "seconds", Form(words=_clock), short="took"),
    ]  # fmt: skip
    records = [_record(run, now) for run in reversed(runs)]
    shown = [
        {
            **record,
            "protocol": run.card.protocol + (", demo" if run.card.demo else ""),
            "started": _local(run.card.created, now),
        }
        for record, run in zip(records, reversed(runs), strict=True)
    ]
    note = "The newest first; times are local. A running one is counted until now."
    section = Section("Stored runs", tables=(make_table("Runs", columns, shown, note),))
    return Document("Runs", f"alzbench {__version__}", (section,), section.tables[0], {"runs": records})


def _record(run: Run, now: datetime) -> dict[str, str | float | bool | None]:
    card = run.card
    return {
        "run": run.name,
        "path": str(run.path),
        "state": card.state,
        "error": card.error,
        "protocol": card.protocol,
        "demo": card.demo,
        "sanity": card.sanity,
        "trial": card.trial,
        ACCURACY.name: run.evaluation().value(ACCURACY) if run.is_scored else None,
        "started": card.created,
        "finished": card.finished,
        "seconds": _seconds(run, now),
    }


def _seconds(run: Run, now: datetime) -> float | None:
    """Return the duration of a run, so far if it is running; None if it is not known."""
    if run.card.state == "running" and run.card.created:
        return round((now - datetime.fromisoformat(run.card.created)).total_seconds(), 1)
    durations = run.metrics().duration_s if run.card.state == "complete" else {}
    return round(sum(durations.values()), 1) if durations else None


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def _local(time: str, now: datetime) -> str:
    """Return month, day and minute of a time of this year, or else the date; in the local time zone."""
    if not time:
        return "–"
    local = datetime.fromisoformat(time).astimezone()
    return f"{local:%m-%d %H:%M}" if local.year == now.astimezone().year else f"{local:%Y-%m-%d}"
