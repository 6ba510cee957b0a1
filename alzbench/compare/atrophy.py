"""Experiments against the untrained dark share: a network that does not beat it has shown no more than atrophy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from alzbench.compare.pairs import auc_difference
from alzbench.evaluation.differences import Difference
from alzbench.evaluation.stacked import StackedCounts

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
        difference = None if label == untrained else auc_difference(counts[untrained], other)
        if difference is not None:
            found.append(AgainstAtrophy(label, untrained, difference))
    return tuple(found)
