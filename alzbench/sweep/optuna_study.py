"""The Optuna study of a sweep: opening it, checking that its trials fit the sweep, and counting its trials."""

from __future__ import annotations

import json
import warnings

import optuna
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from alzbench.errors import ExperimentError, RunError
from alzbench.experiment.loaded_sweep import LoadedSweep
from alzbench.sweep.objective import directions
from alzbench.sweep.space import make_pruner, make_sampler
from alzbench.sweep.storage import Storage

ERROR, RUNS = "error", "runs"  # attributes of a trial: why it failed, and the folders of its runs
_ENQUEUED = "fixed_params"  # Optuna's attribute of a trial: the values that it was enqueued with
QUESTION, DATA = "question", "data"  # attributes of the Optuna study


def open_optuna_study(loaded: LoadedSweep, storage: Storage) -> Study:
    """Return the Optuna study of a sweep; create it if it is not stored.

    Raises:
        ExperimentError: The stored study of this name belongs to a sweep with other settings.
        DataError: The storage cannot be reached.
    """
    with storage.exclusive(), storage.explain_errors():
        optuna_study = _load_or_create(loaded, storage.optuna)
        if QUESTION not in optuna_study.user_attrs and not optuna_study.get_trials(deepcopy=False):
            optuna_study.set_user_attr(QUESTION, loaded.question)
        _check_question(loaded, optuna_study)
        _name_objectives(loaded, optuna_study)
        if loaded.sweep.sampler.name == "grid":
            _enqueue_missing(loaded, optuna_study)
    return optuna_study


def _enqueue_missing(loaded: LoadedSweep, optuna_study: Study) -> None:
    """Enqueue the combinations of a grid that no trial has; Optuna's `skip_if_exists` reads all trials for each."""
    known = [trial.system_attrs.get(_ENQUEUED, trial.params) for trial in optuna_study.get_trials(deepcopy=False)]
    for params in loaded.grid():
        if params not in known:
            optuna_study.enqueue_trial(params)


def _name_objectives(loaded: LoadedSweep, optuna_study: Study) -> None:
    """Give the objectives their names, which Optuna's own dashboard shows."""
    if optuna_study.metric_names is None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            optuna_study.set_metric_names(loaded.sweep.objective)


def read_optuna_study(loaded: LoadedSweep, storage: Storage) -> Study:
    """Return the Optuna study of a sweep without writing anything: an empty one in memory if it is not stored.

    Raises:
        ExperimentError, DataError: As `open_optuna_study`.
    """
    with storage.explain_errors():
        is_stored = loaded.sweep.name in optuna.get_all_study_names(storage.optuna)
        optuna_study = _load_or_create(loaded, storage.optuna if is_stored else InMemoryStorage())
        if optuna_study.user_attrs or optuna_study.get_trials(deepcopy=False):
            _check_question(loaded, optuna_study)
    return optuna_study


def check_data(loaded: LoadedSweep, storage: Storage, optuna_study: Study, fingerprint: str) -> None:
    """Check that the stored trials used the same images; store the images' fingerprint if there is none.

    Raises:
        ExperimentError: They used other images.
    """
    with storage.exclusive(), storage.explain_errors():
        stored = optuna_study.user_attrs.get(DATA)
        if stored is None:
            optuna_study.set_user_attr(DATA, fingerprint)
        elif stored != fingerprint:
            raise ExperimentError(
                f"{loaded.file}: all trials of a sweep must use the same images; the stored trials of "
                f"{loaded.sweep.name} used data {stored[:6]}, and this is data {fingerprint[:6]}. Choose the same "
                "images, or another name (name: in the file)."
            )


def _load_or_create(loaded: LoadedSweep, storage: BaseStorage) -> Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(
        study_name=loaded.sweep.name,
        storage=storage,
        sampler=make_sampler(loaded, 0),
        pruner=make_pruner(loaded),
        directions=directions(loaded),
        load_if_exists=True,
    )


def _check_question(loaded: LoadedSweep, optuna_study: Study) -> None:
    stored, name = optuna_study.user_attrs.get(QUESTION), loaded.sweep.name
    if stored is None:
        raise ExperimentError(
            f"{loaded.file}: the storage already has an Optuna study named {name} that alzbench did not create; choose "
            "another name (name: in the file) or another --storage."
        )
    if stored != loaded.question:
        old, new = json.loads(stored), json.loads(loaded.question)
        setting = next((key for key in new if old.get(key) != new[key]), "setting")
        raise ExperimentError(
            f"{loaded.file}: the stored sweep {name} has another {setting}, so its trials cannot be continued; choose "
            "another name (name: in the file) or another --storage."
        )


def count_by_state(optuna_study: Study) -> dict[str, int]:
    """Return the number of trials in each final state."""
    names = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
    states = [trial.state for trial in optuna_study.get_trials(deepcopy=False)]
    return {name: states.count(state) for name, state in names.items()}


def count_finished(optuna_study: Study) -> int:
    """Return the number of trials in any final state: complete, pruned or failed."""
    return sum(trial.state.is_finished() for trial in optuna_study.get_trials(deepcopy=False))


def complete_trials(optuna_study: Study) -> list[FrozenTrial]:
    """Return the trials that have values of the objectives."""
    return optuna_study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def failed_trials(optuna_study: Study) -> list[FrozenTrial]:
    """Return the trials that failed."""
    return optuna_study.get_trials(deepcopy=False, states=(TrialState.FAIL,))


def error_of(trial: FrozenTrial) -> str:
    """Return the error that a failed trial ended with."""
    return str(trial.user_attrs.get(ERROR, "no error is stored"))


def best_trials(optuna_study: Study) -> tuple[FrozenTrial, ...]:
    """Return the best trial; with two objectives the Pareto front, in which the best by the first objective is first.

    Raises:
        RunError: No trial is complete.
    """
    if not complete_trials(optuna_study):
        failed = failed_trials(optuna_study)
        reason = f" Trial {failed[0].number} failed: {error_of(failed[0])}" if failed else ""
        raise RunError(f"No trial of {optuna_study.study_name} is complete, so there is no best trial.{reason}")
    if len(optuna_study.directions) == 1:
        # not `best_trial`, which takes any of several equal trials, as the database orders them
        return (by_first_objective(optuna_study, complete_trials(optuna_study))[0],)
    return tuple(by_first_objective(optuna_study, optuna_study.best_trials))


def by_first_objective(optuna_study: Study, trials: list[FrozenTrial]) -> list[FrozenTrial]:
    """Return complete trials in order, the best by the first objective first."""
    sign = -1 if optuna_study.directions[0].name == "MAXIMIZE" else 1
    return sorted(trials, key=lambda trial: (sign * trial.values[0], trial.number))
