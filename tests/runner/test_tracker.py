"""A tracked run: the tracker hears of its end after the folder has its final state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from alzbench.data.manifest import ImageSet, open_image_set
from alzbench.errors import RunError
from alzbench.experiment import Experiment
from alzbench.progress import Progress
from alzbench.runner.listeners import EpochListener
from alzbench.runner.tracker import begin_tracked
from alzbench.store import RunStore, RunWriter, read_run
from tests.helpers.running import Tiny
from tests.helpers.runs import CARD


class Following:
    """A tracker that reads the state of the run when it begins to follow it, and when it ends."""

    def __init__(self) -> None:
        self.listener = EpochListener()
        self.states: list[str] = []

    def prepare(self, experiments: Any) -> None:
        """Do nothing."""

    @contextmanager
    def follow(self, experiment: Experiment, writer: RunWriter, images: ImageSet) -> Iterator[EpochListener]:
        del experiment, images
        self.states.append(read_run(writer.path).card.state)
        try:
            yield self.listener
        finally:
            self.states.append(read_run(writer.path).card.state)

    def end_sweep(self, *_: Any) -> None:
        """Do nothing."""


@pytest.mark.parametrize(("error", "state"), [(None, "complete"), (RunError("it fails"), "failed")])
def test_the_tracker_sees_the_final_state(tiny: Tiny, store: RunStore, error: RunError | None, state: str) -> None:
    tracker, images = Following(), open_image_set(tiny().data, Progress())

    def work() -> None:
        with begin_tracked(store, CARD, tracker, tiny(), images, restart=False) as (_, listener):
            assert listener is tracker.listener
            if error:
                raise error

    if error:
        with pytest.raises(RunError, match="it fails"):
            work()
    else:
        work()
    assert tracker.states == ["running", state]


def test_without_a_tracker_nothing_listens(tiny: Tiny, store: RunStore) -> None:
    images = open_image_set(tiny().data, Progress())
    with begin_tracked(store, CARD, None, tiny(), images, restart=False) as (writer, listener):
        assert type(listener) is EpochListener
    assert read_run(writer.path).card.state == "complete"
