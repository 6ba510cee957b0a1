"""The mean prediction of seeds, by hand."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from alzbench.compare import compare, read_group
from alzbench.compare.ensembles import make_ensemble
from alzbench.store import RunStore
from tests.helpers.predictions import draw_predictions
from tests.helpers.runs import write_run


def predictions(*demented: float) -> pd.DataFrame:
    """Return one image of each of six subjects, of which the first three are healthy."""
    p = pd.Series(demented)
    return pd.DataFrame(
        {
            "image": [f"{k}.png" for k in range(6)],
            "subject": [f"s{k}" for k in range(6)],
            "slice": "1",
            "label": ["A"] * 3 + ["B"] * 3,
            "predicted": ["B" if value > 0.5 else "A" for value in demented],
            "p_A": 1 - p,
            "p_B": p,
        }
    )


def test_the_mean_of_the_probabilities_is_scored_once() -> None:
    first = predictions(0.1, 0.2, 0.9, 0.8, 0.4, 0.9)  # 4 of 6 right
    second = predictions(0.1, 0.2, 0.3, 0.8, 0.7, 0.2)  # 5 of 6 right, but not the same
    ensemble = make_ensemble({3: first, 7: second.iloc[::-1]}, healthy=0)
    assert ensemble is not None
    # mean: 0.1, 0.2, 0.6 | 0.8, 0.55, 0.55
    assert (ensemble.label, ensemble.seeds, ensemble.images) == ("ensemble of 2 seeds", (3, 7), 6)
    accuracy = ensemble.scores.overall["accuracy"]
    assert (accuracy.mean, accuracy.n, accuracy.sd) == (5 / 6, 1, None)
    assert accuracy.interval is not None
    assert (accuracy.interval.clusters, accuracy.interval.se_seeds) == (6, 0.0)
    assert ensemble.scores.overall["subject_demented_auc"].mean == pytest.approx(7 / 9)
    assert ensemble.scores.subjects == 6


def test_one_seed_or_other_test_images_give_no_ensemble() -> None:
    table = predictions(0.1, 0.2, 0.3, 0.8, 0.7, 0.9)
    assert make_ensemble({0: table}, 0) is None
    assert make_ensemble({0: table, 1: table.assign(image=table["image"] + "x")}, 0) is None
    assert make_ensemble({0: table, 1: table.assign(label="A")}, 0) is None


@pytest.mark.parametrize("folds", [1, 2])
def test_a_group_has_an_ensemble_of_all_folds_of_its_seeds(tmp_path: Path, folds: int) -> None:
    for seed in range(2):
        for fold in range(folds):
            about = {"seed": seed, "fold": fold if folds > 1 else None, "folds": folds, "hash": f"h{seed}{fold}"}
            path = write_run(tmp_path, n=96, **about)
            draw_predictions(path, 2 * seed + fold, 0.7)
            table = pd.read_csv(path / "predictions.csv")
            table.assign(image=f"{fold}-" + table["image"], subject=f"{fold}-" + table["subject"]).to_csv(
                path / "predictions.csv", index=False
            )
    (group,) = compare(RunStore(tmp_path).runs(), []).groups
    assert read_group(group).ensembles["x"].images == folds * 96
