"""The main job on the real originals, with real weights and a twentieth of the augmented images."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from alzbench.compare import compare, load_references
from alzbench.data.manifest import open_image_set
from alzbench.experiment import DataSettings, load_experiment
from alzbench.progress import Progress
from alzbench.runner import Outcome
from alzbench.store import RunStore
from tests.helpers.paths import EXPERIMENTS
from tests.helpers.running import run as run_experiments

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    return RunStore(tmp_path_factory.mktemp("runs"))


def run(names: list[str], real_set: Path, runs: RunStore, **changes: object) -> list[Outcome]:
    overrides = {
        "data": {"source": str(real_set)},
        "augment": {"views": 1},
        "train": {"epochs": 8},
        **changes,
    }
    experiments = [load_experiment(EXPERIMENTS / f"{name}.yaml", overrides=overrides) for name in names]
    return run_experiments(runs.root, *experiments)


def test_manifest_counts_the_real_originals(real_set: Path) -> None:
    images = open_image_set(DataSettings(source=str(real_set)), Progress())
    originals = images.manifest[images.manifest["part"] == "original"]
    assert originals["label"].value_counts().sort_index().tolist() == [3200, 2240, 896, 64]
    assert set(originals["width"]) == {176}
    assert set(originals["height"]) == {208}
    assert images.skipped.empty


def test_both_variants_beat_the_largest_class_on_balanced_accuracy(real_set: Path, runs: RunStore) -> None:
    outcomes = run(["baseline", "attention"], real_set, runs)
    assert [outcome.state for outcome in outcomes] == ["complete", "complete"]
    for outcome in outcomes:
        metrics = outcome.run().metrics()
        test = metrics.evaluation.images
        assert test.n == 6400
        assert (test.scores["balanced_accuracy"] or 0) > 0.40  # always predicting one class: 0.25
        assert "are of subjects seen in training" in (metrics.leaks or "")


def test_another_seed_finds_every_feature(real_set: Path, runs: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    run(["baseline"], real_set, runs)

    def refuse(*_: object) -> None:
        raise AssertionError("the backbone ran again")

    monkeypatch.setattr("alzbench.training.features.make_extractor", refuse)
    (outcome,) = run(["baseline"], real_set, runs, seeds=[1], train={"epochs": 1})
    assert outcome.state == "complete"


def test_comparison_shows_the_published_reference(real_set: Path, runs: RunStore) -> None:
    run(["baseline", "attention"], real_set, runs)
    groups = compare(runs.runs(), load_references()).groups
    assert [reference.accuracy for group in groups for reference in group.references] == [0.6686]
    (group,) = groups
    for row in group.rows:
        assert row.difference["reference work"] == pytest.approx(row.scores["accuracy"].mean - 0.6686)


def test_predictions_cover_every_original_once(real_set: Path, runs: RunStore) -> None:
    (outcome,) = run(["baseline"], real_set, runs)
    table = outcome.run().table("predictions.csv")
    assert table["image"].is_unique
    assert len(table) == 6400
    split = pd.read_csv(outcome.run().path / "split.csv")
    assert set(table["image"]) == set(split.loc[split["part"] == "test", "image"])
