"""Experiments against the untrained dark share: a network that does not beat it has shown no more than atrophy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from alzbench.evaluation.differences import Difference, paired_difference
from alzbench.evaluation.metrics import DEMENTED_AUC
from alzbench.evaluation.stacked import StackedCounts, align

UNTRAINED = "dark_share"  # the sanity baseline


@dataclass(frozen=True)
class AgainstAtrophy:
    """The paired difference of the ROC AUC by subject, demented or not, between an experiment and the dark share.

    Attributes:
        other: Label of the experiment.
        untrained: Label of the dark share.
        difference: The experiment's area minus that of the dark share.
    """

    other: str
    untrained: str
    difference: Difference

    @property
    def beats(self) -> bool:
        """True if the whole interval is above 0."""
        return self.difference.interval.low > 0


def against_atrophy(untrained: str, counts: Mapping[str, StackedCounts]) -> tuple[AgainstAtrophy, ...]:
    """Return each experiment's difference to the dark share; one that cannot be paired by subject is absent.

    Args:
        untrained: Label of the dark share.
        counts: Label -> predictions, of the experiments and of the dark share.
    """
    found = []
    for label, other in counts.items():
        difference = None if label == untrained else _difference(counts[untrained], other)
        if difference is not None:
            found.append(AgainstAtrophy(label, untrained, difference))
    return tuple(found)


def _difference(first: StackedCounts, second: StackedCounts) -> Difference | None:
    aligned = align(first, second)
    if aligned is None:
        return None
    one, two = aligned
    jackknife = one.jackknife(DEMENTED_AUC.view)
    if jackknife is None or two.jackknife(DEMENTED_AUC.view) is None or one.healthy != two.healthy:
        return None
    change = two.areas(DEMENTED_AUC) - one.areas(DEMENTED_AUC)
    number = jackknife.clusters(DEMENTED_AUC)[0]
    return paired_difference(change, jackknife.tested, number, DEMENTED_AUC.difference_bounds)
