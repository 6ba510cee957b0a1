"""Images and subjects that experiments predict differently."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pytest

from alzbench.compare import compare, read_group
from alzbench.compare.disagreements import disagreements, disputed_subjects
from alzbench.store import RunStore
from tests.helpers.predictions import draw_predictions, write_predictions
from tests.helpers.runs import write_run


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Experiments a (seeds 0 and 1) and b (seed 1), and a sanity row."""
    for name, seed, right in (("a", 0, 0.5), ("a", 1, 0.6), ("b", 1, 0.7), ("z", 1, 0.1)):
        path = write_run(tmp_path, right, n=96, experiment=name, settings_hash=name, seed=seed, sanity=name == "z")
        draw_predictions(path, seed + 10 * ord(name), right)
    return tmp_path


def predictions(root: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(root / name / "seed-1-h1" / "predictions.csv", index_col="image")


def test_the_images_that_are_predicted_differently_are_listed(root: Path) -> None:
    found = disagreements(compare(RunStore(root).runs(), []))
    a, b = predictions(root, "a"), predictions(root, "b")
    differ = a["predicted"] != b["predicted"]
    assert 0 < differ.sum() < 96
    assert found["image"].tolist() == a.index[differ].tolist()
    assert found["predicted_a"].tolist() == a.loc[differ, "predicted"].tolist()
    assert found["predicted_b"].tolist() == b.loc[differ, "predicted"].tolist()
    assert found["subject"].tolist() == a.loc[differ, "subject"].tolist()
    assert set(found["seed"]) == {1}  # the first that both have
    assert "predicted_z" not in found


def test_without_a_common_seed_or_predictions_there_is_nothing_to_list(root: Path) -> None:
    runs = RunStore(root).runs()
    assert disagreements(compare([r for r in runs if r.card.experiment != "b"], [])).empty
    assert disagreements(compare([r for r in runs if r.card.seed == 0 or r.card.experiment == "b"], [])).empty
    (root / "b" / "seed-1-h1" / "predictions.csv").unlink()
    assert disagreements(compare(RunStore(root).runs(), [])).empty
    (group,) = compare(RunStore(root).runs(), []).groups
    assert disputed_subjects(read_group(group)) == []


def test_the_same_classes_spelled_otherwise_are_no_disagreement(root: Path) -> None:
    path = write_run(root, 0.6, classes=("class A", "class B"), n=96, experiment="c", settings_hash="c", seed=1)
    draw_predictions(path, 1 + 10 * ord("a"), 0.6, ("class A", "class B"))  # as a predicts
    comparison = compare(RunStore(root).runs(), [])
    found = disagreements(comparison)
    assert len(found)
    assert found["predicted_c"].tolist() == found["predicted_a"].tolist()
    disputed = disputed_subjects(read_group(comparison.groups[0]))
    assert disputed
    for subject in disputed:
        assert subject.right["c"] == subject.right["a"]


def test_an_experiment_may_be_named_as_a_column(tmp_path: Path) -> None:
    names = ("label", "slices", "differ", "subject", "slice")
    for name in names:
        draw_predictions(write_run(tmp_path, n=96, experiment=name, settings_hash=name), len(name), 0.5)
    comparison = compare(RunStore(tmp_path).runs(), [])
    found = disagreements(comparison)
    assert set(found["label"]) == {"A", "B"}
    assert {f"predicted_{name}" for name in names} < set(found)
    (first, *_) = disputed_subjects(read_group(comparison.groups[0]))
    assert sorted(first.right) == sorted(names)
    assert first.label in ("A", "B")


def test_the_most_disputed_subjects_come_first(root: Path) -> None:
    (group,) = compare(RunStore(root).runs(), []).groups
    found = pd.DataFrame([asdict(subject) | subject.right for subject in disputed_subjects(read_group(group))])
    a, b = predictions(root, "a"), predictions(root, "b")
    differ = (a["predicted"] != b["predicted"]).groupby(a["subject"]).sum()
    assert set(found["subject"]) == set(differ.index[differ > 0])
    first = found.iloc[0]
    of_first = a["subject"] == first["subject"]
    assert first["differ"] == differ[first["subject"]]
    assert first["slices"] == 8
    for name, table in (("a", a), ("b", b)):
        assert first[name] == (table["label"] == table["predicted"])[of_first].mean()
    spread = (found["a"] - found["b"]).abs()
    assert (spread.diff().dropna() <= 0).all()


def test_without_subjects_none_is_disputed(root: Path) -> None:
    for path in root.glob("*/*/predictions.csv"):
        pd.read_csv(path).assign(subject="").to_csv(path, index=False)
    (group,) = compare(RunStore(root).runs(), []).groups
    assert disputed_subjects(read_group(group)) == []
    assert not disagreements(compare(RunStore(root).runs(), [])).empty


def test_only_images_that_all_have_predicted_are_set_side_by_side(root: Path) -> None:
    path = root / "b" / "seed-1-h1" / "predictions.csv"
    write_predictions(path.parent, pd.read_csv(path, dtype=str).iloc[8:])
    found = disagreements(compare(RunStore(root).runs(), []))
    assert not found["predicted_b"].isna().any()
    assert "s0" not in set(found["subject"])
