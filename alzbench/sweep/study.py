"""A sweep's study: opened, or refused where it was made for another question; and how far it is."""

from __future__ import annotations

import json

import optuna
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from alzbench.errors import ExperimentError, RunError
from alzbench.evaluation.metrics import METRICS
from alzbench.experiment.sweep import LoadedSweep
from alzbench.sweep.space import make_pruner, make_sampler
from alzbench.sweep.storage import Storage

ERROR = "error"  # attribute of a trial
QUESTION, DATA = "question", "data"  # attributes of the study


def open_study(loaded: LoadedSweep, storage: Storage) -> Study:
    """Return the sweep's study, made where it is not there.

    Raises:
        ExperimentError: A study of this name asks another question.
        DataError: The storage cannot be reached.
    """
    with storage.exclusive(), storage.reaching():
        study = _made(loaded, storage.optuna)
        if QUESTION not in study.user_attrs and not study.get_trials(deepcopy=False):
            study.set_user_attr(QUESTION, loaded.question)
        _check_question(loaded, study)
    return study


def read_study(loaded: LoadedSweep, storage: Storage) -> Study:
    """Return the sweep's study as `open_study` does, but where it is not there an empty one that is kept nowhere."""
    with storage.reaching():
        there = loaded.sweep.name in optuna.get_all_study_names(storage.optuna)
        study = _made(loaded, storage.optuna if there else InMemoryStorage())
        if study.user_attrs or study.get_trials(deepcopy=False):
            _check_question(loaded, study)
    return study


def check_data(loaded: LoadedSweep, storage: Storage, study: Study, fingerprint: str) -> None:
    """Check that the study's trials are about these images, and keep whose they are where it is new.

    Raises:
        ExperimentError: They are about others.
    """
    with storage.exclusive(), storage.reaching():
        stored = study.user_attrs.get(DATA)
        if stored is None:
            study.set_user_attr(DATA, fingerprint)
        elif stored != fingerprint:
            raise ExperimentError(
                f"{loaded.file}: all trials of a sweep must be about the same images; those of the stored sweep "
                f"{loaded.sweep.name} are about data {stored[:6]}, and this is data {fingerprint[:6]}. Give it another "
                f"name (name: in the file), or the images that it was begun with."
            )


def _made(loaded: LoadedSweep, storage: BaseStorage) -> Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(
        study_name=loaded.sweep.name,
        storage=storage,
        sampler=make_sampler(loaded, 0),
        pruner=make_pruner(loaded),
        directions=["maximize" if METRICS[name].higher_is_better else "minimize" for name in loaded.sweep.objective],
        load_if_exists=True,
    )


def _check_question(loaded: LoadedSweep, study: Study) -> None:
    stored, name = study.user_attrs.get(QUESTION), loaded.sweep.name
    if stored is None:
        raise ExperimentError(
            f"{loaded.file}: a study named {name} is stored already, and no sweep of alzbench made it; give this one "
            "another name (name: in the file), or another --storage."
        )
    if stored != loaded.question:
        old, new = json.loads(stored), json.loads(loaded.question)
        what = next((key for key in new if old.get(key) != new[key]), "question")
        raise ExperimentError(
            f"{loaded.file}: the stored sweep {name} has another {what}, so its trials do not "
            "answer this one; give this one another name (name: in the file), or another --storage."
        )


def counts(study: Study) -> dict[str, int]:
    """Return how many trials are in each state."""
    states = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
    every = [trial.state for trial in study.get_trials(deepcopy=False)]
    return {name: every.count(state) for name, state in states.items()}


def failures(study: Study) -> list[FrozenTrial]:
    """Return the trials that failed."""
    return study.get_trials(deepcopy=False, states=(TrialState.FAIL,))


def completed(study: Study) -> int:
    """Return how many trials are finished, whatever became of them."""
    return sum(trial.state.is_finished() for trial in study.get_trials(deepcopy=False))


def finished(study: Study) -> list[FrozenTrial]:
    """Return the complete trials; raises RunError where there are none."""
    found = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if not found:
        failed = failures(study)
        why = f" Trial {failed[0].number} said: {failed[0].user_attrs.get(ERROR, 'nothing')}" if failed else ""
        raise RunError(f"No trial of {study.study_name} is complete, so there is no best one.{why}")
    return found
