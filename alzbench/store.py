"""Run folders: what a run leaves on disk, written so that a folder always says truthfully how far it got.

    runs/<experiment>/seed-<n>-<hash>/          of a sweep's trial: runs/<sweep>/trial-<n>-seed-<n>-<hash>/
        state.json        card of the run: what it is, its state, times and error
        experiment.yaml   resolved: every default written out
        environment.json  versions, platform, devices, git commit
        split.csv         image, label, part
        skipped.csv       image, reason: only where images were left out
        history.csv       a row an epoch
        predictions.csv   the test part; predictions_val.csv the validation part
        metrics.json      the evaluation
        subjects.json     the test answers about each subject, counted: what comparisons read
        model.keras       prefix and head in one loadable model
        figures/*.png     confusion matrix, history
        variant.py        the variant's file: only where it is not the package's own
        wandb.json        which W&B run mirrors it, and how far; wandb/ what the W&B client keeps: only where tracked
        checkpoint*.npz   only while unfinished

Nothing that is read here is executed, and reading needs neither TensorFlow nor the data.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import filelock
import pandas as pd

from alzbench import atomic
from alzbench.errors import AlzbenchError, DataError, Interrupted, Pruned, RunError, describe_os_error
from alzbench.evaluation.predictions import check_table

State = Literal["running", "complete", "failed", "interrupted", "pruned"]
FORMAT = 1
_WAY_OUT = "remove the run's folder, or run it again with --force."


@dataclass(frozen=True)
class Card:
    """What a run is and how far it got; the content of state.json.

    Attributes:
        experiment: Name of the experiment.
        seed: The run's seed.
        fold: The fold that is tested; None for a protocol without folds.
        folds: How many folds there are; 1 for a protocol without folds.
        hash: Hash of the resolved experiment, the seed and the data: equal hashes mean the same run.
        settings: Hash of the resolved experiment alone.
        variant, protocol: Their names.
        protocol_settings: Hash of the protocol's settings.
        leaks: What training has seen of the test images; empty where the protocol keeps subjects apart.
        data: Fingerprint of the image set.
        test: Hash of the test images and their labels: runs that share it can be paired.
        demo: Whether --demo made it.
        sanity: Whether it is a sanity row, run beside the experiments.
        split_seed: The seed of its split where the protocol sets one; None where it is the run's.
        description: The experiment's line about itself.
        trial: Number of the trial in the sweep that is named as the experiment; None for a run that is no trial. The
            test part of a trial is never read, so it has no test scores.
        state: `running` where a process works on it or died; see `Run.state`.
        created, finished: ISO times, UTC; `finished` is empty until it is complete.
        error: Why it failed.
        format: Version of the folder's layout.
    """

    experiment: str
    seed: int
    fold: int | None
    folds: int
    hash: str
    settings: str
    variant: str
    protocol: str
    protocol_settings: str
    leaks: str
    data: str
    test: str
    demo: bool
    sanity: bool
    split_seed: int | None = None
    description: str = ""
    trial: int | None = None
    state: State = "running"
    created: str = ""
    finished: str = ""
    error: str = ""
    format: int = FORMAT


class Run:
    """A stored run."""

    def __init__(self, path: Path, card: Card) -> None:
        self.path = path
        self.card = card

    @property
    def name(self) -> str:
        """Experiment and folder, as `show` takes them."""
        return f"{self.card.experiment}/{self.path.name}"

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """The content of metrics.json; raises DataError where it cannot be read or holds no scores."""
        content = _read_json(self.path / "metrics.json")
        if not isinstance(content.get("test"), dict):
            raise DataError(f"{self.path / 'metrics.json'} holds no test scores; {_WAY_OUT}")
        return content

    def json(self, name: str) -> dict[str, Any]:
        """Read one of the run's JSON files; raises FileNotFoundError, or DataError where it cannot be read."""
        if not (self.path / name).is_file():
            raise FileNotFoundError(self.path / name)
        return _read_json(self.path / name)

    def table(self, name: str, text: Sequence[str] = ()) -> pd.DataFrame:
        """Read one of the run's CSV files; raises DataError where it is none.

        Args:
            name: Of the file.
            text: Columns that are read as text even where they look like numbers, beside those that name an image.
        """
        types = dict.fromkeys(("image", "subject", "slice", *text), str)
        try:
            return pd.read_csv(self.path / name, keep_default_na=False, dtype=types)
        except ValueError as error:
            raise self._damaged(name, error) from None

    def predictions(self, name: str = "predictions.csv") -> pd.DataFrame:
        """Read one of the run's predictions tables; raises DataError where it is none."""
        table = self.table(name, text=("label", "predicted"))
        try:
            check_table(table)
        except ValueError as error:
            raise self._damaged(name, error) from None
        return table

    def _damaged(self, name: str, error: ValueError) -> DataError:
        return DataError(f"{self.path / name} is damaged ({' '.join(str(error).split())}); run it again with --force.")


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
        self.card = replace(self.card, state=state, error=error, finished=finished)
        self.write_json("state.json", asdict(self.card))


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
    def begin(self, card: Card) -> Iterator[RunWriter]:
        """Work on a run: its state is `running` inside, then `complete`, or what went wrong.

        Raises:
            RunError: Another process works on the same run.
        """
        path = self.path_of(card)
        path.mkdir(parents=True, exist_ok=True)
        try:
            with filelock.FileLock(path / ".lock", timeout=0):
                writer = RunWriter(path, replace(card, created=_now()))
                writer.mark("running")
                with _recording_failure(writer):
                    yield writer
                writer.mark("complete")
        except filelock.Timeout:
            raise RunError(f"{path} is being worked on by another process; wait for it.") from None

    def runs(self) -> list[Run]:
        """Return every stored run, oldest first; raises DataError for one that cannot be read."""
        paths = sorted(self.root.glob("*/*/state.json"))
        return sorted((read_run(path.parent) for path in paths), key=lambda run: (run.card.created, run.name))

    def find(self, name: str) -> Run:
        """Return the run of a path, or of `experiment/folder` under the root; raises DataError where there is none."""
        for path in (Path(name), self.root / name):
            if (path / "state.json").is_file():
                return read_run(path)
        raise DataError(f"There is no run {name}; `alzbench list runs` names those under {self.root}.")


def read_run(path: Path) -> Run:
    """Read a run's card; raises DataError where it is damaged or of a newer layout."""
    content = _read_json(path / "state.json")
    if content.get("format") != FORMAT:
        raise DataError(f"{path} has layout {content.get('format')}, this alzbench reads {FORMAT}; update alzbench.")
    known = {field.name for field in fields(Card)}
    try:
        card = Card(**{key: value for key, value in content.items() if key in known})
    except TypeError as error:
        raise DataError(f"{path / 'state.json'} is incomplete ({error}); {_WAY_OUT}") from None
    if card.state == "running" and not is_locked(path / ".lock"):
        card = replace(card, state="interrupted", error=card.error or "its process ended without a word")
    return Run(path, card)


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


def is_locked(path: Path) -> bool:
    """Return whether a live process holds a lock file; a process that dies lets go of it."""
    if not path.exists():
        return False
    lock = filelock.FileLock(path)
    try:
        with lock.acquire(timeout=0):
            return False
    except (filelock.Timeout, OSError):
        return True


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}); {_WAY_OUT}") from None
    if not isinstance(content, dict):
        raise DataError(f"{path} must hold a JSON object; {_WAY_OUT}")
    return content


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
