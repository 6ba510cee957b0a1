"""The border to the W&B client: whatever it raises becomes a TrackingError, and every wait has an end.

The client talks to its server from a process of its own, so logging costs a run next to nothing. What may wait for the
server is begin, tables, and finish; each gives up after the seconds below.
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

BEGIN_S = 15.0  # until a server that does not answer is given up
FINISH_S = 60.0  # for what is left to send at the end of a run
SYNC_FINISH_S = 600.0  # the same where sending is all there is to do
READ_S = 20
CONFIRM_WAITS_S = (0.0, 1.0, 2.0, 4.0)
LONGEST_REASON = 300
Mode = Literal["online", "offline"]
_ANOTHER_RUN = ("WANDB_SWEEP_ID", "WANDB_SWEEP_PARAM_PATH", "WANDB_LAUNCH")


@dataclass(frozen=True)
class Destination:
    """Project of W&B that runs are sent to.

    Attributes:
        mode: `online`, or `offline`: into the run's own folder, to be sent later.
        project: Its name.
        entity: User or team that it belongs to; None: the API key's own.
    """

    mode: Mode
    project: str
    entity: str | None


class TrackingError(AlzbenchError):
    """W&B could not be reached, or refused."""

    exit_code = 1


class BeingSent(TrackingError):
    """Another process mirrors the run."""


class NotConfirmed(TrackingError):
    """W&B answers, and does not show all that was sent."""


@contextlib.contextmanager
def as_tracking_error() -> Iterator[None]:
    """Turn whatever the client raises into a TrackingError."""
    try:
        yield
    except AlzbenchError:
        raise
    except Exception as error:
        said = " ".join(str(error).split())
        reason = said if type(error).__module__.startswith("wandb") and said else f"{type(error).__name__} {said}"
        raise TrackingError(reason[:LONGEST_REASON].rstrip(". ")) from error


def reason_of(error: Exception) -> str:
    """Return what went wrong; of what is neither ours nor the system's, its kind too."""
    return str(error) if isinstance(error, AlzbenchError | OSError) else f"{type(error).__name__}: {error}"


def client_module() -> Any:
    """Return the client's module, silenced."""
    silence()
    import wandb

    return wandb


def warm_up() -> None:
    """Import the client and start its process, which take most of a second.

    A run's begin imports the client's API too: a tenth of a second now, and over one once TensorFlow's thousands of
    modules are there, all of which pydantic looks through for each of the API's classes.
    """
    with contextlib.suppress(Exception):
        importlib.import_module("wandb.apis.public")
        silence()


def silence() -> None:
    """Keep the client quiet: what is to be said, we say.

    In an agent of a W&B sweep, or a launch, the client would put every run into the one that these are about, whatever
    project and id we ask for.

    Its reports about itself are off where the environment does not ask for them: nobody asked us to send them, and a
    server that fails makes them print.
    """
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    for name in _ANOTHER_RUN:
        os.environ.pop(name, None)
    import wandb

    wandb.setup(wandb.Settings(silent=True))


def default_entity() -> str:
    """Return the entity of the configured key; raises TrackingError where the server does not say."""
    with as_tracking_error():
        return str(client_module().Api(timeout=READ_S).default_entity or "")


def answers() -> bool:
    """Return whether the server takes the configured key, so that what fails is about one run."""
    try:
        default_entity()
    except TrackingError:
        return False
    return True


class MirroredRun:
    """A run of W&B that is open; as a context, until it is left.

    Args:
        destination: Where to.
        folder: The client keeps its files in `wandb/` of it.
        id: Of the run; one that exists goes on.
        config, about: Config; name, group, job_type, tags and notes, as W&B has them.
        finish_s: How long `finish` may wait.

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
                reinit="create_new",  # never the one run that the client takes for the process's own
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
        """Finish the run, or let go of it where something failed."""
        if kind is None:
            self.finish()
        else:
            self.abandon(failed=True)

    def _settings(self, finish_s: float) -> Any:
        return self.wandb.Settings(
            silent=True,
            console="off",  # the terminal is ours, and lines of other runs are not this one's
            init_timeout=BEGIN_S,
            finish_timeout=finish_s,
            finish_timeout_raises=True,
            # nothing about the machine: the command line may hold the password of a sweep's storage
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
        """The entity that it belongs to."""
        return str(self._run.entity or "")

    @property
    def url(self) -> str:
        """The page; empty offline."""
        return str(self._run.url or "")

    @property
    def next_step(self) -> int:
        """The first step that the server does not have yet; it takes none before."""
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
        """Wait until all is sent; raises TrackingError where the server does not take it in time."""
        self._open = False  # whatever comes of it: a second wait would be as long, and change nothing
        with as_tracking_error():
            self._run.finish(exit_code=0)

    def abandon(self, failed: bool) -> None:
        """Let go of a run that was not completed, without a word about what could not be sent."""
        if not self._open:
            return
        self._open = False
        with contextlib.suppress(TrackingError), as_tracking_error():
            self._run.finish(exit_code=int(failed))


def confirm(destination: Destination, entity: str, id: str, rows: int) -> None:
    """Ask the server whether it has a run's rows and its final figures, as the client does not say what it dropped.

    Raises:
        NotConfirmed: It has not.
        TrackingError: It does not answer.
    """
    for wait in CONFIRM_WAITS_S:  # what it has taken it may show a little later
        time.sleep(wait)
        with as_tracking_error():
            run = client_module().Api(timeout=READ_S).run(f"{entity}/{destination.project}/{id}")
            found, state = int(run.historyLineCount or 0), run.summary.get("state")
        if found >= rows and state is not None:
            return
    raise NotConfirmed(f"the server shows {found} of {rows} rows and {'no' if state is None else 'its'} final figures")
