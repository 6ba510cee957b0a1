"""Which process works on a trial, and whether it is alive: a trial whose process died is taken over by another."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock

from alzbench.store import is_locked

BEAT_SECONDS = 20.0
SILENT_SECONDS = 120.0  # after which a process on another machine counts as dead
WORKER, BEAT = "worker", "beat"  # attributes of a trial


class Worker:
    """This process, as the others see it: on the same machine by a lock file, on others by its heartbeat.

    Args:
        folder: The sweep's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "workers"
        self._folder.mkdir(parents=True, exist_ok=True)
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._lock = filelock.FileLock(self._path(self.name))

    def __enter__(self) -> Worker:
        self._lock.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        self._path(self.name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.lock"

    def is_alive(self, attributes: dict[str, Any], elsewhere: bool) -> bool:
        """Return whether the process that a trial's attributes name still works on it.

        Args:
            attributes: The trial's.
            elsewhere: Whether it may be on another machine.
        """
        name = attributes.get(WORKER)
        if not isinstance(name, str) or "/" in name:
            return False  # it was begun and its process died before it put its name there
        if self._path(name).is_file():
            return is_locked(self._path(name))
        return elsewhere and time.time() - float(attributes.get(BEAT, 0)) < SILENT_SECONDS

    def forget(self, attributes: dict[str, Any]) -> None:
        """Remove what a dead process has left."""
        name = attributes.get(WORKER)
        if isinstance(name, str) and "/" not in name:
            self._path(name).unlink(missing_ok=True)


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
