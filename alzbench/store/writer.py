"""Write runs, and find the run folders under one root."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import filelock
import pandas as pd

from alzbench import atomic
from alzbench.errors import AlzbenchError, DataError, ExperimentError, Interrupted, Pruned, RunError, describe_os_error
from alzbench.evaluation.subject_counts import count_subjects
from alzbench.store.card import Card, State
from alzbench.store.explanation import FOLDER as EXPLANATION
from alzbench.store.metrics import RunMetrics
from alzbench.store.named import named_runs
from alzbench.store.run import Run, read_run


class RunWriter:
    """A run in progress; created by `RunStore.begin`.

    Attributes:
        path, card: Its folder and its card.
    """

    def __init__(self, path: Path, card: Card) -> None:
        self.path = path
        self.card = card

    def write_json(self, name: str, content: dict[str, Any], indent: int | None = 2) -> None:
        """Write a JSON file; use no indent for a file that only programs read."""
        atomic.write_text(self.path / name, json.dumps(content, indent=indent, allow_nan=False) + "\n")

    def write_metrics(self, metrics: RunMetrics) -> None:
        """Write metrics.json."""
        self.write_json("metrics.json", metrics.to_json())

    def write_counts(self, table: pd.DataFrame, healthy: int | None = 0) -> None:
        """Write subjects.json, the counts of a predictions table; `healthy`: see `count_subjects`."""
        self.write_json("subjects.json", count_subjects(table, healthy).to_json(), indent=None)

    def write_table(self, name: str, table: pd.DataFrame) -> None:
        """Write a CSV file."""
        atomic.write_text(self.path / name, table.to_csv(index=False, lineterminator="\n"))

    def checkpoint(self, stage: str) -> Path:
        """Return the checkpoint file of a stage of the training."""
        return self.path / f"checkpoint-{stage}.npz"

    def forget_checkpoints(self) -> None:
        """Remove the checkpoints of unfinished trainings."""
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
        """Return the folder of a run, whether or not it exists."""
        trial = "" if card.trial is None else f"trial-{card.trial:04d}-"
        fold = "" if card.fold is None else f"fold-{card.fold}-"
        return self.root / card.experiment / f"{trial}seed-{card.seed}-{fold}{card.hash}"

    def find_complete(self, card: Card) -> Run | None:
        """Return the stored run with the card's hash if it is complete, else None."""
        path = self.path_of(card)
        if not (path / "state.json").is_file():
            return None
        run = read_run(path)
        return run if run.card.state == "complete" else None

    @contextmanager
    def begin(self, card: Card, restart: bool = False) -> Iterator[RunWriter]:
        """Work on a run: its state is `running` in the block, then `complete`, or e.g. `failed` if the block raises.

        Args:
            card: Card of the run.
            restart: Start an unfinished run from scratch; by default it continues.

        Raises:
            RunError: Another process works on the same run.
        """
        path = self.path_of(card)
        path.mkdir(parents=True, exist_ok=True)
        try:
            with filelock.FileLock(path / ".lock", timeout=0):
                writer = RunWriter(path, card.model_copy(update={"created": _now()}))
                if restart or not _is_unfinished(path):
                    writer.forget_checkpoints()
                    for name in ("history.csv", "wandb.json"):  # of the run that this one replaces
                        (path / name).unlink(missing_ok=True)
                    shutil.rmtree(path / EXPLANATION, ignore_errors=True)
                writer.mark("running")
                with _recording_failure(writer):
                    yield writer
                writer.mark("complete")
        except filelock.Timeout:
            raise RunError(f"Another process is working on {path}; wait until it is finished.") from None

    def runs(self, unreadable: Callable[[DataError], None] | None = None) -> list[Run]:
        """Return every stored run, oldest first.

        Args:
            unreadable: Called with the error of each run that cannot be read, which is left out; None: it is raised.
        """
        runs = []
        for path in sorted(self.root.glob("*/*/state.json")):
            try:
                runs.append(read_run(path.parent))
            except DataError as error:
                if unreadable is None:
                    raise
                unreadable(error)
        return sorted(runs, key=lambda run: (run.card.created, run.name))

    def find(self, name: str) -> Run:
        """Return a stored run.

        Args:
            name: Its folder, or a name of it as for `named_runs`; an experiment must have one complete run.

        Raises:
            DataError: There is no such run.
            ExperimentError: There are several.
        """
        for path in (Path(name), self.root / name):
            if (path / "state.json").is_file():
                return read_run(path)
        named = named_runs(name, self.runs(lambda _: None))
        is_experiment = any(run.card.experiment.startswith(name) for run in named)
        runs = [run for run in named if run.is_scored] if is_experiment else named
        if len(runs) > 1:
            listed = ", ".join(run.name for run in runs)
            raise ExperimentError(f"RUN must name one run; {name} has {len(runs)}: {listed}. Choose among them.")
        if not runs:
            raise DataError(f"There is no run {name} under {self.root}; `alzbench list runs` lists the stored runs.")
        return runs[0]


def _is_unfinished(path: Path) -> bool:
    """Return True if the folder holds an unfinished run."""
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
    """Record a failure; if even that fails, as on a full disk, the first error is the one to show."""
    try:
        writer.mark(state, error)
    except OSError:
        return


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
