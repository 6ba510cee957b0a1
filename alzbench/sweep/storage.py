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
from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage
from optuna.study import Study
from optuna.trial import Trial
from sqlalchemy.engine import URL, make_url

from alzbench.errors import DataError, ExperimentError

_CONNECT_SECONDS = 10
_LOCK_KEY = 0x616C7A62  # of PostgreSQL's advisory lock: `alzb`
_SECRETS = ("password", "passfile", "sslpassword")  # where they stand among a URL's options
_FORMS = "sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"


class Storage:
    """The storage of one sweep.

    Args:
        folder: The sweep's folder, under the folder of the runs.
        url: `sqlite:///FILE` or `postgresql://...`; None: a SQLite file in the folder.
        make: Make it where it is not there; else an empty one in memory takes its place, and nothing is written.

    Raises:
        ExperimentError: The URL is none, or of a kind that is not supported.
        DataError: The storage cannot be reached or read.
    """

    def __init__(self, folder: Path, url: str | None = None, make: bool = True) -> None:
        self.folder = folder
        self._url = _parse(url) if url else make_url(f"sqlite:///{folder / 'optuna.db'}")
        self._file = None if self.on_server else Path(str(self._url.database))
        if make:
            for needed in (folder, *([self._file.parent] if self._file else [])):
                needed.mkdir(parents=True, exist_ok=True)
            with self.lock("storage"):  # two processes would both make the tables
                self.optuna: BaseStorage = self._open(make=True)
        else:
            self.optuna = self._open(make=False) if self._is_there() else InMemoryStorage()

    def __str__(self) -> str:
        """The storage's URL without its password."""
        hidden = self._url.update_query_dict({key: "***" for key in _SECRETS if key in self._url.query})
        return hidden.render_as_string(hide_password=True).replace("%2A%2A%2A", "***")

    @property
    def on_server(self) -> bool:
        """Whether processes on other machines may share it."""
        return self._url.get_backend_name() != "sqlite"

    @property
    def workers(self) -> Path:
        """The folder where processes that share the storage say that they are alive; see `ownership.Worker`."""
        return self._beside("workers")

    def lock(self, name: str) -> filelock.FileLock:
        """Return a lock between the processes on this machine that share the storage."""
        return filelock.FileLock(self._beside(f"{name}.lock"))

    def reopened(self, study: Study, number: int) -> Trial:
        """Return a trial that another process began, with all that it has."""
        of = self.optuna.get_study_id_from_name(study.study_name)
        return Trial(study, self.optuna.get_trial_id_from_study_id_trial_number(of, number))

    def close_thread(self) -> None:
        """Give back the connection that this thread has used."""
        self.optuna.remove_session()

    def close(self) -> None:
        """Close every connection."""
        self.close_thread()
        if isinstance(self.optuna, RDBStorage):
            self.optuna.engine.dispose()

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep every other process that shares the storage out while the block runs."""
        with self.lock("storage"):
            if not self.on_server:
                yield
                return
            assert isinstance(self.optuna, RDBStorage)
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
            first_line = str(getattr(cause, "orig", None) or cause).strip().splitlines()[0].rstrip(".")
            must = (
                "be there and let this user in" if self.on_server else "be a SQLite file that can be read and written"
            )
            raise DataError(
                f"The storage {self} must {must}; it said: {first_line}. Trials that are stored there are kept."
            ) from None

    def _beside(self, name: str) -> Path:
        """Return a path that all processes on this machine agree on; they may have different folders for runs."""
        return self._file.with_name(f"{self._file.name}.{name}") if self._file else self.folder / name

    def _is_there(self) -> bool:
        if self._file and not self._file.is_file():
            return False
        with self._explaining():
            engine = sqlalchemy.create_engine(self._with_password, connect_args=self._arguments)
            try:
                return bool(sqlalchemy.inspect(engine).has_table("version_info"))  # the table that says which Optuna
            finally:
                engine.dispose()

    def _open(self, make: bool) -> RDBStorage:
        with self._explaining(), warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return RDBStorage(
                self._with_password,
                engine_kwargs={"connect_args": self._arguments, "pool_pre_ping": True},
                skip_table_creation=not make,
            )

    @contextlib.contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            with self.reaching():
                yield
        except ImportError:
            raise DataError(
                f"The storage {self} needs a package that is not installed: pip install 'alzbench[postgresql]'."
            ) from None
        except RuntimeError as error:  # of another version of Optuna
            raise DataError(f"The storage {self} cannot be used: {' '.join(str(error).split()).rstrip('.')}.") from None

    @property
    def _with_password(self) -> str:
        return self._url.render_as_string(hide_password=False)

    @property
    def _arguments(self) -> dict[str, Any]:
        return {"connect_timeout": _CONNECT_SECONDS} if self.on_server else {"timeout": 60}


def _parse(text: str) -> URL:
    try:
        url = make_url(text)
        kind = url.get_backend_name()
    except (sqlalchemy.exc.ArgumentError, ValueError):  # ValueError: the port is no number
        raise ExperimentError(f"--storage takes {_FORMS}; what was given is no URL.") from None
    if kind not in ("sqlite", "postgresql"):
        raise ExperimentError(f"--storage takes {_FORMS}; {kind} is not supported.")
    if kind == "sqlite" and (not url.database or url.database == ":memory:"):
        raise ExperimentError("--storage must name a file that outlives the command: sqlite:///FILE.")
    return url
