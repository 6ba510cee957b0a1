"""Settings of a sweep's sampler and pruner: those of Optuna that can continue after a crash.

CMA-ES is not supported, because it keeps pickles in the storage.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from alzbench.experiment.strict import StrictModel

Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]


class TpeSampler(StrictModel):
    """Tree-structured Parzen estimators, as Optuna's TPESampler."""

    name: Literal["tpe"] = "tpe"
    n_startup_trials: Count = Field(10, description="number of first trials that are drawn at random")
    n_ei_candidates: Positive = Field(24, description="number of candidates of which the best is tried")
    multivariate: bool = Field(True, description="model all fields jointly")
    constant_liar: bool = Field(True, description="avoid values that other processes are trying")


class RandomSampler(StrictModel):
    """Independent random values for each trial, as Optuna's RandomSampler."""

    name: Literal["random"] = "random"


class Nsga2Sampler(StrictModel):
    """The genetic algorithm NSGA-II for two objectives, as Optuna's NSGAIISampler."""

    name: Literal["nsga2"] = "nsga2"
    population_size: int = Field(50, ge=2, description="trials in a generation")
    mutation_prob: float | None = Field(
        None, ge=0, le=1, description="probability of a mutation; null: Optuna's default"
    )
    crossover_prob: float = Field(0.9, ge=0, le=1, description="probability of a crossover")
    swapping_prob: float = Field(0.5, ge=0, le=1, description="probability of swapping a value in a crossover")


class GridSampler(StrictModel):
    """Every combination of the choices, once."""

    name: Literal["grid"] = "grid"


class NoPruner(StrictModel):
    """No pruning: every trial is trained to its end."""

    name: Literal["none"] = "none"


class MedianPruner(StrictModel):
    """Prune a trial whose best score so far is worse than the median of the others at that step."""

    name: Literal["median"] = "median"
    n_startup_trials: Count = Field(5, description="number of first trials that are never pruned")
    n_warmup_steps: Count = Field(0, description="number of first steps at which it is not pruned")
    interval_steps: Positive = Field(1, description="steps between two checks")
    n_min_trials: Positive = Field(1, description="number of trials that must have reported at a step")


class PercentilePruner(StrictModel):
    """Prune as the median pruner does, at another percentile."""

    name: Literal["percentile"] = "percentile"
    percentile: float = Field(25.0, ge=0, le=100, description="percentile of the trials that is kept")
    n_startup_trials: Count = Field(5, description="number of first trials that are never pruned")
    n_warmup_steps: Count = Field(0, description="number of first steps at which it is not pruned")
    interval_steps: Positive = Field(1, description="steps between two checks")
    n_min_trials: Positive = Field(1, description="number of trials that must have reported at a step")


class SuccessiveHalvingPruner(StrictModel):
    """Asynchronous successive halving, as Optuna's SuccessiveHalvingPruner."""

    name: Literal["successive_halving"] = "successive_halving"
    min_resource: Positive | Literal["auto"] = Field("auto", description="smallest number of steps")
    reduction_factor: int = Field(4, ge=2, description="1 of this many trials continues")
    min_early_stopping_rate: Count = Field(0, description="number of first checks that are left out")


class HyperbandPruner(StrictModel):
    """Several brackets of successive halving, as Optuna's HyperbandPruner."""

    name: Literal["hyperband"] = "hyperband"
    min_resource: Positive = Field(1, description="smallest number of steps")
    max_resource: Positive | Literal["auto"] = Field("auto", description="largest number of steps")
    reduction_factor: int = Field(3, ge=2, description="1 of this many trials continues")


SamplerSettings = Annotated[TpeSampler | RandomSampler | GridSampler | Nsga2Sampler, Field(discriminator="name")]
PrunerSettings = Annotated[
    NoPruner | MedianPruner | PercentilePruner | SuccessiveHalvingPruner | HyperbandPruner, Field(discriminator="name")
]
