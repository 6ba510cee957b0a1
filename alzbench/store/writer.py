"""Runs as they are written, under one root."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import filelock
import pandas as pd

from alzbench import atomic
from alzbench.errors import AlzbenchError, DataError, Interrupted, Pruned, RunError, describe_os_error
from alzbench.evaluation.subject_counts import count_subjects
from alzbench.store.card import Card, State
from alzbench.store.metrics import RunMetrics
from alzbench.store.run import Run, read_run


class RunWriter:
    """A run that is being worked on; made by `RunStore.begin`.

    Attributes:
        path, card: Its folder and its card.
        on_epoch: Called after each epoch with all finished ones, in order, as rows of the history.
    """

    def __init__(self, path: Path, card: Card) -> None:
        self.path = path
        self.card = card
        self.on_epoch: Callable[[Sequence[Mapping[str, Any]]], None] = lambda _: None

    def write_json(self, name: str, content: dict[str, Any], indent: int | None = 2) -> None:
        """Write a JSON file; without indent for what only programs read."""
        atomic.write_text(self.path / name, json.dumps(content, indent=indent, allow_nan=False) + "\n")

    def write_metrics(self, metrics: RunMetrics) -> None:
        """Write metrics.json."""
        self.write_json("metrics.json", metrics.to_json())

    def write_counts(self, table: pd.DataFrame) -> None:
        """Write subjects.json, the counts of a predictions table."""
        self.write_json("subjects.json", count_subjects(table).to_json(), indent=None)

    def write_table(self, name: str, table: pd.DataFrame) -> None:
        """Write a CSV file."""
        atomic.write_text(self.path / name, table.to_csv(index=False, lineterminator="\n"))

    def checkpoint(self, stage: str) -> Path:
        """Return where a stage of the training keeps its state."""
        return self.path / f"checkpoint-{stage}.npz"

    def forget_checkpoints(self) -> None:
        """Remove what unfinished trainings have left."""
        for path in self.path.glob("checkpoint*.npz"):
            path.unlink(missing_ok=True)

    def mark(self, state: State, error: str = "") -> None:
        """Change the run's state."""
        finished = _now() if state == "complete" else ""
        self.card = self.card.model_copy(update={"state": state, "error": error, "finished": finished})
        self.write_json("state.json", self.card.model_dump(mode="json"))


class RunStore:
    """The run folders under one root."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path_of(self, card: Card) -> Path:
        """Return the folder of a run, there or not."""
        trial = "" if card.trial is None else f"trial-{card.trial:04d}-"
        fold = "" if card.fold is None else f"fold-{card.fold}-"
        return self.root / card.experiment / f"{trial}seed-{card.seed}-{fold}{card.hash}"

    def find_complete(self, card: Card) -> Run | None:
        """Return the stored run with the card's hash where it is complete."""
        path = self.path_of(card)
        if not (path / "state.json").is_file():
            return None
        run = read_run(path)
        return run if run.card.state == "complete" else None

    @contextmanager
    def begin(self, card: Card, anew: bool = False) -> Iterator[RunWriter]:
        """Work on a run: its state is `running` inside, then `complete`, or what went wrong.

        Args:
            card: Of the run.
            anew: Do not go on with what is there of it.

        Raises:
            RunError: Another process works on the same run.
        """
        path = self.path_of(card)
        path.mkdir(parents=True, exist_ok=True)
        try:
            with filelock.FileLock(path / ".lock", timeout=0):
                writer = RunWriter(path, card.model_copy(update={"created": _now()}))
                if anew or not _goes_on(path):
                    writer.forget_checkpoints()
                    (path / "wandb.json").unlink(missing_ok=True)  # it is of the run that this one replaces
                writer.mark("running")
                with _recording_failure(writer):
                    yield writer
                writer.mark("complete")
        except filelock.Timeout:
            raise RunError(f"{path} is being worked on by another process; wait for it.") from None

    def runs(self, unreadable: Callable[[DataError], None] | None = None) -> list[Run]:
        """Return every stored run, oldest first.

        Args:
            unreadable: Is told of each one that cannot be read, and is left out; None: DataError is raised.
        """
        found = []
        for path in sorted(self.root.glob("*/*/state.json")):
            try:
                found.append(read_run(path.parent))
            except DataError as error:
                if unreadable is None:
                    raise
                unreadable(error)
        return sorted(found, key=lambda run: (run.card.created, run.name))

    def find(self, name: str) -> Run:
        """Return the run of a path, or of `experiment/folder` under the root; raises DataError where there is none."""
        for path in (Path(name), self.root / name):
            if (path / "state.json").is_file():
                return read_run(path)
        raise DataError(f"There is no run {name}; `alzbench list runs` names those under {self.root}.")


def _goes_on(path: Path) -> bool:
    """Return whether there is a run that was not finished."""
    try:
        return (path / "state.json").is_file() and read_run(path).card.state != "complete"
    except DataError:
        return False


@contextmanager
def _recording_failure(writer: RunWriter) -> Iterator[None]:
    try:
        yield
    except (KeyboardInterrupt, Interrupted):
        _mark_quietly(writer, "interrupted", "stopped by the user")
        raise
    except Pruned as error:
        _mark_quietly(writer, "pruned", str(error))
        raise
    except AlzbenchError as error:
        _mark_quietly(writer, "failed", str(error))
        raise
    except OSError as error:
        _mark_quietly(writer, "failed", describe_os_error(error))
        raise
    except Exception as error:
        _mark_quietly(writer, "failed", f"{type(error).__name__}: {error}")
        raise


def _mark_quietly(writer: RunWriter, state: State, error: str) -> None:
    """Record a failure; on a full disk even that may fail, and then the first error is the one to show."""
    try:
        writer.mark(state, error)
    except OSError:
        return


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
