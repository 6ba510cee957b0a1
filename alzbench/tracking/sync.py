"""Sending stored runs to W&B: offline runs, runs that were not sent completely, and runs that were never tracked."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from alzbench.data.folder import list_folder
from alzbench.data.kaggle import find_cached
from alzbench.errors import DataError, Interrupted
from alzbench.experiment import DataSettings
from alzbench.experiment.tracking import TrackingSettings
from alzbench.progress import Progress
from alzbench.store import Run
from alzbench.store.explanation import fingerprint
from alzbench.tracking.client import (
    SYNC_FINISH_S,
    BeingSent,
    Destination,
    NotConfirmed,
    TrackingError,
    is_reachable,
    reason_of,
)
from alzbench.tracking.credentials import has_key
from alzbench.tracking.destination import online_destination
from alzbench.tracking.marker import Marker, read_marker
from alzbench.tracking.media import Pictures
from alzbench.tracking.sweep_summary import SweepSummary, send_summary, stored_summaries
from alzbench.tracking.tracked_run import TrackedRun

State = Literal["sent", "present", "failed"]


@dataclass(frozen=True)
class SyncResult:
    """The result of sending one run, or the summary of one sweep.

    Attributes:
        name: Name of the run or the summary.
        state: `sent`, `present` (W&B had all of it before) or `failed`.
        url: Address of its page.
        error: Reason of a failure.
    """

    name: str
    state: State
    url: str = ""
    error: str = ""

    @property
    def sentence(self) -> str:
        """The result, for people."""
        if self.state == "failed":
            return f"{self.name}: not sent completely: {self.error}"
        return f"{self.name}: {'already sent' if self.state == 'present' else 'sent'}: {self.url}"


def runs_to_send(runs: Sequence[Run], named: bool) -> list[Run]:
    """Return the complete runs that may be sent.

    Demo runs and runs with `tracking.wandb: disabled` are sent only if they are named.
    """
    complete = [run for run in runs if run.card.state == "complete"]
    # a damaged run is kept: sending it reports the reason
    return complete if named else [run for run in complete if not run.card.demo and not is_private(run, damaged=False)]


def summaries_to_send(root: Path, names: Sequence[str], unreadable: Callable[[DataError], None]) -> list[SweepSummary]:
    """Return the summaries of finished sweeps that may be sent, see `runs_to_send`.

    Args:
        root: Folder of the runs.
        names: Names of sweeps; empty: all sweeps.
        unreadable: Called for each summary that is damaged.
    """
    stored = stored_summaries(root, unreadable)
    if names:
        return [summary for summary in stored if summary.sweep.name in names]
    return [summary for summary in stored if not summary.base.get("demo") and not _is_disabled(summary.base)]


def is_private(run: Run, damaged: bool = True) -> bool:
    """Return True if a run's experiment has `tracking.wandb: disabled`; `damaged` if it cannot be read."""
    try:
        return _is_disabled(run.settings())
    except DataError:
        return damaged


def _is_disabled(experiment: Mapping[str, Any]) -> bool:
    tracking = experiment.get("tracking")
    return isinstance(tracking, dict) and tracking.get("wandb") == "disabled"


def sync(
    runs: Sequence[Run],
    summaries: Sequence[SweepSummary],
    progress: Progress,
    project: str | None = None,
    entity: str | None = None,
) -> Iterator[SyncResult]:
    """Send runs and summaries of sweeps, and yield the result of each.

    Nothing is sent twice, but for the media of a run that was explained after it was sent: they are sent again, with
    its maps, into the same W&B run.

    Args:
        runs: Complete runs.
        summaries: Summaries of finished sweeps.
        progress: Shows how many are done.
        project, entity: Destination; by default that of each run's marker, or of its experiment.

    Raises:
        TrackingError: No key is configured, the server cannot be reached, or it refuses two in a row. The markers of
            the runs that were sent remain.
    """
    if (runs or summaries) and not has_key():
        raise TrackingError("Sending runs to W&B needs an API key: run `wandb login` or set WANDB_API_KEY.")
    files = _ImageFiles()
    work = [
        *((run.name, partial(_send, run, files, project, entity)) for run in runs),
        *((summary.title, partial(_send_summary, summary, project, entity)) for summary in summaries),
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
                # a failure of this run alone if the server still responds and accepts the next run
                refused += isinstance(error, TrackingError) and not isinstance(error, BeingSent | NotConfirmed)
                if isinstance(error, TrackingError) and (refused > 1 or not is_reachable()):
                    raise
                yield SyncResult(name, "failed", error=reason_of(error))
            advance(1)


def _send(run: Run, files: _ImageFiles, project: str | None, entity: str | None) -> SyncResult:
    known, settings = read_marker(run.path), _settings(run.settings())
    destination = _destination(known, settings, project, entity)
    if known and _is_present(known, run.card.finished, destination) and known.explained == fingerprint(run.path):
        return SyncResult(run.name, "present", known.url)
    tracked = TrackedRun(destination, run.path, run.card, _resolved(run), finish_s=SYNC_FINISH_S)
    try:
        tracked.complete(run, files.by_name(run), settings.model)
    except BaseException:
        with contextlib.suppress(OSError):
            tracked.fail()
        raise
    return SyncResult(run.name, "sent", tracked.url)


def _send_summary(summary: SweepSummary, project: str | None, entity: str | None) -> SyncResult:
    known = read_marker(summary.sweep)
    destination = _destination(known, _settings(summary.base), project, entity)
    if known and _is_present(known, summary.finished, destination):
        return SyncResult(summary.title, "present", known.url)
    return SyncResult(summary.title, "sent", send_summary(destination, summary, SYNC_FINISH_S))


def _destination(
    known: Marker | None, settings: TrackingSettings, project: str | None, entity: str | None
) -> Destination:
    """Return the given destination, else that of the marker, else that of the settings."""
    destination = online_destination(settings)
    if known is not None:
        destination = Destination("online", known.project, known.entity or destination.entity)
    return Destination("online", project or destination.project, entity or destination.entity)


def _is_present(known: Marker, finished: str, destination: Destination) -> bool:
    """Return True if W&B has all of the run that was finished at this time."""
    complete = known.state == "sent" and known.finished == finished
    return complete and (known.project, known.entity) == (destination.project, destination.entity)


def _resolved(run: Run) -> str:
    file = run.path / "experiment.yaml"
    try:
        return file.read_text(encoding="utf-8") if file.is_file() else "{}"  # imported predictions have none
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read ({error}).") from None


def _settings(experiment: Mapping[str, Any]) -> TrackingSettings:
    try:
        return TrackingSettings.model_validate(experiment.get("tracking") or {})
    except ValidationError:
        return TrackingSettings()  # written by another version


class _ImageFiles:
    """Files of images, for image sets on this machine; nothing is downloaded."""

    def __init__(self) -> None:
        self._sets: dict[str, dict[str, Path]] = {}

    def by_name(self, run: Run) -> Pictures:
        """Return a function from the name of one of the run's images to its file."""
        try:
            settings = DataSettings.model_validate(run.settings().get("data") or {})
        except ValidationError:
            return lambda _: None
        key = settings.model_dump_json()
        if key not in self._sets:
            self._sets[key] = _files(settings)
        return self._sets[key].get


def _files(settings: DataSettings) -> dict[str, Path]:
    if settings.source == "kaggle":
        cached = find_cached(settings.kaggle)
        if cached is None:
            return {}
        root = cached.folder
    else:
        root = Path(settings.source).expanduser()
    try:
        files = list_folder(root, settings.classes, settings.exclude).files
    except (DataError, OSError):
        return {}
    return {row.image: Path(str(row.path)) for row in files.itertuples()}  # type: ignore[misc]
