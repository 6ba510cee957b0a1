"""Listeners: objects that follow the epochs of a run, such as its history file, a W&B run or a sweep's pruner."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pandas as pd

from alzbench.errors import Interrupted
from alzbench.store import RunWriter

Row = Mapping[Any, Any]  # of the history: epoch, loss, accuracy, val_loss, val_accuracy, duration_s, and maybe stage


@dataclass(frozen=True)
class EpochTrained:
    """An epoch is trained and validated, but not stored yet: a run that is killed now repeats it.

    Attributes:
        step: The epoch, counted from 0 over the planned epochs of all stages. So the steps of different trials match,
            even if an earlier stage stopped early.
        predict: Returns the predictions table of the validation part after this epoch.
    """

    step: int
    predict: Callable[[], pd.DataFrame]


@dataclass(frozen=True)
class EpochStored:
    """An epoch is stored: a run that is killed now continues after it.

    Attributes:
        history: A row for each stored epoch of all stages, in order; `epoch` counts from 1.
    """

    history: Sequence[Row]


class EpochListener:
    """Base of all listeners; its methods do nothing.

    Attributes:
        may_stop: True if an exception in its methods ends the run, as for a pruner. Otherwise the exception is
            reported, the run continues, and the listener is removed.
    """

    may_stop: ClassVar[bool] = False

    def on_epoch_trained(self, event: EpochTrained) -> None:
        """Handle an epoch that is trained and not stored yet."""

    def on_epoch_stored(self, event: EpochStored) -> None:
        """Handle an epoch that is stored."""


class Listeners:
    """The listeners of one run, in the order in which they are called.

    Args:
        listeners: The listeners.
        warn: Shows one line to the user: the error of a listener that may not stop the run.
    """

    def __init__(self, listeners: Sequence[EpochListener], warn: Callable[[str], None]) -> None:
        self._listeners, self._warn = list(listeners), warn

    def epoch_trained(self, event: EpochTrained) -> None:
        """Notify all listeners of a trained epoch; raises the exception of a listener that may stop the run."""
        self._notify(lambda listener: listener.on_epoch_trained(event))

    def epoch_stored(self, event: EpochStored) -> None:
        """Notify all listeners of a stored epoch; raises the exception of a listener that may stop the run."""
        self._notify(lambda listener: listener.on_epoch_stored(event))

    def _notify(self, call: Callable[[EpochListener], None]) -> None:
        for listener in list(self._listeners):
            try:
                call(listener)
            except Interrupted:
                raise
            except Exception as error:
                if listener.may_stop:
                    raise
                self._listeners.remove(listener)
                self._warn(
                    f"{type(listener).__name__} failed ({type(error).__name__}: {error}). "
                    "This run continues without it."
                )


class HistoryFile(EpochListener):
    """Updates the run's history.csv after each epoch, so that you can watch the run.

    Args:
        writer: Writer of the run.
    """

    may_stop = True  # if this file cannot be written, the files at the end cannot be either

    def __init__(self, writer: RunWriter) -> None:
        self._writer = writer

    def on_epoch_stored(self, event: EpochStored) -> None:
        """Write all rows; the file is replaced as a whole, so that it never ends in half a row."""
        write_history(self._writer, event.history)


def write_history(writer: RunWriter, history: Sequence[Row]) -> None:
    """Write history.csv."""
    writer.write_table("history.csv", pd.DataFrame(history))
