"""Trackers: objects that follow runs and sweeps and show them elsewhere, such as in W&B."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from alzbench.data.manifest import ImageSet
from alzbench.experiment import Experiment
from alzbench.runner.listeners import EpochListener
from alzbench.store import Card, RunStore, RunWriter

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Tracker(Protocol):
    """Follows runs and sweeps.

    Its failures must not affect a run, and a run is complete without it.
    """

    def prepare(self, experiments: Sequence[Experiment]) -> None:
        """Prepare in the background to follow runs of experiments, while their images are read."""

    def follow(
        self, experiment: Experiment, writer: RunWriter, images: ImageSet
    ) -> AbstractContextManager[EpochListener]:
        """Follow one run until its folder is complete, or until the block raises; yield the listener for its epochs.

        Args:
            experiment: The experiment of the run.
            writer: Writer of the run.
            images: Its image set.
        """

    def end_sweep(
        self, base: Experiment, folder: Path, values: Mapping[str, Any], figures: Sequence[tuple[Figure, str]]
    ) -> None:
        """Record a finished sweep.

        Args:
            base: Its base experiment, whose `tracking` sets the destination.
            folder: Folder of the sweep, with the name of the sweep.
            values: The sweep's result: plain values by name.
            figures: The sweep's plots with their captions.
        """


@contextmanager
def begin_tracked(
    store: RunStore, card: Card, tracker: Tracker | None, experiment: Experiment, images: ImageSet, restart: bool
) -> Iterator[tuple[RunWriter, EpochListener]]:
    """Begin a run, see `RunStore.begin`; the tracker is notified of its end after the folder has its final state."""
    with ExitStack() as after, store.begin(card, restart) as writer:
        listener = EpochListener()
        if tracker is not None:
            listener = after.enter_context(tracker.follow(experiment, writer, images))
        yield writer, listener
