"""The storage of a sweep's trials: an Optuna storage that several processes share, and locks between them."""

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
_SECRETS = ("password", "passfile", "sslpassword")  # options of a URL
_FORMS = "sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"


class Storage:
    """The storage of one sweep.

    Args:
        folder: The sweep's folder, below the folder of the runs.
        url: `sqlite:///FILE` or `postgresql://...`; None: a SQLite file in the folder.
        create: True to create a missing storage; False to use an empty one in memory instead and write nothing.

    Raises:
        ExperimentError: The URL is malformed, or its kind of database is not supported.
        DataError: The storage cannot be reached or read.
    """

    def __init__(self, folder: Path, url: str | None = None, create: bool = True) -> None:
        self.folder = folder
        self._url = _parse(url) if url else make_url(f"sqlite:///{folder / 'optuna.db'}")
        self._file = None if self.on_server else Path(str(self._url.database))
        if create:
            for needed in (folder, *([self._file.parent] if self._file else [])):
                needed.mkdir(parents=True, exist_ok=True)
            with self.lock("storage"):  # so that only one process creates the tables
                self.optuna: BaseStorage = self._open(create=True)
        else:
            self.optuna = self._open(create=False) if self._exists() else InMemoryStorage()

    def __str__(self) -> str:
        """The storage's URL without its password."""
        hidden = self._url.update_query_dict({key: "***" for key in _SECRETS if key in self._url.query})
        return hidden.render_as_string(hide_password=True).replace("%2A%2A%2A", "***")

    @property
    def on_server(self) -> bool:
        """True if processes on other machines may share the storage."""
        return self._url.get_backend_name() != "sqlite"

    @property
    def workers(self) -> Path:
        """Folder of the lock files that show which processes are alive, see `ownership.Worker`."""
        return self._beside("workers")

    def lock(self, name: str) -> filelock.FileLock:
        """Return a lock that all processes on this machine share if they share the storage."""
        return filelock.FileLock(self._beside(f"{name}.lock"))

    def load_trial(self, optuna_study: Study, number: int) -> Trial:
        """Return a trial that another process began, to continue it."""
        study_id = self.optuna.get_study_id_from_name(optuna_study.study_name)
        return Trial(optuna_study, self.optuna.get_trial_id_from_study_id_trial_number(study_id, number))

    def close_thread(self) -> None:
        """Close the connection of this thread."""
        self.optuna.remove_session()

    def close(self) -> None:
        """Close every connection."""
        self.close_thread()
        if isinstance(self.optuna, RDBStorage):
            self.optuna.engine.dispose()

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Run the block while no other process that shares the storage runs such a block."""
        with self.lock("storage"):
            if not self.on_server:
                yield
                return
            assert isinstance(self.optuna, RDBStorage)
            with self.explain_errors(), self.optuna.engine.connect() as connection:
                # the server releases the lock when the connection ends, even if this process is killed
                connection.execute(sqlalchemy.select(sqlalchemy.func.pg_advisory_lock(_LOCK_KEY)))
                try:
                    yield
                finally:
                    connection.execute(sqlalchemy.select(sqlalchemy.func.pg_advisory_unlock(_LOCK_KEY)))

    @contextlib.contextmanager
    def explain_errors(self) -> Iterator[None]:
        """Turn an error of the database in the block into a DataError that a user understands."""
        try:
            yield
        except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
            cause = error.__cause__ or error
            first_line = str(getattr(cause, "orig", None) or cause).strip().splitlines()[0].rstrip(".")
            needed = (
                "reachable and accept this user" if self.on_server else "a SQLite file that can be read and written"
            )
            raise DataError(
                f"The storage {self} must be {needed}; the error was: {first_line}. Correct it and repeat the command; "
                "stored trials are kept."
            ) from None

    def _beside(self, name: str) -> Path:
        """Return a path that is the same for all processes on this machine, even if their run folders differ."""
        return self._file.with_name(f"{self._file.name}.{name}") if self._file else self.folder / name

    def _exists(self) -> bool:
        if self._file and not self._file.is_file():
            return False
        with self._explain_opening_errors():
            engine = sqlalchemy.create_engine(self._with_password, connect_args=self._arguments)
            try:
                return bool(sqlalchemy.inspect(engine).has_table("version_info"))  # Optuna's first table
            finally:
                engine.dispose()

    def _open(self, create: bool) -> RDBStorage:
        with self._explain_opening_errors(), warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return RDBStorage(
                self._with_password,
                engine_kwargs={"connect_args": self._arguments, "pool_pre_ping": True},
                skip_table_creation=not create,
            )

    @contextlib.contextmanager
    def _explain_opening_errors(self) -> Iterator[None]:
        try:
            with self.explain_errors():
                yield
        except ImportError:
            raise DataError(
                f"The storage {self} needs a package that is not installed; install it with "
                "pip install 'alzbench[postgresql]'."
            ) from None
        except RuntimeError as error:  # another version of Optuna created the storage
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
    except (sqlalchemy.exc.ArgumentError, ValueError):  # ValueError: the port is not a number
        # the text is not repeated, as it may hold a password
        raise ExperimentError(f"--storage takes {_FORMS}; got a text that is not a URL.") from None
    if kind not in ("sqlite", "postgresql"):
        raise ExperimentError(f"--storage takes {_FORMS}; {kind} is not supported.")
    if kind == "sqlite" and (not url.database or url.database == ":memory:"):
        raise ExperimentError(
            "--storage must name a file, sqlite:///FILE; a database in memory would end with the command."
        )
    return url
