"""Optuna's distributions, samplers and pruners from the settings of a sweep."""

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

from alzbench.experiment.loaded_sweep import LoadedSweep
from alzbench.experiment.parameter import Parameter
from alzbench.experiment.search import (
    GridSampler,
    HyperbandPruner,
    MedianPruner,
    NoPruner,
    Nsga2Sampler,
    PercentilePruner,
    RandomSampler,
    SuccessiveHalvingPruner,
    TpeSampler,
)
from alzbench.experiment.strict import StrictModel
from alzbench.registry import Entry, Registry
from alzbench.seeds import derive

# (settings, seed) -> sampler
Sampler = Callable[[Any, int], BaseSampler]

# settings -> pruner
Pruner = Callable[[Any], BasePruner]

SAMPLERS = Registry("sampler", Entry[Sampler])
PRUNERS = Registry("pruner", Entry[Pruner])


@SAMPLERS.register("tpe", TpeSampler)
def _tpe(settings: TpeSampler, seed: int) -> BaseSampler:
    return optuna.samplers.TPESampler(seed=seed, **_options(settings))


@SAMPLERS.register("random", RandomSampler)
def _random(settings: RandomSampler, seed: int) -> BaseSampler:
    return optuna.samplers.RandomSampler(seed=seed, **_options(settings))


@SAMPLERS.register("grid", GridSampler)
def _grid(settings: GridSampler, seed: int) -> BaseSampler:
    """Return a sampler that is never asked: the trials of a grid are enqueued with their values."""
    return optuna.samplers.RandomSampler(seed=seed, **_options(settings))


@SAMPLERS.register("nsga2", Nsga2Sampler)
def _nsga2(settings: Nsga2Sampler, seed: int) -> BaseSampler:
    return optuna.samplers.NSGAIISampler(seed=seed, **_options(settings))


@PRUNERS.register("none", NoPruner)
def _no_pruner(settings: NoPruner) -> BasePruner:
    return optuna.pruners.NopPruner(**_options(settings))


@PRUNERS.register("median", MedianPruner)
def _median(settings: MedianPruner) -> BasePruner:
    return optuna.pruners.MedianPruner(**_options(settings))


@PRUNERS.register("percentile", PercentilePruner)
def _percentile(settings: PercentilePruner) -> BasePruner:
    return optuna.pruners.PercentilePruner(**_options(settings))


@PRUNERS.register("successive_halving", SuccessiveHalvingPruner)
def _successive_halving(settings: SuccessiveHalvingPruner) -> BasePruner:
    return optuna.pruners.SuccessiveHalvingPruner(**_options(settings))


@PRUNERS.register("hyperband", HyperbandPruner)
def _hyperband(settings: HyperbandPruner) -> BasePruner:
    return optuna.pruners.HyperbandPruner(**_options(settings))


def _options(settings: StrictModel) -> dict[str, Any]:
    """Return the settings as Optuna's arguments, which have the same names."""
    return settings.model_dump(exclude={"name"})


def distribution(parameter: Parameter) -> BaseDistribution:
    """Return Optuna's distribution of a parameter."""
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
        return SAMPLERS[settings.name].function(settings, seed)


def make_pruner(loaded: LoadedSweep) -> BasePruner:
    """Return the sweep's pruner."""
    settings = loaded.sweep.pruner
    return PRUNERS[settings.name].function(settings)


def suggest(trial: Trial, loaded: LoadedSweep) -> dict[str, Any]:
    """Draw the values of a trial, field by field; keep values that it already has.

    Each field of each trial has a sampler with its own seed, so that a trial gets the same values if it is drawn again
    after a crash.
    """
    seed = loaded.sweep.seed
    trial.study.sampler = make_sampler(loaded, derive(seed, "sampling", trial.number))
    trial.relative_params  # noqa: B018 - reading it draws, with this seed
    params: dict[str, Any] = {}
    for k, (field, parameter) in enumerate(loaded.sweep.space.items(), start=1):
        if loaded.is_searched(field, params):
            trial.study.sampler = make_sampler(loaded, derive(seed, "sampling", trial.number, k))
            params[field] = _draw(trial, field, distribution(parameter))
    return params


def _draw(trial: Trial, field: str, values: BaseDistribution) -> Any:
    if isinstance(values, CategoricalDistribution):
        return trial.suggest_categorical(field, values.choices)
    if isinstance(values, IntDistribution):
        return trial.suggest_int(field, values.low, values.high, step=values.step, log=values.log)
    assert isinstance(values, FloatDistribution)
    return trial.suggest_float(field, values.low, values.high, step=values.step, log=values.log)
