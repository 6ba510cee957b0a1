"""From a sweep's space to Optuna: distributions, samplers and pruners."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.trial import Trial

from alzbench.experiment.parameter import Parameter
from alzbench.experiment.sweep import LoadedSweep
from alzbench.seeds import derive

_SAMPLERS: dict[str, Callable[..., BaseSampler]] = {
    "tpe": optuna.samplers.TPESampler,
    "random": optuna.samplers.RandomSampler,
    "nsga2": optuna.samplers.NSGAIISampler,
}
_PRUNERS: dict[str, Callable[..., BasePruner]] = {
    "none": optuna.pruners.NopPruner,
    "median": optuna.pruners.MedianPruner,
    "percentile": optuna.pruners.PercentilePruner,
    "successive_halving": optuna.pruners.SuccessiveHalvingPruner,
    "hyperband": optuna.pruners.HyperbandPruner,
}


def distribution(parameter: Parameter) -> BaseDistribution:
    """Return what Optuna draws a parameter from."""
    if parameter.choices is not None:
        return CategoricalDistribution(parameter.choices)
    assert parameter.low is not None  # the schema checks it
    assert parameter.high is not None
    if parameter.whole:
        return IntDistribution(
            int(parameter.low), int(parameter.high), log=parameter.log, step=int(parameter.step or 1)
        )
    return FloatDistribution(float(parameter.low), float(parameter.high), log=parameter.log, step=parameter.step)


def make_sampler(loaded: LoadedSweep, seed: int) -> BaseSampler:
    """Return the sweep's sampler."""
    settings = loaded.sweep.sampler
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return _SAMPLERS[settings.name](seed=seed, **settings.model_dump(exclude={"name"}))


def make_pruner(loaded: LoadedSweep) -> BasePruner:
    """Return the sweep's pruner."""
    settings = loaded.sweep.pruner
    return _PRUNERS[settings.name](**settings.model_dump(exclude={"name"}))


def suggest(trial: Trial, loaded: LoadedSweep) -> dict[str, Any]:
    """Return the values of a trial, field by field; those that it was given before stay.

    A sampler that has drawn for the trials before is in another state than one that starts with this trial, as after a
    crash. So each trial, and in it each field, has a sampler of its own, with a seed of its own.
    """
    seed = loaded.sweep.seed
    trial.study.sampler = make_sampler(loaded, derive(seed, "sampling", trial.number))
    trial.relative_params  # noqa: B018 - drawn now, with this seed
    params: dict[str, Any] = {}
    for k, (field, parameter) in enumerate(loaded.sweep.space.items(), start=1):
        if loaded.applies(field, params):
            trial.study.sampler = make_sampler(loaded, derive(seed, "sampling", trial.number, k))
            params[field] = _draw(trial, field, distribution(parameter))
    return params


def _draw(trial: Trial, field: str, drawn_from: BaseDistribution) -> Any:
    if isinstance(drawn_from, CategoricalDistribution):
        return trial.suggest_categorical(field, drawn_from.choices)
    if isinstance(drawn_from, IntDistribution):
        return trial.suggest_int(field, drawn_from.low, drawn_from.high, step=drawn_from.step, log=drawn_from.log)
    assert isinstance(drawn_from, FloatDistribution)
    return trial.suggest_float(field, drawn_from.low, drawn_from.high, step=drawn_from.step, log=drawn_from.log)
