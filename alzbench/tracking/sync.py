"""Stored runs sent to W&B later: those that were mirrored offline or in vain, and those that never were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from alzbench.data.folder import list_folder
from alzbench.data.kaggle import find_cached
from alzbench.errors import DataError
from alzbench.experiment import DataSettings
from alzbench.experiment.tracking import TrackingSettings
from alzbench.progress import Progress
from alzbench.store import Run
from alzbench.tracking.client import SYNC_FINISH_S, NotConfirmed, TrackingError
from alzbench.tracking.destination import Destination, has_key, online_destination
from alzbench.tracking.marker import read_marker
from alzbench.tracking.media import Pictures
from alzbench.tracking.mirror import Mirror


@dataclass(frozen=True)
class Sent:
    """What became of one run.

    Attributes:
        run: The run.
        state: `sent`, `found` (it was there already) or `failed`.
        url: Of its page.
        error: Why it failed.
    """

    run: Run
    state: str
    url: str = ""
    error: str = ""

    @property
    def sentence(self) -> str:
        """What became of it, for people."""
        if self.state == "failed":
            return f"{self.run.name}: not sent whole: {self.error}"
        return f"{self.run.name}: {'sent already' if self.state == 'found' else 'sent'}: {self.url}"


def to_send(runs: Sequence[Run], named: bool) -> list[Run]:
    """Return the runs that may be sent: complete ones.

    Demo runs, and those whose experiment says `tracking.wandb: disabled`, are sent where they are named alone.
    """
    complete = [run for run in runs if run.card.state == "complete"]
    if named:
        return complete
    return [run for run in complete if not run.card.demo and _tracking(run).wandb != "disabled"]


def sync(
    runs: Sequence[Run], progress: Progress, project: str | None = None, entity: str | None = None
) -> Iterator[Sent]:
    """Send runs, and yield what became of each. A run that W&B has already is not sent again.

    Args:
        runs: Complete ones.
        progress: Where to report.
        project, entity: Where to, instead of what each run's experiment, or its marker, says.

    Raises:
        TrackingError: No key is configured, or the server cannot be reached or refuses. What was sent stays noted.
    """
    if runs and not has_key():
        raise TrackingError("W&B needs an API key to be sent anything: `wandb login` or WANDB_API_KEY.")
    pictures = _PicturesOfSets()
    with progress.track("runs", len(runs)) as advance:
        for run in runs:
            yield _send(run, pictures, project, entity)
            advance(1)


def _send(run: Run, pictures: _PicturesOfSets, project: str | None, entity: str | None) -> Sent:
    known = read_marker(run.path)
    settings = _tracking(run)
    destination = online_destination(settings)
    if known is not None:
        destination = Destination("online", known.project, known.entity or destination.entity)
    destination = Destination("online", project or destination.project, entity or destination.entity)
    there = known is not None and known.state == "sent" and known.finished == run.card.finished
    if known and there and (known.project, known.entity) == (destination.project, destination.entity):
        return Sent(run, "found", known.url)
    mirror = Mirror(destination, run.path, run.card, _resolved(run), finish_s=SYNC_FINISH_S)
    try:
        mirror.complete(run, pictures.of(run), settings.model)
    except (NotConfirmed, DataError) as error:  # of this run alone
        if isinstance(error, DataError):
            mirror.end("failed")
        mirror.fail()
        return Sent(run, "failed", mirror.url, str(error))
    except TrackingError:
        mirror.fail()
        raise
    return Sent(run, "sent", mirror.url)


def _resolved(run: Run) -> str:
    file = run.path / "experiment.yaml"
    return file.read_text(encoding="utf-8") if file.is_file() else "{}"  # predictions from elsewhere have none


def _values(run: Run) -> dict[str, Any]:
    try:
        values = yaml.safe_load(_resolved(run))
    except yaml.YAMLError as error:
        raise DataError(f"{run.path / 'experiment.yaml'} is damaged ({' '.join(str(error).split())}).") from None
    return values if isinstance(values, dict) else {}


def _tracking(run: Run) -> TrackingSettings:
    try:
        return TrackingSettings.model_validate(_values(run).get("tracking") or {})
    except ValidationError:
        return TrackingSettings()  # of another version


class _PicturesOfSets:
    """The files of images by name, for sets that are still at hand; nothing is downloaded."""

    def __init__(self) -> None:
        self._sets: dict[DataSettings, dict[str, Path]] = {}

    def of(self, run: Run) -> Pictures:
        try:
            settings = DataSettings.model_validate(_values(run).get("data") or {})
        except ValidationError:
            return lambda _: None
        if settings not in self._sets:
            self._sets[settings] = _files(settings)
        return self._sets[settings].get


def _files(settings: DataSettings) -> dict[str, Path]:
    root = find_cached(settings.kaggle) if settings.source == "kaggle" else Path(settings.source).expanduser()
    try:
        files = list_folder(root, settings.classes) if root is not None else None
    except (DataError, OSError):
        return {}
    return {} if files is None else {row.image: Path(str(row.path)) for row in files.itertuples()}  # type: ignore[misc]
