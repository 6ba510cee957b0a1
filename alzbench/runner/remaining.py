"""The time left in a sequence of runs, estimated from those that are done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

from alzbench.evaluation.sanity import SANITY
from alzbench.experiment import Experiment
from alzbench.store import Run


class Remaining:
    """Estimate of the time left in a sequence of runs.

    The estimate for a run is the mean duration of its experiment's other runs; before there are any, its number of
    epochs times the mean duration of an epoch in other experiments.

    Args:
        left: The experiment of each run that is still to do.
    """

    def __init__(self, left: Sequence[Experiment]) -> None:
        self._left = list(left)
        self._seconds: dict[str, list[float]] = {}
        self._epochs: dict[str, int] = {}

    def finish(self, experiment: Experiment, seconds: float | None) -> None:
        """Count a run as done, in `seconds`; None if it failed, as its duration says nothing about the others."""
        if experiment in self._left:
            self._left.remove(experiment)
        if seconds is not None and _epochs(experiment):
            key = _key(experiment)
            self._seconds.setdefault(key, []).append(seconds)
            self._epochs[key] = _epochs(experiment)

    def seconds(self) -> float | None:
        """Return the estimated seconds left; None before the first run is finished."""
        if not self._seconds:
            return None
        an_epoch = fmean(fmean(seconds) / self._epochs[key] for key, seconds in self._seconds.items())
        return sum(
            fmean(self._seconds[_key(e)]) if _key(e) in self._seconds else an_epoch * _epochs(e) for e in self._left
        )


def expected_seconds(left: Sequence[Experiment], runs: Iterable[Run]) -> float | None:
    """Return the expected seconds of runs, without feature maps; None if no stored run tells anything.

    A run takes as long as the stored runs of its experiment did on average, or else its number of epochs times the mean
    duration of an epoch in the others.

    Args:
        left: The experiment of each run.
        runs: Stored runs; only complete ones with epochs, of a demo where these are of one, are counted.
    """
    demo = any(experiment.demo for experiment in left)
    of_experiment: dict[str, list[float]] = {}
    of_epoch: list[float] = []
    for run in runs:
        if not run.is_scored or run.card.demo != demo or run.card.variant in SANITY:
            continue
        metrics = run.metrics()
        own = sum(seconds for step, seconds in metrics.duration_s.items() if step != "features")
        epochs = (metrics.epochs or 0) + (metrics.head.epochs or 0 if metrics.head else 0)
        if own and epochs:
            of_experiment.setdefault(f"{run.card.experiment}/{run.card.protocol}", []).append(own)
            of_epoch.append(own / epochs)
    if not of_epoch:
        return None
    an_epoch = fmean(of_epoch)
    return sum(fmean(of_experiment[_key(e)]) if _key(e) in of_experiment else an_epoch * _epochs(e) for e in left)


def _key(experiment: Experiment) -> str:
    return f"{experiment.name}/{experiment.protocol.name}"


def _epochs(experiment: Experiment) -> int:
    """Return the number of epochs of a run; 0 for a sanity baseline without a network, which takes next to no time."""
    if experiment.model.variant in SANITY:
        return 0
    return experiment.train.epochs + (experiment.fine_tune.epochs if experiment.fine_tune else 0)
