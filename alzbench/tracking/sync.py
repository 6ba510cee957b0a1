"""Stored runs sent to W&B later: those that were mirrored offline or in vain, and those that never were."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from alzbench.data.folder import list_folder
from alzbench.data.kaggle import find_cached
from alzbench.errors import DataError, Interrupted
from alzbench.experiment import DataSettings
from alzbench.experiment.tracking import TrackingSettings
from alzbench.progress import Progress
from alzbench.store import Run
from alzbench.tracking.client import (
    SYNC_FINISH_S,
    BeingSent,
    Destination,
    NotConfirmed,
    TrackingError,
    answers,
    reason_of,
)
from alzbench.tracking.credentials import has_key
from alzbench.tracking.destination import online_destination
from alzbench.tracking.marker import Marker, read_marker
from alzbench.tracking.media import Pictures
from alzbench.tracking.mirror import Mirror
from alzbench.tracking.study import KeptStudy, kept_studies, mirror_study


@dataclass(frozen=True)
class Sent:
    """What became of one run, or of the study of a sweep.

    Attributes:
        name: Its name.
        state: `sent`, `found` (it was there already) or `failed`.
        url: Of its page.
        error: Why it failed.
    """

    name: str
    state: str
    url: str = ""
    error: str = ""

    @property
    def sentence(self) -> str:
        """What became of it, for people."""
        if self.state == "failed":
            return f"{self.name}: not sent whole: {self.error}"
        return f"{self.name}: {'sent already' if self.state == 'found' else 'sent'}: {self.url}"


def to_send(runs: Sequence[Run], named: bool) -> list[Run]:
    """Return the runs that may be sent: complete ones.

    Demo runs, and those whose experiment says `tracking.wandb: disabled`, are sent where they are named alone.
    """
    complete = [run for run in runs if run.card.state == "complete"]
    # what cannot be read is said when it is sent
    return complete if named else [run for run in complete if not run.card.demo and not is_private(run, damaged=False)]


def studies_to_send(root: Path, names: Sequence[str], unreadable: Callable[[DataError], None]) -> list[KeptStudy]:
    """Return the studies of finished sweeps that may be sent, see `to_send`; of named sweeps alone where there are."""
    kept = kept_studies(root, unreadable)
    if names:
        return [study for study in kept if study.folder.name in names]
    return [study for study in kept if not study.base.get("demo") and not _says_private(study.base)]


def is_private(run: Run, damaged: bool = True) -> bool:
    """Return whether a run's experiment says that nothing of it is sent; `damaged` where it cannot be read."""
    try:
        return _says_private(_values(run))
    except DataError:
        return damaged


def _says_private(experiment: Mapping[str, Any]) -> bool:
    tracking = experiment.get("tracking")
    return isinstance(tracking, dict) and tracking.get("wandb") == "disabled"


def sync(
    runs: Sequence[Run],
    studies: Sequence[KeptStudy],
    progress: Progress,
    project: str | None = None,
    entity: str | None = None,
) -> Iterator[Sent]:
    """Send runs and studies, and yield what became of each. What W&B has already is not sent again.

    Args:
        runs: Complete ones.
        studies: Of finished sweeps.
        progress: Where to report.
        project, entity: Where to, instead of what each run's experiment, or its marker, says.

    Raises:
        TrackingError: No key is configured, the server cannot be reached, or it refuses two in a row. What was sent
            stays noted.
    """
    if (runs or studies) and not has_key():
        raise TrackingError("W&B needs an API key to be sent anything: `wandb login` or WANDB_API_KEY.")
    pictures = _PicturesOfSets()
    work = [
        *((run.name, partial(_send, run, pictures, project, entity)) for run in runs),
        *((f"{study.folder.name} study", partial(_send_study, study, project, entity)) for study in studies),
    ]
    refused = 0
    with progress.track("runs", len(work)) as advance:
        for name, send in work:
            try:
                yield send()
                refused = 0
            except Interrupted:
                raise
            except Exception as error:
                # of this one alone, where the server goes on answering, and takes the next one
                refused += isinstance(error, TrackingError) and not isinstance(error, BeingSent | NotConfirmed)
                if isinstance(error, TrackingError) and (refused > 1 or not answers()):
                    raise
                yield Sent(name, "failed", error=reason_of(error))
            advance(1)


def _send(run: Run, pictures: _PicturesOfSets, project: str | None, entity: str | None) -> Sent:
    known, settings = read_marker(run.path), _settings(_values(run))
    destination = _destination(known, settings, project, entity)
    if known and _is_there(known, run.card.finished, destination):
        return Sent(run.name, "found", known.url)
    mirror = Mirror(destination, run.path, run.card, _resolved(run), finish_s=SYNC_FINISH_S)
    try:
        mirror.complete(run, pictures.of(run), settings.model)
    except BaseException:
        with contextlib.suppress(OSError):
            mirror.fail()
        raise
    return Sent(run.name, "sent", mirror.url)


def _send_study(study: KeptStudy, project: str | None, entity: str | None) -> Sent:
    known, name = read_marker(study.folder), f"{study.folder.name} study"
    destination = _destination(known, _settings(study.base), project, entity)
    if known and _is_there(known, study.finished, destination):
        return Sent(name, "found", known.url)
    return Sent(name, "sent", mirror_study(destination, study, SYNC_FINISH_S))


def _destination(
    known: Marker | None, settings: TrackingSettings, project: str | None, entity: str | None
) -> Destination:
    """Return where to: what is asked for, where it was begun, or what its settings say."""
    destination = online_destination(settings)
    if known is not None:
        destination = Destination("online", known.project, known.entity or destination.entity)
    return Destination("online", project or destination.project, entity or destination.entity)


def _is_there(known: Marker, finished: str, destination: Destination) -> bool:
    whole = known.state == "sent" and known.finished == finished
    return whole and (known.project, known.entity) == (destination.project, destination.entity)


def _resolved(run: Run) -> str:
    file = run.path / "experiment.yaml"
    try:
        return file.read_text(encoding="utf-8") if file.is_file() else "{}"  # predictions from elsewhere have none
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read ({error}).") from None


def _values(run: Run) -> dict[str, Any]:
    try:
        values = yaml.safe_load(_resolved(run))
    except yaml.YAMLError as error:
        raise DataError(f"{run.path / 'experiment.yaml'} is damaged ({' '.join(str(error).split())}).") from None
    return values if isinstance(values, dict) else {}


def _settings(experiment: Mapping[str, Any]) -> TrackingSettings:
    try:
        return TrackingSettings.model_validate(experiment.get("tracking") or {})
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
