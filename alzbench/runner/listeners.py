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
    """An epoch is trained and validated, and not stored yet: a run that is killed now will repeat it.

    Attributes:
        step: The epoch, counted from 0 over the epochs that the experiment asks for in all stages, so that it is the
            same in all trials of a sweep, even where an earlier stage stopped early.
        predict: Returns the predictions table of the validation part after this epoch.
    """

    step: int
    predict: Callable[[], pd.DataFrame]


@dataclass(frozen=True)
class EpochStored:
    """An epoch is stored: a run that is killed now will go on after it.

    Attributes:
        history: A row for each stored epoch of all stages, in order; `epoch` counts from 1.
    """

    history: Sequence[Row]


class EpochListener:
    """Base of all listeners; its methods do nothing.

    Attributes:
        may_stop: True if what its methods raise ends the run, as a pruner's do. Otherwise a fault is reported, costs
            the run nothing, and the listener hears no more of it.
    """

    may_stop: ClassVar[bool] = False

    def on_epoch_trained(self, event: EpochTrained) -> None:
        """Handle an epoch that is trained and not stored yet."""

    def on_epoch_stored(self, event: EpochStored) -> None:
        """Handle an epoch that is stored."""


class Listeners:
    """The listeners of one run, in the order in which they hear of each epoch.

    Args:
        listeners: The listeners.
        warn: Shows one line to the user: the fault of a listener that may not stop the run.
    """

    def __init__(self, listeners: Sequence[EpochListener], warn: Callable[[str], None]) -> None:
        self._listeners, self._warn = list(listeners), warn

    def epoch_trained(self, event: EpochTrained) -> None:
        """Tell all listeners of an epoch that is trained; raises what a listener that may stop the run raises."""
        self._notify(lambda listener: listener.on_epoch_trained(event))

    def epoch_stored(self, event: EpochStored) -> None:
        """Tell all listeners of an epoch that is stored; raises what a listener that may stop the run raises."""
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
                    f"{type(listener).__name__} failed and is off for the rest of this run "
                    f"({type(error).__name__}: {error}). The run goes on without it."
                )


class HistoryFile(EpochListener):
    """Brings the run's history.csv up to date after each epoch, so that the run can be watched.

    Args:
        writer: Of the run.
    """

    may_stop = True  # what cannot be written here could not be written at the end

    def __init__(self, writer: RunWriter) -> None:
        self._writer = writer

    def on_epoch_stored(self, event: EpochStored) -> None:
        """Write all rows; the file is replaced at once, so that it never lacks half a row."""
        write_history(self._writer, event.history)


def write_history(writer: RunWriter, history: Sequence[Row]) -> None:
    """Write history.csv."""
    writer.write_table("history.csv", pd.DataFrame(history))
