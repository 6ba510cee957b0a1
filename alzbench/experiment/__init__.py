"""Experiments: YAML files that say what is trained, on what, and how."""

from alzbench.experiment.loading import audited_experiment, load_experiment
from alzbench.experiment.schema import (
    AugmentSettings,
    BackboneSettings,
    DataSettings,
    Experiment,
    ModelSettings,
    ProtocolSettings,
    TrainSettings,
)

__all__ = [
    "AugmentSettings",
    "BackboneSettings",
    "DataSettings",
    "Experiment",
    "ModelSettings",
    "ProtocolSettings",
    "TrainSettings",
    "audited_experiment",
    "load_experiment",
]
