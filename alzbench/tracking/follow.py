"""Send runs to W&B while they train. A failure is reported once, and does not affect a run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Thread, Timer
from typing import TYPE_CHECKING, Any

from alzbench.data.manifest import ImageSet
from alzbench.errors import Interrupted, Pruned
from alzbench.experiment import Experiment
from alzbench.experiment.tracking import TrackingSettings
from alzbench.runner import EpochListener, EpochStored, resolved_yaml
from alzbench.runner.listeners import Row
from alzbench.store import RunWriter, read_run
from alzbench.tracking.client import BeingSent, Destination, NotConfirmed, reason_of, warm_up
from alzbench.tracking.destination import HINT, destination_of, lacks_key
from alzbench.tracking.sweep_summary import send_summary, write_summary
from alzbench.tracking.tracked_run import TrackedRun

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LONG_S = 3.0  # a stopped command reports that it waits for the server after this time


class WandbTracker:
    """Sends the runs of one command to W&B; see `runner.Tracker`.

    After a failure, the command's later runs are not sent: a server that is down would hold up each of them.

    Args:
        say: Shows one line to the user.
        warn: Shows one line about a failure.
    """

    def __init__(self, say: Callable[[str], None], warn: Callable[[str], None]) -> None:
        self._say, self._warn = say, warn
        self._failed = self._hinted = self._unconfirmed = False

    def prepare(self, experiments: Sequence[Experiment]) -> None:
        """Import and start the client if any run is tracked; its first use reports what is wrong with it."""
        if any(self._destination(experiment.tracking) for experiment in experiments):
            Thread(target=warm_up, name="tracking").start()

    def follow(
        self, experiment: Experiment, writer: RunWriter, images: ImageSet
    ) -> contextlib.AbstractContextManager[EpochListener]:
        """Send a run; see `runner.Tracker`."""
        destination = self._destination(experiment.tracking)
        if destination is None:
            return contextlib.nullcontext(EpochListener())
        return self._follow(destination, experiment, writer, images)

    def _destination(self, settings: TrackingSettings) -> Destination | None:
        if self._failed:
            return None
        destination = None
        with self._guarded(None):
            destination = destination_of(settings)
            if destination is None and not self._hinted and lacks_key(settings):
                self._hinted = True
                self._say(HINT)
        return destination

    @contextlib.contextmanager
    def _follow(
        self, destination: Destination, experiment: Experiment, writer: RunWriter, images: ImageSet
    ) -> Iterator[EpochListener]:
        card, resolved = writer.card, resolved_yaml(experiment)

        def complete(tracked: TrackedRun) -> None:
            paths = {row.image: Path(str(row.path)) for row in images.manifest.itertuples()}
            tracked.complete(read_run(writer.path), paths.get, experiment.tracking.model)

        # the client takes as long to start as several epochs: the run continues meanwhile
        with ThreadPoolExecutor(1, "tracking") as background:
            beginning = background.submit(TrackedRun, destination, writer.path, card, resolved)
            epochs = _Epochs(
                lambda rows: self._update(beginning, lambda tracked: tracked.log_epochs(rows)), beginning.done
            )
            try:
                yield epochs
            except BaseException as error:
                state = _state(error)
                with self._patience() if state == "interrupted" else contextlib.nullcontext():
                    self._update(beginning, lambda tracked: tracked.end(state, epochs.history))
                raise
            self._update(beginning, complete)

    @contextlib.contextmanager
    def _patience(self) -> Iterator[None]:
        """Report a long wait for the server: a stopped command must not seem to hang."""
        timer = Timer(
            LONG_S, self._warn, ["W&B: waiting for the server; press Ctrl-C again to stop waiting. No run is lost."]
        )
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _update(self, beginning: Future[TrackedRun], update: Callable[[TrackedRun], None]) -> None:
        """Wait for the W&B run, and update it."""
        if self._failed:
            return
        with self._guarded(None):
            tracked = beginning.result()
            with self._guarded(tracked):
                update(tracked)

    def end_sweep(
        self, base: Experiment, folder: Path, values: Mapping[str, Any], figures: Sequence[tuple[Figure, str]]
    ) -> None:
        """Log a finished sweep as a run of its own in the group of its trials; see `runner.Tracker`."""
        if base.tracking.wandb == "disabled":
            return
        with self._guarded(None):
            summary = write_summary(folder, base, values, figures)
            destination = self._destination(base.tracking)
            if destination is not None:
                send_summary(destination, summary)

    @contextlib.contextmanager
    def _guarded(self, tracked: TrackedRun | None) -> Iterator[None]:
        try:
            yield
        except BeingSent as error:
            self._warn(f"W&B: {error}; `alzbench sync` sends the rest.")
        except NotConfirmed as error:
            if not self._unconfirmed:
                self._warn(
                    f"W&B: {error}; `alzbench sync` sends the rest. Later runs with this problem are not reported."
                )
            self._unconfirmed = True
            _note_failure(tracked)
        except Interrupted:
            raise
        except Exception as error:  # noqa: BLE001 - a fault of ours must not cost a run either
            if not self._failed:
                self._warn(
                    f"W&B: tracking failed and is off for the rest of this command: {reason_of(error)}. The runs "
                    "continue; `alzbench sync` sends them later."
                )
            self._failed = True
            _note_failure(tracked)


class _Epochs(EpochListener):
    """Sends each stored epoch once the W&B run has begun, and keeps the history for its end."""

    def __init__(self, send: Callable[[Sequence[Row]], None], has_begun: Callable[[], bool]) -> None:
        self._send, self._has_begun = send, has_begun
        self.history: Sequence[Row] = []

    def on_epoch_stored(self, event: EpochStored) -> None:
        """Send the epochs that are not sent yet."""
        self.history = event.history
        if self._has_begun():
            self._send(event.history)


def _note_failure(tracked: TrackedRun | None) -> None:
    if tracked is not None:
        with contextlib.suppress(OSError):
            tracked.fail()


def _state(error: BaseException) -> str:
    if isinstance(error, Pruned):
        return "pruned"
    return "interrupted" if isinstance(error, KeyboardInterrupt | Interrupted) else "failed"
