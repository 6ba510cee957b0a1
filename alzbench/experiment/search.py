"""How a sweep searches: Optuna's samplers and pruners, with the options that are known to work with what is done here.

A grid is a study (see `study`). CMA-ES is not here as it keeps pickles in the storage.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from alzbench.experiment.section import Section

Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]


class TpeSampler(Section):
    """Tree-structured Parzen estimators, as Optuna's TPESampler."""

    name: Literal["tpe"] = "tpe"
    n_startup_trials: Count = Field(10, description="trials that are drawn at random first")
    n_ei_candidates: Positive = Field(24, description="candidates of which the best is tried")
    multivariate: bool = Field(True, description="draw all fields together")
    constant_liar: bool = Field(True, description="keep away from what other processes are trying")


class RandomSampler(Section):
    """Each trial at random."""

    name: Literal["random"] = "random"


class Nsga2Sampler(Section):
    """The genetic algorithm NSGA-II, as Optuna's NSGAIISampler; for two objectives."""

    name: Literal["nsga2"] = "nsga2"
    population_size: int = Field(50, ge=2)
    mutation_prob: float | None = Field(None, ge=0, le=1)
    crossover_prob: float = Field(0.9, ge=0, le=1)
    swapping_prob: float = Field(0.5, ge=0, le=1)


class NoPruner(Section):
    """Every trial is trained to its end."""

    name: Literal["none"] = "none"


class MedianPruner(Section):
    """Stops a trial whose best so far is worse than the median of the others at that step."""

    name: Literal["median"] = "median"
    n_startup_trials: Count = Field(5, description="trials that are never pruned")
    n_warmup_steps: Count = Field(0, description="steps of a trial in which it is not")
    interval_steps: Positive = 1
    n_min_trials: Positive = Field(1, description="trials that must have reported at a step")


class PercentilePruner(Section):
    """As the median pruner, with another percentile to be kept."""

    name: Literal["percentile"] = "percentile"
    percentile: float = Field(25.0, ge=0, le=100)
    n_startup_trials: Count = 5
    n_warmup_steps: Count = 0
    interval_steps: Positive = 1
    n_min_trials: Positive = 1


class SuccessiveHalvingPruner(Section):
    """Asynchronous successive halving, as Optuna's SuccessiveHalvingPruner."""

    name: Literal["successive_halving"] = "successive_halving"
    min_resource: Positive | Literal["auto"] = "auto"
    reduction_factor: int = Field(4, ge=2)
    min_early_stopping_rate: Count = 0


class HyperbandPruner(Section):
    """Several brackets of successive halving, as Optuna's HyperbandPruner."""

    name: Literal["hyperband"] = "hyperband"
    min_resource: Positive = 1
    max_resource: Positive | Literal["auto"] = "auto"
    reduction_factor: int = Field(3, ge=2)


SamplerSettings = Annotated[TpeSampler | RandomSampler | Nsga2Sampler, Field(discriminator="name")]
PrunerSettings = Annotated[
    NoPruner | MedianPruner | PercentilePruner | SuccessiveHalvingPruner | HyperbandPruner, Field(discriminator="name")
]
