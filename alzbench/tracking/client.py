"""Calls of the W&B client: any error that it raises becomes a TrackingError, and every wait has an end.

The client talks to its server from a process of its own, so logging takes a run almost no time. Only beginning a run,
sending tables and finishing may wait for the server; each gives up after the seconds below.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from alzbench.errors import AlzbenchError

BEGIN_S = 15.0  # wait for a server that does not respond
FINISH_S = 60.0  # for the remaining data at the end of a run
SYNC_FINISH_S = 600.0  # the same for `alzbench sync`, which has nothing else to do
READ_S = 20
CONFIRM_WAITS_S = (0.0, 1.0, 2.0, 4.0)
LONGEST_REASON = 300
Mode = Literal["online", "offline"]
_ANOTHER_RUN = ("WANDB_SWEEP_ID", "WANDB_SWEEP_PARAM_PATH", "WANDB_LAUNCH")


@dataclass(frozen=True)
class Destination:
    """W&B project that runs are sent to.

    Attributes:
        mode: `online`, or `offline`: into the run's own folder, to be sent later.
        project: Name of the project.
        entity: User or team that it belongs to; None: the API key's own.
    """

    mode: Mode
    project: str
    entity: str | None


class TrackingError(AlzbenchError):
    """W&B cannot be reached, or refuses."""

    exit_code = 1


class BeingSent(TrackingError):
    """Another process is sending the run."""


class NotConfirmed(TrackingError):
    """W&B responds, but does not show all that was sent."""


@contextlib.contextmanager
def as_tracking_error() -> Iterator[None]:
    """Turn any error of the client into a TrackingError."""
    try:
        yield
    except AlzbenchError:
        raise
    except Exception as error:
        message = " ".join(str(error).split())
        is_enough = message and type(error).__module__.startswith("wandb")
        reason = message if is_enough else f"{type(error).__name__} {message}"
        raise TrackingError(reason[:LONGEST_REASON].rstrip(". ")) from error


def reason_of(error: Exception) -> str:
    """Return the text of an error, with its kind if it is neither from alzbench nor from the operating system."""
    return str(error) if isinstance(error, AlzbenchError | OSError) else f"{type(error).__name__}: {error}"


def client_module() -> Any:
    """Return the client's module, see `silence`."""
    silence()
    import wandb

    return wandb


def warm_up() -> None:
    """Import the client and start its process, which takes most of a second.

    Beginning a run imports the client's API too. That takes a tenth of a second now, and more than one second once
    TensorFlow is imported: pydantic searches all of its modules for each class of the API.
    """
    with contextlib.suppress(Exception):
        importlib.import_module("wandb.apis.public")
        silence()


def silence() -> None:
    """Stop the client from printing, and from using settings of the environment that are about another run.

    Inside an agent of a W&B sweep or launch, the client would send every run to the agent's own run, whatever project
    and id are given.

    Error reports about the client itself are off unless the environment turns them on: users have not agreed to them,
    and they print messages if the server fails.
    """
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    for name in _ANOTHER_RUN:
        os.environ.pop(name, None)
    import wandb

    wandb.setup(wandb.Settings(silent=True))


def default_entity() -> str:
    """Return the entity of the configured key; raises TrackingError if the server does not respond."""
    with as_tracking_error():
        return str(client_module().Api(timeout=READ_S).default_entity or "")


def is_reachable() -> bool:
    """Return True if the server responds and accepts the configured key; then a failure is about one run alone."""
    try:
        default_entity()
    except TrackingError:
        return False
    return True


class OpenRun:
    """A W&B run that is open; used as a context manager, it is finished at the end of the block.

    Args:
        destination: W&B project.
        folder: Folder in which the client keeps its files, in `wandb/`.
        id: Id of the W&B run; an existing run is resumed.
        config: Config of the W&B run.
        about: Its name, group, job_type, tags and notes.
        finish_s: Seconds that `finish` may wait.

    Raises:
        TrackingError: The server cannot be reached or refuses.
    """

    def __init__(
        self,
        destination: Destination,
        folder: Path,
        id: str,
        config: Mapping[str, Any],
        about: Mapping[str, Any],
        finish_s: float | None = None,
    ) -> None:
        with as_tracking_error():
            self.wandb = client_module()
            self._open = True
            self._run: Any = self.wandb.init(
                mode=destination.mode,
                project=destination.project,
                entity=destination.entity,
                dir=str(folder),
                id=id,
                resume="allow",
                reinit="create_new",  # other open runs of this process stay open
                config=dict(config),
                settings=self._settings(finish_s or FINISH_S),
                **about,
            )
            try:
                for pattern in ("train/*", "validation/*", "epoch_duration_s"):
                    self._run.define_metric(pattern, step_metric="epoch")
            except Exception:
                self.abandon(failed=True)
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Finish the run, or abandon it if the block raised."""
        if kind is None:
            self.finish()
        else:
            self.abandon(failed=True)

    def _settings(self, finish_s: float) -> Any:
        return self.wandb.Settings(
            silent=True,
            console="off",  # the terminal shows lines of other runs too
            init_timeout=BEGIN_S,
            finish_timeout=finish_s,
            finish_timeout_raises=True,
            # nothing about the machine: the command line may contain the password of a sweep's storage
            program="alzbench",
            x_disable_meta=True,
            x_disable_machine_info=True,
            x_save_requirements=False,
            disable_git=True,
            disable_code=True,
            save_code=False,
        )

    @property
    def entity(self) -> str:
        """Entity that the run belongs to."""
        return str(self._run.entity or "")

    @property
    def url(self) -> str:
        """Address of the page; empty offline."""
        return str(self._run.url or "")

    @property
    def next_step(self) -> int:
        """First step that the server does not have yet; it accepts no earlier ones."""
        return int(self._run.starting_step)

    def log(self, values: Mapping[str, Any], step: int) -> None:
        """Log values at a step."""
        with as_tracking_error():
            self._run.log(dict(values), step=step)

    def summarise(self, values: Mapping[str, Any]) -> None:
        """Set final values."""
        with as_tracking_error():
            self._run.summary.update(dict(values))

    def add_file(self, name: str, kind: str, path: Path) -> None:
        """Send a file as an artifact."""
        with as_tracking_error():
            artifact = self.wandb.Artifact(name, type=kind)
            artifact.add_file(str(path))
            self._run.log_artifact(artifact)

    def finish(self) -> None:
        """Wait until all is sent; raises TrackingError if the server does not accept it in time."""
        self._open = False  # even if it fails: a second wait would take as long, and change nothing
        with as_tracking_error():
            self._run.finish(exit_code=0)

    def abandon(self, failed: bool) -> None:
        """Close a run that was not completed; ignores errors."""
        if not self._open:
            return
        self._open = False
        with contextlib.suppress(TrackingError), as_tracking_error():
            self._run.finish(exit_code=int(failed))


def confirm(destination: Destination, entity: str, id: str, rows: int) -> None:
    """Check that the server has a run's rows and final scores, as the client does not report data that it dropped.

    Raises:
        NotConfirmed: It does not have all of them.
        TrackingError: It does not respond.
    """
    for wait in CONFIRM_WAITS_S:  # it may show data a little after it has accepted them
        time.sleep(wait)
        with as_tracking_error():
            run = client_module().Api(timeout=READ_S).run(f"{entity}/{destination.project}/{id}")
            shown, state = int(run.historyLineCount or 0), run.summary.get("state")
        if shown >= rows and state is not None:
            return
    raise NotConfirmed(f"the server shows {shown} of {rows} rows and {'no' if state is None else 'the'} final scores")
