"""Whole runs under protocols with subjects, and the sanity baselines beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.helpers.running import Tiny, run, run_one

PHANTOM = {"data": {"source": "phantom", "size": 32}, "augment": {"views": 1}, "train": {"epochs": 1, "batch_size": 64}}


@pytest.mark.slow
def test_every_fold_is_a_run_and_tests_its_own_subjects(tiny: Tiny, tmp_path: Path, shared_cache: Path) -> None:
    del shared_cache
    outcomes = run(tmp_path / "runs", tiny(**PHANTOM, protocol={"name": "subject_cv", "folds": 3}))
    assert [(o.job.fold, o.state) for o in outcomes] == [(0, "complete"), (1, "complete"), (2, "complete")]
    tested = []
    for outcome in outcomes:
        stored = outcome.run()
        assert (stored.card.leaks, stored.card.folds) == ("", 3)
        assert f"fold-{outcome.job.fold}-" in stored.path.name
        subjects = stored.evaluation().subjects
        assert subjects is not None
        table = stored.table("predictions.csv")
        assert subjects.subjects == table["subject"].nunique() == 14
        tested += table["subject"].unique().tolist()
    assert len(tested) == len(set(tested)) == 42


@pytest.mark.slow
def test_a_leaky_protocol_says_so_in_card_and_metrics(tiny: Tiny, tmp_path: Path, shared_cache: Path) -> None:
    del shared_cache
    stored = run_one(tmp_path / "runs", tiny(**PHANTOM))
    assert stored.card.leaks.startswith("252 of 252 test images are of subjects seen in training")
    metrics = stored.metrics()
    assert metrics.leaks == stored.card.leaks
    assert metrics.leakage is not None
    assert metrics.leakage.same_subject == 252


@pytest.mark.slow
def test_sanity_rows_are_run_once_beside_the_experiments(tiny: Tiny, tmp_path: Path, shared_cache: Path) -> None:
    del shared_cache
    experiments = [tiny(**PHANTOM, name=name, seeds=seeds) for name, seeds in (("a", [0]), ("b", [0, 1]))]
    outcomes = run(tmp_path / "runs", *experiments, sanity=True)
    names = [(o.job.experiment.name, o.job.seed) for o in outcomes]
    assert names[:3] == [("a", 0), ("b", 0), ("b", 1)]
    sanity = ["sanity-largest-class", "sanity-grey-logistic", "sanity-dark-share", "sanity-shuffled-labels"]
    assert names[3:] == [(name, seed) for name in sanity for seed in (0, 1)]
    stored = {(o.job.experiment.name, o.job.seed): o.run() for o in outcomes}
    largest = stored["sanity-largest-class", 0]
    assert largest.card.sanity
    assert largest.evaluation().images.scores["balanced_accuracy"] == 0.25
    assert largest.card.test == stored["a", 0].card.test
    again = run(tmp_path / "runs", *experiments, sanity=True)
    assert {o.state for o in again} == {"stored"}


@pytest.mark.slow
def test_shuffled_labels_are_shared_by_a_subjects_slices_and_keep_their_counts(
    tiny: Tiny, tmp_path: Path, shared_cache: Path
) -> None:
    del shared_cache
    changes = {**PHANTOM, "protocol": {"name": "subject", "augmented": "follow"}}
    shuffled = run_one(tmp_path / "runs", tiny(**changes, name="s", labels="shuffled")).table("split.csv")
    given = run_one(tmp_path / "runs", tiny(**changes, name="g")).table("split.csv")
    assert shuffled[["image", "part"]].equals(given[["image", "part"]])
    assert (shuffled.groupby("subject")["label"].nunique() == 1).all()

    def counts(split: pd.DataFrame) -> dict[Any, int]:
        return split.drop_duplicates("subject")["label"].value_counts().to_dict()

    assert counts(shuffled) == counts(given)
    assert (shuffled["label"] != given["label"]).mean() > 0.3
