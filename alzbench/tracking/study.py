"""The end of a sweep, as a run of W&B in the group of its trials."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from alzbench.experiment import Experiment
from alzbench.runner.plan import resolved_yaml
from alzbench.tracking.client import MirroredRun
from alzbench.tracking.destination import Destination
from alzbench.tracking.marker import Marker, read_marker, write_marker

if TYPE_CHECKING:
    from matplotlib.figure import Figure

JOB_TYPE = "study"


def mirror_study(
    destination: Destination,
    base: Experiment,
    folder: Path,
    values: Mapping[str, Any],
    figures: Sequence[tuple[Figure, str]],
) -> None:
    """Log a finished sweep; see `runner.Tracker.end_sweep`.

    Raises:
        TrackingError: The server cannot be reached or refuses.
    """
    known = read_marker(folder)
    name = known.id if known else hashlib.sha256(f"study/{folder.name}/{folder.resolve()}".encode()).hexdigest()[:16]
    marker = Marker(name, destination.project, destination.entity or "")
    write_marker(folder, marker)
    config = {"base": yaml.safe_load(resolved_yaml(base))}
    about = {
        "name": f"{folder.name} study",
        "group": folder.name,
        "job_type": JOB_TYPE,
        "tags": [base.protocol.name, base.model.variant, JOB_TYPE],
    }
    with MirroredRun(destination, folder, name, config, about) as run:
        pictures = {f"study/{k:02d}": picture(run.wandb, *figure) for k, figure in enumerate(figures, 1)}
        if pictures:
            run.log(pictures, step=max(0, run.next_step))
        run.summarise(values)
    marker = replace(marker, entity=run.entity, url=run.url)
    write_marker(folder, replace(marker, state="sent" if destination.mode == "online" else "offline"))


def picture(wandb: Any, figure: Figure, caption: str) -> Any:
    """Return a figure as W&B's image."""
    from PIL import Image

    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=100, bbox_inches="tight")
    content.seek(0)
    with Image.open(content) as opened:
        return wandb.Image(opened.convert("RGB"), caption=caption)
