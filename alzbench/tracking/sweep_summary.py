"""The summary of a finished sweep: stored in the sweep's folder, and sent as a W&B run in the group of its trials."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml

from alzbench import atomic
from alzbench.errors import DataError
from alzbench.experiment import Experiment
from alzbench.runner import resolved_yaml
from alzbench.tracking.client import Destination, OpenRun
from alzbench.tracking.marker import Marker, read_marker, write_marker

if TYPE_CHECKING:
    from matplotlib.figure import Figure

JOB_TYPE = "sweep"
FILE = "summary/summary.json"  # in the folder of a sweep; the plots lie beside it
_OLD_FILE = "study/study.json"  # of older versions


@dataclass(frozen=True)
class SweepSummary:
    """The summary of a finished sweep.

    Attributes:
        sweep: Folder of the sweep, which has its name.
        file: Stored summary; the plots lie beside it.
        base: Resolved base experiment.
        values: Results of the sweep: plain values by name.
        captions: File name of each plot -> its caption.
        finished: ISO time at which the sweep was finished.
    """

    sweep: Path
    file: Path
    base: dict[str, Any]
    values: dict[str, Any]
    captions: dict[str, str]
    finished: str

    @property
    def title(self) -> str:
        """Name of its W&B run."""
        return f"{self.sweep.name} sweep"


def write_summary(
    sweep: Path, base: Experiment, values: Mapping[str, Any], figures: Sequence[tuple[Figure, str]]
) -> SweepSummary:
    """Write the summary of a finished sweep into its folder, and return it; see `runner.Tracker.end_sweep`."""
    file = sweep / FILE
    file.parent.mkdir(exist_ok=True)
    captions = {f"{k:02d}.png": caption for k, (_, caption) in enumerate(figures, 1)}
    for name, (figure, _) in zip(captions, figures, strict=True):
        with atomic.replacing(file.parent / name) as temporary:
            figure.savefig(temporary, format="png", dpi=100, bbox_inches="tight")
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    summary = SweepSummary(sweep, file, yaml.safe_load(resolved_yaml(base)), dict(values), captions, finished)
    content = {name: value for name, value in vars(summary).items() if name not in ("sweep", "file")}
    atomic.write_text(file, json.dumps(content, indent=2) + "\n")
    return summary


def stored_summaries(root: Path, unreadable: Callable[[DataError], None]) -> list[SweepSummary]:
    """Read the summaries of the finished sweeps in a folder of runs; calls `unreadable` for each that is damaged."""
    summaries = []
    files = {path.parents[1]: path for name in (_OLD_FILE, FILE) for path in root.glob(f"*/{name}")}
    for sweep, file in sorted(files.items()):
        try:
            summary = SweepSummary(sweep, file, **json.loads(file.read_text(encoding="utf-8")))
            if not all(isinstance(value, dict) for value in (summary.base, summary.values, summary.captions)):
                raise ValueError("it contains no summary of a sweep")
            summaries.append(summary)
        except (OSError, ValueError, TypeError) as error:
            unreadable(DataError(f"{file} cannot be read ({error}); `alzbench sweep` writes it again."))
    return summaries


def send_summary(destination: Destination, summary: SweepSummary, finish_s: float | None = None) -> str:
    """Send the summary of a sweep as a W&B run of its own in the group of its trials, and return its address.

    Raises:
        TrackingError: The server cannot be reached or refuses.
    """
    sweep, base = summary.sweep, summary.base
    known = read_marker(sweep)
    id = known.id if known else _new_id(sweep)
    about = {
        "name": summary.title,
        "group": sweep.name,
        "job_type": JOB_TYPE,
        "tags": [base["protocol"]["name"], base["model"]["variant"], JOB_TYPE],
    }
    with OpenRun(destination, sweep, id, {"base": base}, about, finish_s) as run:
        marker = Marker(id, destination.project, run.entity, run.url)
        write_marker(sweep, marker)
        pictures = {
            f"{JOB_TYPE}/{Path(name).stem}": run.wandb.Image(str(summary.file.with_name(name)), caption=caption)
            for name, caption in summary.captions.items()
        }
        if pictures:
            run.log(pictures, step=max(0, run.next_step))
        run.summarise(summary.values)
    state: Literal["sent", "offline"] = "sent" if destination.mode == "online" else "offline"
    write_marker(sweep, replace(marker, state=state, finished=summary.finished))
    return marker.url


def _new_id(sweep: Path) -> str:
    """Return the id of the W&B run of a sweep without a marker; older versions also began it with "study"."""
    return hashlib.sha256(f"study/{sweep.name}/{sweep.resolve()}".encode()).hexdigest()[:16]
