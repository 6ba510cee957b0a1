"""The end of a sweep, as a run of W&B in the group of its trials."""

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
from alzbench.runner.plan import resolved_yaml
from alzbench.tracking.client import Destination, MirroredRun
from alzbench.tracking.marker import Marker, read_marker, write_marker

if TYPE_CHECKING:
    from matplotlib.figure import Figure

JOB_TYPE = "study"
KEPT = "study"  # folder of a sweep: what is told of it, so that it can be told later


@dataclass(frozen=True)
class KeptStudy:
    """What is told of a finished sweep.

    Attributes:
        folder: Of the sweep, named as it is.
        base: Its resolved base.
        values: What came of it: plain values by name.
        captions: Of its plots, by file.
        finished: When it was, as an ISO time.
    """

    folder: Path
    base: dict[str, Any]
    values: dict[str, Any]
    captions: dict[str, str]
    finished: str


def keep_study(
    folder: Path, base: Experiment, values: Mapping[str, Any], figures: Sequence[tuple[Figure, str]]
) -> KeptStudy:
    """Write what is told of a finished sweep into its folder, and return it; see `runner.Tracker.end_sweep`."""
    kept = folder / KEPT
    kept.mkdir(exist_ok=True)
    captions = {f"{k:02d}.png": caption for k, (_, caption) in enumerate(figures, 1)}
    for name, (figure, _) in zip(captions, figures, strict=True):
        with atomic.replacing(kept / name) as temporary:
            figure.savefig(temporary, format="png", dpi=100, bbox_inches="tight")
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    study = KeptStudy(folder, yaml.safe_load(resolved_yaml(base)), dict(values), captions, finished)
    told = {name: value for name, value in vars(study).items() if name != "folder"}
    atomic.write_text(kept / "study.json", json.dumps(told, indent=2) + "\n")
    return study


def kept_studies(root: Path, unreadable: Callable[[DataError], None]) -> list[KeptStudy]:
    """Return the finished sweeps under a folder of runs; `unreadable` is told of each that cannot be read."""
    found = []
    for path in sorted(root.glob(f"*/{KEPT}/study.json")):
        try:
            study = KeptStudy(path.parent.parent, **json.loads(path.read_text(encoding="utf-8")))
            if not all(isinstance(of, dict) for of in (study.base, study.values, study.captions)):
                raise ValueError("it holds no study")
            found.append(study)
        except (OSError, ValueError, TypeError) as error:
            unreadable(DataError(f"{path} cannot be read ({error}); `alzbench sweep` writes it again."))
    return found


def mirror_study(destination: Destination, study: KeptStudy, finish_s: float | None = None) -> str:
    """Log a finished sweep as a run of its own in the group of its trials, and return its address.

    Raises:
        TrackingError: The server cannot be reached or refuses.
    """
    folder, base = study.folder, study.base
    known = read_marker(folder)
    name = known.id if known else hashlib.sha256(f"study/{folder.name}/{folder.resolve()}".encode()).hexdigest()[:16]
    about = {
        "name": f"{folder.name} study",
        "group": folder.name,
        "job_type": JOB_TYPE,
        "tags": [base["protocol"]["name"], base["model"]["variant"], JOB_TYPE],
    }
    with MirroredRun(destination, folder, name, {"base": base}, about, finish_s) as run:
        marker = Marker(name, destination.project, run.entity, run.url)
        write_marker(folder, marker)
        pictures = {
            f"study/{Path(file).stem}": run.wandb.Image(str(folder / KEPT / file), caption=caption)
            for file, caption in study.captions.items()
        }
        if pictures:
            run.log(pictures, step=max(0, run.next_step))
        run.summarise(study.values)
    state: Literal["sent", "offline"] = "sent" if destination.mode == "online" else "offline"
    write_marker(folder, replace(marker, state=state, finished=study.finished))
    return marker.url
