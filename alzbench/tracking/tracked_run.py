"""The W&B run of a stored run: begun, updated epoch by epoch, and completed from the run's folder."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import filelock

from alzbench.store import Card, Run
from alzbench.store.explanation import fingerprint
from alzbench.tracking import content
from alzbench.tracking.client import BeingSent, Destination, OpenRun, confirm
from alzbench.tracking.labels import label_of
from alzbench.tracking.marker import Marker, new_id, read_marker, write_marker
from alzbench.tracking.media import Pictures, media


class TrackedRun:
    """The W&B run of a stored run.

    Args:
        destination: W&B project.
        folder, card: Folder and card of the stored run.
        resolved: The resolved experiment, as YAML.
        finish_s: Seconds that the end may wait for the server.

    Raises:
        TrackingError: The server cannot be reached or refuses.
    """

    def __init__(
        self,
        destination: Destination,
        folder: Path,
        card: Card,
        resolved: str,
        *,
        finish_s: float | None = None,
    ) -> None:
        self._destination, self._folder, self._card = destination, folder, card
        # begun in one thread and ended in another
        self._lock = filelock.FileLock(folder / ".wandb.lock", thread_local=False)
        try:
            self._lock.acquire(timeout=0)
        except filelock.Timeout:
            raise BeingSent(f"another process is sending {folder}; wait until it is finished") from None
        try:
            known = read_marker(folder)
            id = known.id if known and known.project == destination.project else new_id(card, folder)
            self._marker = Marker(id, destination.project, destination.entity or "")
            self._run = self._begin(resolved, finish_s)
        except BaseException:
            self._lock.release()
            raise

    def _begin(self, resolved: str, finish_s: float | None) -> OpenRun:
        """Open the run, then write the marker: a project that the server refuses must not be tried again."""
        card, folder, destination = self._card, self._folder, self._destination
        if destination.mode == "offline":
            _remove_fragments(folder, self._marker.id)
        about = {
            "name": card.title,
            "group": card.experiment,
            "job_type": content.job_type(card),
            "tags": content.tags(card),
            "notes": card.description,
        }
        config = content.config(card, resolved, label_of(folder, card))
        run = OpenRun(destination, folder, self._marker.id, config, about, finish_s)
        try:
            self._sent = run.next_step - 1  # last epoch that the server has, or that the client stores for it
            self._marker = replace(self._marker, entity=run.entity, url=run.url)
            write_marker(folder, self._marker)
        except BaseException:
            run.abandon(failed=True)
            raise
        return run

    @property
    def url(self) -> str:
        """Address of the page; empty offline."""
        return self._marker.url

    def _close(self, **changes: Any) -> None:
        """Release the lock, and update the marker unless the run was restarted meanwhile, which removes it."""
        self._marker = replace(self._marker, **changes)
        try:
            stored = read_marker(self._folder)
            if stored is not None and stored.id == self._marker.id:
                write_marker(self._folder, self._marker)
        finally:
            self._lock.release()

    def log_epochs(self, rows: Sequence[Mapping[Any, Any]]) -> None:
        """Log the epochs of a history that are not logged yet; raises TrackingError."""
        for row in rows:
            if row["epoch"] > self._sent:
                self._run.log(content.epoch(row), step=int(row["epoch"]))
                self._sent = int(row["epoch"])

    def complete(self, run: Run, pictures: Pictures, model: bool) -> None:
        """Send the remaining content of a complete run, and wait until the server has it.

        Args:
            run: The run.
            pictures: See `media`.
            model: True to send the model too.

        Raises:
            TrackingError: The server does not accept it.
            DataError: The run's files are damaged.
        """
        history, explained = run.path / "history.csv", fingerprint(run.path)
        self.log_epochs(run.table("history.csv").to_dict("records") if history.is_file() else [])
        last = max(self._sent + 1, self._run.next_step)
        media_values = media(run, self._run.wandb, pictures)
        if media_values:
            self._run.log(media_values, step=last)
        if model and (run.path / "model.keras").is_file():
            self._run.add_file(f"{run.card.experiment}-{self._marker.id}", "model", run.path / "model.keras")
        self._run.summarise(content.summary(run))
        self._run.finish()
        if self._destination.mode == "offline":
            state = "offline"
        else:
            confirm(self._destination, self._marker.entity, self._marker.id, max(0, self._sent) + bool(media_values))
            state = "sent"
        self._close(state=state, finished=run.card.finished, explained=explained)

    def end(self, state: str, rows: Sequence[Mapping[Any, Any]] = ()) -> None:
        """End a run that was not completed.

        Args:
            state: `pruned`, `interrupted` or `failed`.
            rows: Its finished epochs, see `log_epochs`.
        """
        self.log_epochs(rows)
        self._run.summarise({"state": state})
        self._run.abandon(failed=state != "pruned")
        self._close(state="ended")

    def fail(self) -> None:
        """Abandon the run, and note in the marker that the W&B run is incomplete."""
        self._run.abandon(failed=True)
        self._close(state="failed")


def _remove_fragments(folder: Path, id: str) -> None:
    """Remove offline files that an interrupted process left of this run: the new file will contain all of it."""
    for fragment in (folder / "wandb").glob(f"offline-run-*-{id}"):
        shutil.rmtree(fragment, ignore_errors=True)
