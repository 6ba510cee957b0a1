"""Listeners of epochs: none costs a run by a fault of its own, and only those that may stop a run do."""

from __future__ import annotations

import pandas as pd
import pytest

from alzbench.errors import Interrupted, Pruned
from alzbench.runner import EpochListener, EpochStored, EpochTrained
from alzbench.runner.listeners import HistoryFile, Listeners
from alzbench.store import RunStore
from tests.helpers.runs import CARD

TRAINED = EpochTrained(0, pd.DataFrame)
STORED = EpochStored([{"epoch": 1, "loss": 0.5}])


class Noting(EpochListener):
    """Notes the events that it hears of."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def on_epoch_trained(self, event: EpochTrained) -> None:
        self.heard.append(event)

    def on_epoch_stored(self, event: EpochStored) -> None:
        self.heard.append(event)


class Failing(EpochListener):
    """Raises at every event."""

    def __init__(self, error: BaseException) -> None:
        self.error, self.calls = error, 0

    def on_epoch_trained(self, event: EpochTrained) -> None:
        del event
        self.calls += 1
        raise self.error

    def on_epoch_stored(self, event: EpochStored) -> None:
        del event
        self.calls += 1
        raise self.error


class Stopping(Failing):
    may_stop = True


def test_the_base_hears_everything_and_does_nothing() -> None:
    listeners = Listeners([EpochListener()], pytest.fail)
    listeners.epoch_trained(TRAINED)
    listeners.epoch_stored(STORED)


def test_listeners_hear_of_each_event_in_order() -> None:
    first, second = Noting(), Noting()
    listeners = Listeners([first, second], pytest.fail)
    listeners.epoch_trained(TRAINED)
    listeners.epoch_stored(STORED)
    assert first.heard == second.heard == [TRAINED, STORED]


@pytest.mark.parametrize("error", [ValueError("odd"), Pruned("worse"), OSError(28, "No space left")])
def test_a_fault_is_reported_once_and_the_others_go_on(error: Exception) -> None:
    warnings: list[str] = []
    failing, noting = Failing(error), Noting()
    listeners = Listeners([failing, noting], warnings.append)
    for _ in range(2):
        listeners.epoch_trained(TRAINED)
        listeners.epoch_stored(STORED)
    assert noting.heard == [TRAINED, STORED] * 2
    assert failing.calls == 1
    assert warnings == [f"Failing failed ({type(error).__name__}: {error}). This run continues without it."]


@pytest.mark.parametrize("error", [Pruned("worse"), ValueError("odd")])
def test_a_listener_that_may_stop_the_run_stops_it(error: Exception) -> None:
    for event in ("epoch_trained", "epoch_stored"):
        listeners = Listeners([Stopping(error), Failing(AssertionError())], pytest.fail)
        with pytest.raises(type(error)):
            getattr(listeners, event)(TRAINED if event == "epoch_trained" else STORED)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Interrupted("stop")])
def test_an_interruption_passes_through_every_listener(error: BaseException) -> None:
    with pytest.raises(type(error)):
        Listeners([Failing(error)], pytest.fail).epoch_stored(STORED)


def test_the_history_file_holds_every_stored_epoch(store: RunStore) -> None:
    with store.begin(CARD) as writer:
        listeners = Listeners([HistoryFile(writer)], pytest.fail)
        rows = [{"epoch": k, "loss": 1 / k, "stage": "head"} for k in (1, 2, 3)]
        contents = []
        for k in (1, 2, 3):
            listeners.epoch_stored(EpochStored(rows[:k]))
            contents.append((writer.path / "history.csv").read_text())
    assert contents[-1] == "epoch,loss,stage\n1,1.0,head\n2,0.5,head\n3,0.3333333333333333,head\n"
    assert [contents[-1].startswith(content) for content in contents] == [True] * 3
    assert [content.count("\n") for content in contents] == [2, 3, 4]


def test_a_history_that_cannot_be_written_ends_the_run(store: RunStore) -> None:
    with store.begin(CARD) as writer:
        (writer.path / "history.csv").mkdir()
        with pytest.raises(IsADirectoryError):
            Listeners([HistoryFile(writer)], pytest.fail).epoch_stored(STORED)
