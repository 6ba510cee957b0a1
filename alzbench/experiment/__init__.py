"""Experiments: YAML files that describe the images, the model and its training."""

from alzbench.experiment.imbalance import ImbalanceSettings
from alzbench.experiment.loading import audited_experiment, load_experiment
from alzbench.experiment.protocols import ProtocolSettings
from alzbench.experiment.schema import (
    AugmentSettings,
    BackboneSettings,
    DataSettings,
    Experiment,
    FineTuneSettings,
    ModelSettings,
    TrainSettings,
)

__all__ = [
    "AugmentSettings",
    "BackboneSettings",
    "DataSettings",
    "Experiment",
    "FineTuneSettings",
    "ImbalanceSettings",
    "ModelSettings",
    "ProtocolSettings",
    "TrainSettings",
    "audited_experiment",
    "load_experiment",
]
