"""Stages of training: their settings, and the feature maps that each needs."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from alzbench.data.manifest import open_image_set
from alzbench.progress import Progress
from alzbench.runner.stages import Stage, compute_features, make_stages
from alzbench.training.features import Features
from tests.helpers.running import Tiny

TUNED: dict[str, Any] = {"fine_tune": {"first_block": "block_16", "epochs": 5, "lr": 1e-4, "patience": 2}}
SPLIT = pd.DataFrame({"part": ["train", "test", "validation", "test"]}, index=[3, 5, 8, 9])


class Computed:
    """Feature maps that note which images are asked for."""

    def __init__(self) -> None:
        self.views: list[tuple[int, list[int]]] = []

    def compute(self, needed: Any, progress: Progress) -> None:
        del progress
        self.views += [(view, images.tolist()) for view, images in needed]


@pytest.mark.parametrize(
    ("views", "expected"),
    [
        pytest.param(1, [(0, [3, 5, 8, 9])], id="one"),
        pytest.param(3, [(0, [3, 5, 8, 9]), (1, [3, 8]), (2, [3, 8])], id="three"),
        pytest.param("each_epoch", [(0, [3, 5, 8, 9])], id="by-name"),
    ],
)
def test_test_images_get_no_augmented_view(tiny: Tiny, views: int | str, expected: list[Any]) -> None:
    features = Computed()
    stage = Stage("head", None, None, features, tiny().train, 0)
    compute_features([stage], SPLIT, views, Progress())
    assert features.views == expected


@pytest.mark.slow
def test_fine_tuning_is_a_second_stage_with_its_own_settings(tiny: Tiny) -> None:
    experiment = tiny(train={"epochs": 3, "lr": 0.01, "schedule": "cosine", "warmup_epochs": 1}, **TUNED)
    images = open_image_set(experiment.data, Progress())
    head, tuning = make_stages(experiment, images)
    assert (head.name, head.first_block, head.first_epoch, head.settings) == ("head", None, 0, experiment.train)
    assert (tuning.name, tuning.first_block, tuning.first_epoch) == ("fine-tuning", "block_16", 3)
    changed = tuning.settings
    assert (changed.epochs, changed.lr, changed.patience, changed.warmup_epochs) == (5, 1e-4, 2, 0)
    assert changed.batch_size == experiment.train.batch_size
    assert head.features is not tuning.features
    assert tuning.prefix.shape != head.prefix.shape


@pytest.mark.slow
def test_the_runs_on_an_image_set_share_its_feature_maps(tiny: Tiny) -> None:
    images = open_image_set(tiny().data, Progress())
    (first,) = make_stages(tiny(), images)
    (same,) = make_stages(tiny(name="other", train={"epochs": 9}), images)
    (views,) = make_stages(tiny(augment={"views": 3}), images)
    assert first.features is same.features
    assert first.features is not views.features


@pytest.mark.slow
def test_each_backbone_computes_its_feature_maps_once(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[int] = []
    fresh = Features.fresh

    def counting(features: Features, positions: Any, view: int) -> Any:
        computed.append(len(positions))
        return fresh(features, positions, view)

    monkeypatch.setattr(Features, "fresh", counting)
    backbones = [{"until": f"block_{k}_project_BN"} for k in (1, 2, 3)]
    experiments = [tiny(model={"backbone": {"weights": "none", **backbone}}) for backbone in backbones]
    images = open_image_set(experiments[0].data, Progress())
    split = pd.DataFrame({"part": "train"}, index=range(20))
    for _ in range(2):  # runs of two seeds
        for experiment in experiments:
            compute_features(make_stages(experiment, images), split, 1, Progress())
    assert sum(computed) == 3 * 20
    kept = [key for key in images.derived if key[0] == "features"]
    assert len(kept) == 2  # each holds a network, and a study may have many
