"""How good probabilities are: by scikit-learn, with intervals that hold a known truth."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score

from alzbench.compare import Comparison, compare
from alzbench.compare.intervals import from_left_out
from alzbench.compare.probabilities import MOST_BLOCKS, probability_scores, read_likely
from alzbench.errors import DataError
from alzbench.evaluation.calibration import bin_sums, calibration_error
from alzbench.evaluation.subject_counts import count_subjects
from alzbench.report.document import comparison_sections
from alzbench.store import RunStore, read_run
from tests.helpers.predictions import draw_predictions
from tests.helpers.runs import make_metrics, write_run

CLASSES = ("A", "B", "C")
SLICES = 8


def draw(rng: np.random.Generator, subjects: int, *, known: bool = True) -> pd.DataFrame:
    """Draw predictions of subjects whose slices are alike; a third is of each class."""
    labels = np.arange(subjects) % 3
    logits = rng.normal(0, 1, (subjects, 1, 3)) + rng.normal(0, 0.5, (subjects, SLICES, 3))
    logits[np.arange(subjects), :, labels] += 1
    shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    flat = shares.reshape(-1, 3)
    names = np.array(CLASSES)
    table = pd.DataFrame({"subject": np.repeat([f"s{k:05d}" for k in range(subjects)], SLICES) if known else ""},
                         index=range(len(flat)))  # fmt: skip
    table["image"] = [f"{k}.png" for k in range(len(flat))]
    table["label"], table["predicted"] = np.repeat(names[labels], SLICES), names[flat.argmax(1)]
    return table.assign(slice="", **{f"p_{name}": flat[:, k] for k, name in enumerate(CLASSES)})


def test_figures_are_the_mean_over_seeds_of_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    tables = {seed: draw(rng, 30) for seed in range(3)}
    found = probability_scores(tables)
    areas = []
    for name in CLASSES:
        sides = [(table["label"] == name, table[f"p_{name}"]) for table in tables.values()]
        areas.append(np.mean([roc_auc_score(truth, scores) for truth, scores in sides]))
        area, precision = found.roc_auc[name], found.average_precision[name]
        assert area is not None
        assert precision is not None
        assert area.value == pytest.approx(areas[-1], abs=1e-9)
        expected = np.mean([average_precision_score(truth, scores) for truth, scores in sides])
        assert precision.value == pytest.approx(expected, abs=1e-9)
    assert found.mean_roc_auc is not None
    assert found.mean_roc_auc.value == pytest.approx(np.mean(areas), abs=1e-9)


def test_an_interval_leaves_out_subjects_in_turn() -> None:
    table = draw(np.random.default_rng(1), 12)
    found = probability_scores({0: table})

    def error(rows: pd.DataFrame) -> float:
        confidence = rows[[f"p_{name}" for name in CLASSES]].to_numpy().max(1)
        right = (rows["label"] == rows["predicted"]).to_numpy()
        return float(calibration_error(bin_sums(confidence, right, np.zeros(len(rows), np.intp), 1)[0]))

    def area(rows: pd.DataFrame) -> float:
        return float(roc_auc_score(rows["label"] == "B", rows["p_B"]))

    for figure, estimate, clusters in ((error, found.calibration_error, 12), (area, found.roc_auc["B"], 4)):
        values = [figure(table), *(figure(table[table["subject"] != name]) for name in sorted(set(table["subject"])))]
        assert estimate is not None
        assert estimate.value == pytest.approx(values[0], abs=1e-9)
        expected = from_left_out(np.array([values]), np.ones(12, bool), clusters)
        if expected is None:  # four subjects of the class: too few
            assert estimate.interval is None
        else:
            assert estimate.interval is not None
            assert (estimate.interval.low, estimate.interval.high) == pytest.approx((expected.low, expected.high))


def test_an_interval_says_how_many_subjects_it_is_of_though_they_are_left_out_in_blocks() -> None:
    found = probability_scores({0: draw(np.random.default_rng(1), MOST_BLOCKS + 20)}).calibration_error
    assert found is not None
    assert found.interval is not None
    assert found.interval.clusters == MOST_BLOCKS + 20


@pytest.mark.parametrize(("subjects", "there"), [(14, False), (15, True)])
def test_a_class_of_fewer_than_five_subjects_has_no_interval(subjects: int, there: bool) -> None:
    found = probability_scores({0: draw(np.random.default_rng(2), subjects)})
    for estimate in (found.roc_auc["C"], found.average_precision["C"], found.mean_roc_auc):
        assert estimate is not None
        assert (estimate.interval is not None) is there
    assert found.calibration_error is not None
    assert found.calibration_error.interval is not None


def test_a_class_without_images_has_no_area() -> None:
    table = draw(np.random.default_rng(3), 30)
    found = probability_scores({0: table[table["label"] != "C"]})
    assert found.roc_auc["C"] is found.average_precision["C"] is found.mean_roc_auc is None
    assert found.roc_auc["A"] is not None


def test_images_of_unknown_subjects_are_left_out_in_blocks() -> None:
    """As sure as single images are, which is much surer than subjects."""
    rng = np.random.default_rng(4)
    table = draw(rng, 100)
    assert len(table) > MOST_BLOCKS
    by_subject, by_image = (
        probability_scores({0: rows}).roc_auc["A"] for rows in (table, table.assign(subject=""))
    )  # fmt: skip
    assert by_subject is not None
    assert by_image is not None
    assert by_subject.interval is not None
    assert by_image.interval is not None
    assert by_image.interval.se_clusters < 0.8 * by_subject.interval.se_clusters
    # DeLong's standard error of single images, from the share of the other side that each one is above
    truth, scores = (table["label"] == "A").to_numpy(), table["p_A"].to_numpy()
    above = (scores[truth][:, None] > scores[~truth][None]).astype(float)
    delong = np.sqrt(above.mean(1).var(ddof=1) / len(above) + above.mean(0).var(ddof=1) / above.shape[1])
    assert by_image.interval.se_clusters == pytest.approx(delong, rel=0.15)


def test_predictions_of_folds_are_taken_together(tmp_path: Path) -> None:
    for fold in range(2):
        draw_predictions(write_run(tmp_path, n=96, seed=0, fold=fold, folds=2, hash=f"h{fold}"), fold, 0.7)
    (group,) = compare(RunStore(tmp_path).runs(), []).groups
    likely = read_likely(group.rows, group.classes, 9)
    assert [len(table) for table in likely.tables["x"].values()] == [2 * 96]
    assert set(likely.scores) == {"x"}


@pytest.mark.parametrize("spelled", [{"seed": 1}, {"seed": 0, "fold": 1}])
def test_classes_that_runs_spell_otherwise_are_the_same(tmp_path: Path, spelled: dict[str, int]) -> None:
    folds = 2 if "fold" in spelled else 1
    fold = 0 if folds == 2 else None
    draw_predictions(write_run(tmp_path / "own", n=96, hash="h", fold=fold, folds=folds), 0, 0.7)
    draw_predictions(write_run(tmp_path / "own", n=96, hash="i", folds=folds, **spelled), 1, 0.7)
    shutil.copytree(tmp_path / "own", tmp_path / "other")
    (changed,) = (run.path for run in RunStore(tmp_path / "other").runs() if run.card.hash == "i")
    others = ("class A", "class B")
    (changed / "metrics.json").write_text(json.dumps(make_metrics(0.5, (0.5, 0.5), others, 96)))
    draw_predictions(changed, 1, 0.7, others)
    own, other = (compare(RunStore(tmp_path / name).runs(), []).groups[0] for name in ("own", "other"))
    assert own.likely.scores == other.likely.scores
    assert replace(own.rows[0], folders=()) == replace(other.rows[0], folders=())


@pytest.mark.parametrize("folds", [1, 2])
def test_a_part_of_the_predictions_is_not_taken_for_all_of_them(tmp_path: Path, folds: int) -> None:
    for seed in range(2):
        for fold in range(folds):
            about = {"seed": seed, "fold": fold if folds > 1 else None, "folds": folds, "hash": f"h{seed}{fold}"}
            path = write_run(tmp_path, n=96, **about)
            draw_predictions(path, fold, 0.7)
            table = read_run(path).predictions()
            table.assign(image=f"{fold}-" + table["image"], subject="").to_csv(path / "predictions.csv", index=False)
            (path / "subjects.json").write_text(json.dumps(count_subjects(read_run(path).predictions()).to_json()))
    (path / "predictions.csv").unlink()  # of the last seed and fold
    (group,) = compare(RunStore(tmp_path).runs(), []).groups
    assert group.rows[0].seeds == (0, 1)
    assert group.likely.without == ("x",)
    assert not group.likely.tables
    assert not group.likely.scores
    (section,) = comparison_sections(Comparison((group,)))
    assert any("not all their predictions are stored: x" in note for note in section.notes)


def test_predictions_of_other_classes_are_refused(tmp_path: Path) -> None:
    for name, classes in (("a", ("A", "B")), ("b", ("A", "B", "C"))):
        draw_predictions(write_run(tmp_path, n=96, experiment=name, settings=name), 0, 0.7, classes)
    (group,) = compare(RunStore(tmp_path).runs(), []).groups
    with pytest.raises(
        DataError, match=r"predictions\.csv is damaged \(its classes must be as many as A, B; it has A, B, C\)"
    ):
        _ = group.likely


@pytest.mark.slow
def test_the_interval_of_an_area_holds_the_truth_as_often_as_it_says() -> None:
    """Slices of a subject are alike: an interval that takes images for independent holds it less often."""
    rng = np.random.default_rng(5)
    truth = probability_scores({0: draw(rng, 6000)}).roc_auc["A"]
    assert truth is not None
    held = naive = 0
    for _ in range(500):
        table = draw(rng, 60)
        found = probability_scores({0: table}).roc_auc["A"]
        by_image = probability_scores({0: table.assign(subject="")}).roc_auc["A"]
        assert found is not None
        assert by_image is not None
        assert found.interval is not None
        assert by_image.interval is not None
        held += found.interval.low <= truth.value <= found.interval.high
        half = stats.norm.ppf(0.975) * by_image.interval.se_clusters
        naive += abs(by_image.value - truth.value) <= half
    assert 0.92 <= held / 500 <= 0.98
    assert naive / 500 < 0.8
