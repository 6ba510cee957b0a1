"""A dashboard's content besides the runs: the comparison and the published results, each sent as a W&B run."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alzbench import atomic
from alzbench.compare import Comparison, Reference, binomial_interval
from alzbench.compare.predictions import read_group
from alzbench.compare.settings import comparable
from alzbench.experiment.sweep import Sweep
from alzbench.report.comparison import comparison_document
from alzbench.report.export import export_frame
from alzbench.report.pictures import group_figures
from alzbench.store import Run
from alzbench.tracking import content
from alzbench.tracking.client import Destination, OpenRun, TrackingError, is_reachable
from alzbench.tracking.dashboard import Content, Dashboard, SearchedSweep, save
from alzbench.tracking.labels import plain_label
from alzbench.tracking.sweep_summary import SweepSummary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PLACE = "wandb-dashboard"  # folder under that of the runs: addresses of what was saved, and the client's files


def read_content(comparison: Comparison) -> Content:
    """Return the content of a dashboard: document and figures of a comparison, without demo runs."""
    groups = [group for group in comparison.groups if not group.demo]
    predictions = [read_group(group) for group in groups]
    shown = Comparison(tuple(groups))
    figures = {
        f"comparison/{group.protocol}-{group.data[:6]}-{k:02d}": (placed.figure, placed.caption)
        for group, read in zip(groups, predictions, strict=True)
        for k, placed in enumerate(group_figures(group, read), 1)
    }
    return Content(shown, comparison_document(shown, predictions), figures)


def searched_sweeps(runs: Sequence[Run], summaries: Sequence[SweepSummary]) -> list[SearchedSweep]:
    """Return the sweeps among stored runs, with the fields that differ among their complete trials.

    Args:
        runs: Stored runs; those that are no trials are left out.
        summaries: Summaries of the finished sweeps, which hold their objectives.
    """
    trials: dict[str, list[Run]] = {}
    for run in runs:
        if run.card.trial is not None and run.card.state == "complete" and not run.card.demo:
            trials.setdefault(run.card.experiment, []).append(run)
    values = {summary.sweep.name: summary.values for summary in summaries}
    return [
        SearchedSweep(name, _objectives(of_sweep, values.get(name, {})), _searched(of_sweep))
        for name, of_sweep in trials.items()
    ]


def _objectives(trials: Sequence[Run], summary: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of a sweep's objectives in a trial's summary in W&B.

    A sweep that is not finished has no summary: its objective is taken to be the default, by subject where possible.
    """
    best_values = summary.get("best_values")
    names = best_values if isinstance(best_values, dict) and best_values else Sweep.model_fields["objective"].default
    by = summary.get("by") or ("subject" if trials[0].metrics().validation_by_subject is not None else "slice")
    part = "validation_by_subject" if by == "subject" else "validation"
    return tuple(f"{part}/{name}" for name in names)


def _searched(trials: Sequence[Run]) -> tuple[str, ...]:
    values: dict[str, set[str]] = {}
    for run in trials:
        for field, value in comparable(run.settings()).items():
            values.setdefault(field, set()).add(json.dumps(value, sort_keys=True))
    return tuple(field for field, different in values.items() if len(different) > 1)


def publish(
    dashboard: Dashboard,
    content: Content,
    destination: Destination,
    runs_root: Path,
) -> dict[str, str]:
    """Send comparison and published results, save the dashboard, and return the addresses.

    Raises:
        TrackingError: The server cannot be reached or refuses.
    """
    folder = runs_root / PLACE
    folder.mkdir(parents=True, exist_ok=True)
    where = f"{destination.entity}/{destination.project}"
    _send_comparison(content, destination, folder, where)
    references = {r.name: r for group in content.comparison.groups for r in group.references}
    for reference in references.values():
        _send_reference(reference, destination, folder, where)
    file = folder / "saved.json"
    every = _read_saved(file)
    try:
        saved = save(dashboard, every.get(where, {}))
    except TrackingError:
        if where not in every or not is_reachable():
            raise
        saved = save(dashboard, {})  # the saved dashboard was deleted
    atomic.write_text(file, json.dumps({**every, where: saved}, indent=2) + "\n")
    return {"workspace": saved["workspace"], "report": saved["report"]}


def _read_saved(file: Path) -> dict[str, dict[str, str]]:
    """Read the addresses of the saved dashboard of each project; none if the file is missing or damaged."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    known = content.items() if isinstance(content, dict) else ()
    return {where: saved for where, saved in known if isinstance(saved, dict)}


def _picture(wandb: Any, figure: Figure, caption: str) -> Any:
    """Return a figure as W&B's image."""
    from PIL import Image

    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=100, bbox_inches="tight")
    content.seek(0)
    with Image.open(content) as opened:
        return wandb.Image(opened.convert("RGB"), caption=caption)


def _send_comparison(content: Content, to: Destination, folder: Path, where: str) -> None:
    about = {"name": "comparison", "group": "comparison", "job_type": "comparison", "tags": ["comparison"]}
    with OpenRun(to, folder, _id("comparison", where), {}, about) as run:
        values: dict[str, Any] = {name: _picture(run.wandb, *figure) for name, figure in content.figures.items()}
        values["comparison/table"] = run.wandb.Table(dataframe=export_frame(content.document).astype(object))
        run.log(values, step=max(0, run.next_step))


def _send_reference(reference: Reference, to: Destination, folder: Path, where: str) -> None:
    low, high = binomial_interval(reference)
    config = {
        **content.grouping(plain_label(f"published: {reference.name}", reference.protocol), reference.protocol),
        "source": reference.source,
    }
    about = {
        "name": f"published: {reference.name}",
        "group": "published",
        "job_type": "published",
        "tags": [reference.protocol, "published"],
    }
    accuracy = {"test/accuracy": reference.accuracy, "test/accuracy_low": low, "test/accuracy_high": high}
    with OpenRun(to, folder, _id(f"published/{reference.name}", where), config, about) as run:
        run.summarise({**accuracy, "test/images": reference.test_images, "state": "published"})


def _id(what: str, where: str) -> str:
    return hashlib.sha256(f"{what}/{where}".encode()).hexdigest()[:16]
