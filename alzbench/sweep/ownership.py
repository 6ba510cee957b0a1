"""Which process works on a trial, and whether it is alive: a trial whose process died is taken over by another."""

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
SILENT_SECONDS = 120.0  # after which a process on another machine counts as dead
WORKER, BEAT, ATTEMPTS = "worker", "beat", "attempts"  # attributes of a trial


class Worker:
    """This process, as the others see it: on the same machine by a lock file, on others by its heartbeat.

    Args:
        folder: Of the lock files of all processes that share the storage.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True)
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
        """Write into a trial that it is this process's."""
        # in this order: with the name of a dead process and a fresh heartbeat, it would count as alive
        trial.set_user_attr(WORKER, self.name)
        trial.set_user_attr(BEAT, time.time())
        trial.set_user_attr(ATTEMPTS, attempts)


@contextmanager
def released_on_error(trial: Trial) -> Iterator[None]:
    """Let go of a trial that is left before its end, so that it is taken up at once and not after a long silence."""
    try:
        yield
    except BaseException:
        with suppress(Exception):  # a storage that is gone says so itself
            trial.set_user_attr(ATTEMPTS, trial.user_attrs.get(ATTEMPTS, 1) - 1)  # it did not end its process
            trial.set_user_attr(WORKER, "")
        raise


def is_alive(folder: Path, attributes: dict[str, Any], elsewhere: bool) -> bool:
    """Return whether the process that a trial's attributes name still works on it.

    Args:
        folder: See `Worker`.
        attributes: The trial's.
        elsewhere: Whether it may be on another machine.
    """
    path = _lock_file(folder, attributes)
    if path is None:
        return False
    if path.is_file():
        return is_locked(path)
    return elsewhere and time.time() - float(attributes.get(BEAT, 0)) < SILENT_SECONDS


def forget(folder: Path, attributes: dict[str, Any]) -> None:
    """Remove what a dead process has left."""
    path = _lock_file(folder, attributes)
    if path is not None:
        path.unlink(missing_ok=True)


def _lock_file(folder: Path, attributes: dict[str, Any]) -> Path | None:
    """Return the lock file of the process that a trial names; None where it let go, or died before it put its name."""
    name = attributes.get(WORKER)
    return folder / f"{name}.lock" if isinstance(name, str) and name and "/" not in name else None


@contextmanager
def heartbeat(beat: Callable[[], None], close: Callable[[], None]) -> Iterator[None]:
    """Call `beat()` every BEAT_SECONDS while the block runs, in a thread that ends with `close()`.

    A beat that fails is left out.
    """
    stopped = threading.Event()

    def work() -> None:
        while not stopped.wait(BEAT_SECONDS):
            try:
                beat()
            except Exception:  # noqa: BLE001 - the work itself meets the same error, and says so
                continue
        close()

    thread = threading.Thread(target=work, daemon=True, name="heartbeat")
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
