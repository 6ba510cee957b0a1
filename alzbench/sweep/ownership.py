"""The process that works on a trial: its name, lock file and heartbeat. If it dies, another process takes over."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import filelock
from optuna.trial import Trial

from alzbench.store import is_locked

BEAT_SECONDS = 20.0
SILENT_SECONDS = 120.0  # without a heartbeat, after which a process on another machine counts as dead
WORKER, BEAT, ATTEMPTS = "worker", "beat", "attempts"  # attributes of a trial


class Worker:
    """This process, which others know by its lock file on this machine, and by its heartbeat on other machines.

    Args:
        folder: Folder of the lock files of all processes that share the storage.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._path = folder / f"{self.name}.lock"
        self._lock = filelock.FileLock(self._path)

    def __enter__(self) -> Worker:
        self._lock.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        self._path.unlink(missing_ok=True)

    def own(self, trial: Trial, attempts: int) -> None:
        """Store in a trial that this process works on it.

        Args:
            trial: The trial.
            attempts: Number of processes that have worked on it, this one included.
        """
        # the name first: a new heartbeat beside the name of a dead process would make that one count as alive
        trial.set_user_attr(WORKER, self.name)
        trial.set_user_attr(BEAT, time.time())
        trial.set_user_attr(ATTEMPTS, attempts)


@contextmanager
def released_on_error(trial: Trial) -> Iterator[None]:
    """Release a trial if the block ends with an error, so that any process can continue it at once."""
    try:
        yield
    except BaseException:
        with suppress(Exception):  # if the storage fails here, it fails in the block as well, where it is reported
            trial.set_user_attr(ATTEMPTS, trial.user_attrs.get(ATTEMPTS, 1) - 1)  # only crashes count
            trial.set_user_attr(WORKER, "")
        raise


def is_alive(folder: Path, attributes: dict[str, Any], elsewhere: bool) -> bool:
    """Return True if the process that works on a trial is alive.

    Args:
        folder: Folder of the lock files, see `Worker`.
        attributes: Attributes of the trial.
        elsewhere: True if the process may be on another machine.
    """
    path = _lock_file(folder, attributes)
    if path is None:
        return False
    if path.is_file():
        return is_locked(path)
    return elsewhere and time.time() - float(attributes.get(BEAT, 0)) < SILENT_SECONDS


def remove_lock_file(folder: Path, attributes: dict[str, Any]) -> None:
    """Remove the lock file of the dead process that worked on a trial."""
    path = _lock_file(folder, attributes)
    if path is not None:
        path.unlink(missing_ok=True)


def _lock_file(folder: Path, attributes: dict[str, Any]) -> Path | None:
    """Return the lock file of the process that works on a trial; None if the trial was released or names no process."""
    name = attributes.get(WORKER)
    return folder / f"{name}.lock" if isinstance(name, str) and name and "/" not in name else None


@contextmanager
def heartbeat(beat: Callable[[], None], close: Callable[[], None]) -> Iterator[None]:
    """Call `beat()` every BEAT_SECONDS while the block runs, in a thread that ends with `close()`.

    Errors of `beat()` are ignored.
    """
    stopped = threading.Event()

    def work() -> None:
        while not stopped.wait(BEAT_SECONDS):
            try:
                beat()
            except Exception:  # noqa: BLE001 - the block meets the same error and reports it
                continue
        close()

    thread = threading.Thread(target=work, daemon=True, name="heartbeat")
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
