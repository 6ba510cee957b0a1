"""The mean prediction of experiments, stored as an experiment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alzbench.cli.ensemble import ensemble
from alzbench.compare import compare
from alzbench.errors import DataError, ExperimentError
from alzbench.evaluation.predictions import probabilities
from alzbench.runner.ensembling import ensemble_experiments
from alzbench.store import RunStore
from tests.helpers.predictions import draw_predictions
from tests.helpers.runs import write_run


def write(store: RunStore, experiment: str, seed: int, fold: int | None = None, **card: object) -> Path:
    path = write_run(
        store.root, n=96, experiment=experiment, seed=seed, fold=fold, hash=f"h{experiment}{seed}{fold}",
        settings_hash=f"s-{experiment}", **card,
    )  # fmt: skip
    draw_predictions(path, 10 * seed + (fold or 0) + len(experiment), 0.7)
    return path


def test_the_mean_of_two_experiments_by_hand(store: RunStore) -> None:
    first, second = write(store, "one", 0), write(store, "other", 0)
    table = pd.read_csv(second / "predictions.csv", dtype={"image": str, "subject": str, "slice": str})
    table.sample(frac=1, random_state=0).to_csv(second / "predictions.csv", index=False)  # in another order
    (run,) = ensemble_experiments(store.runs(), ["one", "other"], "both", store)
    found, one = run.predictions(), store.find("one").predictions()
    other = table.set_index("image").loc[one["image"]].reset_index()
    expected = (probabilities(one) + probabilities(other)) / 2
    assert found["image"].tolist() == one["image"].tolist()
    assert probabilities(found) == pytest.approx(expected)
    assert found["predicted"].tolist() == np.array(["A", "B"])[expected.argmax(axis=1)].tolist()
    accuracy = (found["label"] == found["predicted"]).mean()
    assert run.evaluation().images.scores["accuracy"] == pytest.approx(accuracy)
    assert (run.card.test, run.card.protocol, run.card.leaks) == ("t0", "reference", "all of it")
    assert first.is_dir()


def test_it_is_compared_in_pairs_over_all_common_seeds_and_folds(store: RunStore) -> None:
    for seed in (0, 1, 2):
        for fold in range(2):
            write(store, "one", seed, fold, folds=2, test=f"t{seed}{fold}")
            if seed < 2:
                write(store, "other", seed, fold, folds=2, test=f"t{seed}{fold}")
    made = ensemble_experiments(store.runs(), ["one", "other"], "both", store)
    assert [(run.card.seed, run.card.fold) for run in made] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    again = ensemble_experiments(store.runs(), ["one", "other"], "both", store)
    assert [run.path for run in again] == [run.path for run in made]
    (group,) = compare(store.runs(), [], "one").groups
    rows = {row.label: row for row in group.rows}
    assert rows["both"].seeds == (0, 1)
    assert {pair.other for pair in group.pairs} == {"other", "both"}


def test_what_cannot_be_averaged_is_refused_in_one_sentence(store: RunStore) -> None:
    write(store, "one", 0)
    write(store, "later", 5)
    write(store, "elsewhere", 0, test="t9")
    write(store, "other data", 0, data="d9")
    write(store, "demo", 0, demo=True)
    write_run(store.root, experiment="without", hash="hw", settings_hash="sw", n=96)
    write(store, "twice", 0)
    write_run(store.root, experiment="twice", hash="h2", settings_hash="s-2", n=96)
    runs = store.runs()
    before = sorted(store.root.rglob("*"))
    for names, name, sentence in (
        (["one"], "new", "needs two experiments or more; got one"),
        (["one", "one"], "new", "needs two experiments or more"),
        (["one", "none"], "new", "none must be an experiment with complete runs"),
        (["one", "later"], "new", "they have none in common"),
        (["one", "elsewhere"], "new", "must have the same test images, and have not"),
        (["one", "other data"], "new", "on the same images, with the same protocol, seed and fold; they have none"),
        (["one", "demo"], "new", "must both be runs of --demo, or neither"),
        (["one", "without"], "new", "must have probabilities, and stores none"),
        (["one", "twice"], "new", "must have one set of settings"),
        (["one", "later"], "one", "--name must be new"),
    ):
        with pytest.raises(ExperimentError, match=sentence):
            ensemble_experiments(runs, names, name, store)
    assert sorted(store.root.rglob("*")) == before


def test_a_name_belongs_to_one_ensemble(store: RunStore) -> None:
    for name in ("one", "other", "third"):
        write(store, name, 0)
    ensemble_experiments(store.runs(), ["one", "other"], "both", store)
    with pytest.raises(ExperimentError, match="both is an ensemble of other experiments"):
        ensemble_experiments(store.runs(), ["one", "third"], "both", store)


def test_experiments_under_two_protocols_have_an_ensemble_under_each(store: RunStore) -> None:
    for protocol in ("reference", "subject"):
        for name in ("one", "other"):
            path = write_run(
                store.root, n=96, experiment=name, hash=name + protocol, settings_hash=name + protocol,
                protocol=protocol, protocol_hash=protocol, test=f"t-{protocol}",
            )  # fmt: skip
            draw_predictions(path, len(name), 0.7)
    for _ in range(2):
        made = ensemble_experiments(store.runs(), ["one", "other"], "both", store)
        assert [(run.card.protocol, run.card.test) for run in made] == [
            ("reference", "t-reference"), ("subject", "t-subject")
        ]  # fmt: skip
    assert len(list((store.root / "both").iterdir())) == 2


def test_a_failed_run_with_other_settings_does_not_count(store: RunStore) -> None:
    for name in ("one", "other"):
        write(store, name, 0)
    (made,) = ensemble_experiments(store.runs(), ["one", "other"], "both", store)
    write_run(store.root, experiment="one", hash="hf", settings_hash="s-f", state="failed")
    (again,) = ensemble_experiments(store.runs(), ["one", "other"], "both", store)
    assert again.path == made.path


def test_nothing_is_stored_if_one_seed_of_several_cannot_be_averaged(store: RunStore) -> None:
    for seed in (0, 1):
        write(store, "one", seed)
    write(store, "other", 0)
    path = write(store, "other", 1)
    table = pd.read_csv(path / "predictions.csv", dtype={"image": str, "subject": str, "slice": str})
    (path / "predictions.csv").write_text(table.replace({"image": {"3-1.png": "3-0.png"}}).to_csv(index=False))
    with pytest.raises(DataError, match=r"seed-1-.*must hold the images of one/seed-1-.*Repeat the run with --force"):
        ensemble_experiments(store.runs(), ["one", "other"], "both", store)
    assert not (store.root / "both").exists()


def test_a_damaged_run_of_another_experiment_is_left_out(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "other"):
        write(store, name, 0)
    (write(store, "damaged", 0) / "state.json").write_text("{}")
    ensemble(["one", "other"], "both", store.root)
    printed = capsys.readouterr()
    assert printed.err.startswith("warning: left out: ")
    assert Path(printed.out.strip()).parent == store.root / "both"


def test_an_ensemble_leaks_if_one_of_its_members_does(store: RunStore) -> None:
    write(store, "one", 0, leaks="")
    write(store, "other", 0, leaks="half of it")
    (run,) = ensemble_experiments(store.runs(), ["one", "other"], "both", store)
    assert run.card.leaks == "half of it"
