"""What follows runs while they are worked on, such as a mirror of them elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from alzbench.data.manifest import ImageSet
from alzbench.experiment import Experiment
from alzbench.store import Card, RunStore, RunWriter

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Tracker(Protocol):
    """Follows runs and sweeps.

    Nothing that goes wrong with it may reach a run, and a run is complete without it.
    """

    def prepare(self, experiments: Sequence[Experiment]) -> None:
        """Get ready to follow runs of experiments, aside, while their images are read."""

    def follow(self, experiment: Experiment, writer: RunWriter, images: ImageSet) -> AbstractContextManager[None]:
        """Follow one run until its folder is complete, or until what went wrong leaves the block.

        Args:
            experiment: What is run.
            writer: Of the run; its `on_epoch` may be set.
            images: The set.
        """

    def end_sweep(
        self, base: Experiment, folder: Path, values: Mapping[str, Any], figures: Sequence[tuple[Figure, str]]
    ) -> None:
        """Take note of a finished sweep.

        Args:
            base: Its base; its `tracking` says where to.
            folder: Of the sweep, named as it is.
            values: What came of it: plain values by name.
            figures: The study's plots with their captions.
        """


@contextmanager
def begin_tracked(
    store: RunStore, card: Card, tracker: Tracker | None, experiment: Experiment, images: ImageSet, anew: bool = False
) -> Iterator[RunWriter]:
    """Work on a run as `RunStore.begin` has it, with a tracker that is told of its end once the folder says it."""
    with ExitStack() as after, store.begin(card, anew) as writer:
        if tracker is not None:
            after.enter_context(tracker.follow(experiment, writer, images))
        yield writer
