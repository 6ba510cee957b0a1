"""Where a sweep's trials are kept: an Optuna storage that many processes share, and locks against double work."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock
import optuna
import sqlalchemy
from optuna.storages import RDBStorage
from sqlalchemy.engine import URL, make_url

from alzbench.errors import DataError, ExperimentError

_CONNECT_SECONDS = 10
_LOCK_KEY = 0x616C7A62  # of PostgreSQL's advisory lock: `alzb`


class Storage:
    """The storage of one sweep.

    Args:
        folder: The sweep's folder, under the folder of the runs.
        url: `sqlite:///FILE` or `postgresql://...`; None: a SQLite file in the folder.

    Raises:
        ExperimentError: The URL is none, or of a kind that is not supported.
        DataError: The storage cannot be reached or read.
    """

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._url = _parse(url) if url else make_url(f"sqlite:///{folder / 'optuna.db'}")
        with self._local_lock():  # two processes would both make the tables
            self.optuna = self._open()

    def __str__(self) -> str:
        """The storage's URL without its password."""
        return self._url.render_as_string(hide_password=True)

    @property
    def on_server(self) -> bool:
        """Whether processes on other machines may share it."""
        return self._url.get_backend_name() != "sqlite"

    def close_thread(self) -> None:
        """Give back the connection that this thread has used."""
        self.optuna.remove_session()

    def close(self) -> None:
        """Close every connection."""
        self.close_thread()
        self.optuna.engine.dispose()

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep every other process that shares the storage or the folder out while the block runs."""
        with self._local_lock():
            if not self.on_server:
                yield
                return
            with self.reaching(), self.optuna.engine.connect() as connection:
                # the server lets go of it when the connection ends, also when this process is killed
                connection.execute(sqlalchemy.select(sqlalchemy.func.pg_advisory_lock(_LOCK_KEY)))
                try:
                    yield
                finally:
                    connection.execute(sqlalchemy.select(sqlalchemy.func.pg_advisory_unlock(_LOCK_KEY)))

    @contextlib.contextmanager
    def reaching(self) -> Iterator[None]:
        """Turn errors of the database into a sentence; raises DataError."""
        try:
            yield
        except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
            cause = error.__cause__ or error
            first_line = str(getattr(cause, "orig", None) or cause).strip().splitlines()[0]
            raise DataError(
                f"The storage {self} must be there and let this user in; it said: {first_line}. Trials that are stored "
                "there are kept."
            ) from None

    def _local_lock(self) -> Any:
        return filelock.FileLock(self.folder / ".storage.lock")

    def _open(self) -> RDBStorage:
        arguments: dict[str, Any] = {"timeout": 60}
        if self.on_server:
            arguments = {"connect_timeout": _CONNECT_SECONDS}
        try:
            with self.reaching(), warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                return RDBStorage(
                    self._url.render_as_string(hide_password=False),
                    engine_kwargs={"connect_args": arguments, "pool_pre_ping": True},
                )
        except ImportError:
            raise DataError(
                f"The storage {self} needs a package that is not installed: pip install 'alzbench[postgresql]'."
            ) from None
        except RuntimeError as error:  # of another version of Optuna
            raise DataError(f"The storage {self} cannot be used: {' '.join(str(error).split())}.") from None


def _parse(text: str) -> URL:
    try:
        url = make_url(text)
    except sqlalchemy.exc.ArgumentError:
        raise ExperimentError(
            "--storage takes sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE; what was given is no URL."
        ) from None
    kind = url.get_backend_name()
    if kind not in ("sqlite", "postgresql"):
        raise ExperimentError(f"--storage takes sqlite:///FILE or postgresql://...; {kind} is not supported.")
    if kind == "sqlite":
        if not url.database or url.database == ":memory:":
            raise ExperimentError("--storage must name a file that outlives the command: sqlite:///FILE.")
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    return url
