"""A run and its mirror: begun, brought up to date row by row, and completed from the run's folder."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import filelock

from alzbench.store import Card, Run
from alzbench.tracking import content
from alzbench.tracking.client import BeingSent, Destination, MirroredRun, confirm
from alzbench.tracking.marker import Marker, new_id, read_marker, write_marker
from alzbench.tracking.media import Pictures, media


class Mirror:
    """The mirror of one run.

    Args:
        destination: Where it is.
        folder, card: Of the run.
        resolved: The resolved experiment, as YAML.
        finish_s: How long the end may wait for the server.

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
        # begun in one thread, and ended in another
        self._lock = filelock.FileLock(folder / ".wandb.lock", thread_local=False)
        try:
            self._lock.acquire(timeout=0)
        except filelock.Timeout:
            raise BeingSent(f"{folder} is being sent by another process; wait for it") from None
        try:
            known = read_marker(folder)
            goes_on = known is not None and known.project == destination.project
            id = known.id if known and goes_on else new_id(card, folder)
            self._marker = Marker(id, destination.project, destination.entity or "")
            self._run = self._begin(resolved, finish_s)
        except BaseException:
            self._lock.release()
            raise

    def _begin(self, resolved: str, finish_s: float | None) -> MirroredRun:
        """Open the run, and only then note where it is: what the server does not take must not be asked for again."""
        card, folder, destination = self._card, self._folder, self._destination
        if destination.mode == "offline":
            _forget_fragments(folder, self._marker.id)
        about = {
            "name": card.title,
            "group": card.experiment,
            "job_type": content.job_type(card),
            "tags": content.tags(card),
            "notes": card.description,
        }
        config = content.config(card, resolved)
        run = MirroredRun(destination, folder, self._marker.id, config, about, finish_s)
        try:
            self._sent = run.next_step - 1  # epochs that the server has, or the client keeps for it
            self._marker = replace(self._marker, entity=run.entity, url=run.url)
            write_marker(folder, self._marker)
        except BaseException:
            run.abandon(failed=True)
            raise
        return run

    @property
    def url(self) -> str:
        """The page; empty offline."""
        return self._marker.url

    def _close(self, **changes: Any) -> None:
        """Let go of the lock, and change the marker, unless the run was begun anew meanwhile and so forgot it."""
        self._marker = replace(self._marker, **changes)
        try:
            there = read_marker(self._folder)
            if there is not None and there.id == self._marker.id:
                write_marker(self._folder, self._marker)
        finally:
            self._lock.release()

    def epochs(self, rows: Sequence[Mapping[Any, Any]]) -> None:
        """Log the finished epochs that are not logged yet; raises TrackingError."""
        for row in rows:
            if row["epoch"] > self._sent:
                self._run.log(content.epoch(row), step=int(row["epoch"]))
                self._sent = int(row["epoch"])

    def complete(self, run: Run, pictures: Pictures, model: bool) -> None:
        """Log what is missing of a complete run, and wait until the server has it.

        Args:
            run: The run.
            pictures: See `media`.
            model: Send the model too.

        Raises:
            TrackingError: The server does not take it.
            DataError: The run's files are damaged.
        """
        history = run.path / "history.csv"
        self.epochs(run.table("history.csv").to_dict("records") if history.is_file() else [])
        last = max(self._sent + 1, self._run.next_step)
        shown = media(run, self._run.wandb, pictures)
        if shown:
            self._run.log(shown, step=last)
        if model and (run.path / "model.keras").is_file():
            self._run.add_file(f"{run.card.experiment}-{self._marker.id}", "model", run.path / "model.keras")
        self._run.summarise(content.summary(run))
        self._run.finish()
        if self._destination.mode == "offline":
            state = "offline"
        else:
            confirm(self._destination, self._marker.entity, self._marker.id, max(0, self._sent) + bool(shown))
            state = "sent"
        self._close(state=state, finished=run.card.finished)

    def end(self, state: str, rows: Sequence[Mapping[Any, Any]] = ()) -> None:
        """Let go of a run that was not completed, saying what it is now: `pruned`, `interrupted` or `failed`.

        `rows` are its finished epochs, see `epochs`.
        """
        self.epochs(rows)
        self._run.summarise({"state": state})
        self._run.abandon(failed=state != "pruned")
        self._close(state="ended")

    def fail(self) -> None:
        """Let go of the run, and note that the mirror is not what it should be."""
        self._run.abandon(failed=True)
        self._close(state="failed")


def _forget_fragments(folder: Path, id: str) -> None:
    """Remove what the client kept of this run when it was stopped: the new file will hold all of it again."""
    for fragment in (folder / "wandb").glob(f"offline-run-*-{id}"):
        shutil.rmtree(fragment, ignore_errors=True)
