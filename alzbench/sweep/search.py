"""The searches of a sweep: one, or one for each fold of a nested sweep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from optuna.study import Study
from optuna.trial import FrozenTrial

from alzbench.experiment.loaded_sweep import LoadedSweep
from alzbench.sweep.optuna_study import best_trials, count_by_state, count_finished


@dataclass(frozen=True)
class Search:
    """A search with its trials.

    Attributes:
        loaded: The sweep; of a nested sweep, the part of one fold.
        optuna_study: Its trials.
    """

    loaded: LoadedSweep
    optuna_study: Study

    @property
    def left(self) -> int:
        """Number of trials that are not finished."""
        return max(0, self.loaded.sweep.trials - count_finished(self.optuna_study))

    @property
    def best(self) -> FrozenTrial:
        """The best trial; raises RunError if none is complete."""
        return best_trials(self.optuna_study)[0]


def total_by_state(searches: Sequence[Search]) -> dict[str, int]:
    """Return the number of trials of all searches in each final state, zeros included."""
    counts = [count_by_state(search.optuna_study) for search in searches]
    total = Counter[str]()
    for count in counts:
        total.update(count)
    return {state: total[state] for state in counts[0]}
