"""Counts and order of the trials of an Optuna study."""

from __future__ import annotations

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from alzbench.errors import RunError
from alzbench.sweep.optuna_study import (
    ERROR,
    best_trials,
    complete_trials,
    count_by_state,
    count_finished,
    failed_trials,
)


def make_optuna_study(*values: tuple[float, ...], directions: tuple[str, ...] = ("maximize",)) -> optuna.Study:
    """Return a study with complete trials of these values, then a pruned, a failed and a running one."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    optuna_study = optuna.create_study(directions=directions)
    for objectives in values:
        optuna_study.add_trial(create_trial(values=objectives))
    optuna_study.add_trial(create_trial(state=TrialState.PRUNED))
    optuna_study.add_trial(create_trial(state=TrialState.FAIL, user_attrs={ERROR: "too high"}))
    optuna_study.ask()
    return optuna_study


def test_finished_trials_are_complete_pruned_or_failed() -> None:
    optuna_study = make_optuna_study((0.1,), (0.2,))
    assert [trial.number for trial in complete_trials(optuna_study)] == [0, 1]
    assert [trial.number for trial in failed_trials(optuna_study)] == [3]
    assert count_finished(optuna_study) == 4
    assert count_by_state(optuna_study) == {"complete": 2, "pruned": 1, "failed": 1}


@pytest.mark.parametrize(("direction", "best"), [("maximize", 1), ("minimize", 0)])
def test_the_best_trial_is_the_first_in_the_direction_of_the_objective(direction: str, best: int) -> None:
    optuna_study = make_optuna_study((0.1,), (0.2,), (0.2,), directions=(direction,))
    assert [trial.number for trial in best_trials(optuna_study)] == [best]


def test_of_two_objectives_the_front_is_in_the_order_of_the_first() -> None:
    optuna_study = make_optuna_study(
        (0.1, 1.0), (0.3, 3.0), (0.2, 2.0), (0.2, 4.0), directions=("maximize", "minimize")
    )
    assert [trial.number for trial in best_trials(optuna_study)] == [1, 2, 0]


def test_without_a_complete_trial_the_error_of_a_failed_one_is_shown() -> None:
    with pytest.raises(RunError, match=r"is complete, so there is no best trial\. Trial 1 failed: too high$"):
        best_trials(make_optuna_study())
