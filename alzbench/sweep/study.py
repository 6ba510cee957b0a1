"""A sweep's study: opened, or refused where it was made for another question; and how far it is."""

from __future__ import annotations

import json

import optuna
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from alzbench.errors import ExperimentError, RunError
from alzbench.evaluation.metrics import METRICS
from alzbench.experiment.sweep import LoadedSweep
from alzbench.sweep.space import make_pruner, make_sampler
from alzbench.sweep.storage import Storage

ERROR, QUESTION = "error", "question"  # attributes of a trial, and of the study


def open_study(loaded: LoadedSweep, storage: Storage) -> Study:
    """Return the sweep's study, made where it is not there.

    Raises:
        ExperimentError: A study of this name asks another question.
        DataError: The storage cannot be reached.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    higher = {metric.name: metric.higher_is_better for metric in METRICS}
    with storage.exclusive(), storage.reaching():
        study = optuna.create_study(
            study_name=loaded.sweep.name,
            storage=storage.optuna,
            sampler=make_sampler(loaded, 0),
            pruner=make_pruner(loaded),
            directions=["maximize" if higher[name] else "minimize" for name in loaded.sweep.objective],
            load_if_exists=True,
        )
        stored = study.user_attrs.get(QUESTION)
        if stored is None and not study.get_trials(deepcopy=False):
            study.set_user_attr(QUESTION, loaded.question)
        elif stored != loaded.question:
            what = _first_difference(stored, loaded.question)
            raise ExperimentError(
                f"{loaded.file}: the stored sweep {loaded.sweep.name} has another {what}, so its trials do not answer "
                f"this one; give the file another name, or remove {storage.folder}."
            )
    return study


def counts(study: Study) -> dict[str, int]:
    """Return how many trials are in each state."""
    states = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
    every = [trial.state for trial in study.get_trials(deepcopy=False)]
    return {name: every.count(state) for name, state in states.items()}


def completed(study: Study) -> int:
    """Return how many trials are finished, whatever became of them."""
    return sum(trial.state.is_finished() for trial in study.get_trials(deepcopy=False))


def finished(study: Study) -> list[FrozenTrial]:
    """Return the complete trials; raises RunError where there are none."""
    found = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if not found:
        failed = study.get_trials(deepcopy=False, states=(TrialState.FAIL,))
        why = f" Trial {failed[0].number} said: {failed[0].user_attrs.get(ERROR, 'nothing')}" if failed else ""
        raise RunError(f"No trial of {study.study_name} is complete, so there is no best one.{why}")
    return found


def _first_difference(stored: str | None, asked: str) -> str:
    if stored is None:
        return "origin: it was not made by alzbench"
    old, new = json.loads(stored), json.loads(asked)
    return next((key for key in new if old.get(key) != new[key]), "question")
