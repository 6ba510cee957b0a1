"""Stages of training: first the head alone, then, for fine-tuning, the head and the top blocks of the backbone."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alzbench.data.manifest import ImageSet
from alzbench.experiment import Experiment, TrainSettings
from alzbench.progress import Progress

_FEATURES = "features"
_MOST_FEATURES = 4  # of one image set that are kept open, like the networks in `models.prefix`


@dataclass(frozen=True)
class Stage:
    """A training on the output of one frozen prefix.

    Attributes:
        name: Its name in the history and in the progress.
        first_block: The first block of the backbone that is trained with the head, unless `model.backbone.until` names
            the layer below it; None: the head alone is trained.
        prefix: See `models.prefix.Prefix`.
        features: Its feature maps, see `features.Features`.
        settings: Its epochs, its optimizer, and the rule for the kept epoch.
        first_epoch: Number of epochs planned for the earlier stages.
    """

    name: str
    first_block: str | None
    prefix: Any
    features: Any
    settings: TrainSettings
    first_epoch: int


def make_stages(experiment: Experiment, images: ImageSet) -> list[Stage]:
    """Return the stages of an experiment; the runs on an image set share its feature maps.

    Raises:
        DataError: The backbone's weights are missing or unreadable.
    """
    stage = functools.partial(_stage, experiment, images)
    stages = [stage("head", None, experiment.train, 0)]
    tuning = experiment.fine_tune
    if tuning is not None:
        changes = {"epochs": tuning.epochs, "lr": tuning.lr, "patience": tuning.patience, "warmup_epochs": 0}
        settings = experiment.train.model_copy(update=changes)
        stages.append(stage("fine-tuning", tuning.first_block, settings, experiment.train.epochs))
    return stages


def _stage(
    experiment: Experiment,
    images: ImageSet,
    name: str,
    first_block: str | None,
    settings: TrainSettings,
    first_epoch: int,
) -> Stage:
    from alzbench.models.prefix import build_prefix
    from alzbench.training.features import Features

    backbone = experiment.model.backbone
    if (
        first_block is None and experiment.fine_tune is not None
    ):  # the head on top is trained first, on all frozen layers
        backbone = backbone.model_copy(update={"until": None})
    prefix = build_prefix(backbone, experiment.data, first_block)
    key = (_FEATURES, prefix.key, experiment.augment)
    if key not in images.derived:
        known = [other for other in images.derived if isinstance(other, tuple) and other[0] == _FEATURES]
        for oldest in known[: len(known) + 1 - _MOST_FEATURES]:  # each holds a network
            del images.derived[oldest]
        digests = images.manifest["digest"].tolist()
        images.derived[key] = Features(prefix, experiment.augment, images.pixels, digests)
    return Stage(name, first_block, prefix, images.derived[key], settings, first_epoch)


def compute_features(stages: Sequence[Stage], split: pd.DataFrame, views: int | str, progress: Progress) -> None:
    """Compute the feature maps that are not in the cache.

    Args:
        stages: The stages.
        split: The images.
        views: See `AugmentSettings.views`.
        progress: Display of progress.

    Raises:
        RunError: They do not fit on the disk.
    """
    for stage in stages:
        stage.features.compute(_needed(split, views), progress)


def _needed(split: pd.DataFrame, views: int | str) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """Pair each view with the images that need it.

    Every image outside the test part gets every view. So the cache also serves a run with another seed, whose training
    and validation parts differ.
    """
    not_tested = split.index[split["part"] != "test"].to_numpy()
    yield 0, split.index.to_numpy()
    for view in range(1, views if isinstance(views, int) else 1):
        yield view, not_tested
