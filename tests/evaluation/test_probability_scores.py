"""Metrics of probabilities: by scikit-learn, with intervals that hold a known truth."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score

from alzbench.evaluation.calibration import bin_sums, calibration_error
from alzbench.evaluation.intervals import jackknife_interval
from alzbench.evaluation.metrics import METRICS, Examples, Values, declare
from alzbench.evaluation.scores import MOST_BLOCKS, Score, Scores, probability_scores

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


def ece(scores: Scores) -> Score:
    return scores.overall["calibration_error"]


def area_of(scores: Scores, name: str) -> Score:
    return scores.by_class["roc_auc"][name]


def test_scores_are_the_mean_over_seeds_of_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    tables = {seed: draw(rng, 30) for seed in range(3)}
    result = probability_scores(tables)
    areas = []
    for name in CLASSES:
        sides = [(table["label"] == name, table[f"p_{name}"]) for table in tables.values()]
        each = [roc_auc_score(truth, scores) for truth, scores in sides]
        areas.append(np.mean(each))
        assert area_of(result, name).mean == pytest.approx(areas[-1], abs=1e-9)
        assert area_of(result, name).sd == pytest.approx(np.std(each, ddof=1), abs=1e-9)
        expected = np.mean([average_precision_score(truth, scores) for truth, scores in sides])
        assert result.by_class["average_precision"][name].mean == pytest.approx(expected, abs=1e-9)
    assert result.overall["mean_roc_auc"].mean == pytest.approx(np.mean(areas), abs=1e-9)


def test_an_interval_leaves_out_subjects_in_turn() -> None:
    table = draw(np.random.default_rng(1), 12)
    result = probability_scores({0: table})

    def error(rows: pd.DataFrame) -> float:
        confidence = rows[[f"p_{name}" for name in CLASSES]].to_numpy().max(1)
        right = (rows["label"] == rows["predicted"]).to_numpy()
        return float(calibration_error(bin_sums(confidence, right, np.zeros(len(rows), np.intp), 1)[0]))

    def area(rows: pd.DataFrame) -> float:
        return float(roc_auc_score(rows["label"] == "B", rows["p_B"]))

    for function, score, clusters in ((error, ece(result), 12), (area, area_of(result, "B"), 4)):
        names = sorted(set(table["subject"]))
        values = [function(table), *(function(table[table["subject"] != name]) for name in names)]
        assert score.mean == pytest.approx(values[0], abs=1e-9)
        expected = jackknife_interval(np.array([values]), np.ones(12, bool), clusters)
        if expected is None:  # four subjects of the class: too few
            assert score.interval is None
        else:
            assert score.interval is not None
            assert (score.interval.low, score.interval.high) == pytest.approx((expected.low, expected.high))


def test_an_interval_says_how_many_subjects_it_is_of_though_they_are_left_out_in_blocks() -> None:
    interval = ece(probability_scores({0: draw(np.random.default_rng(1), MOST_BLOCKS + 20)})).interval
    assert interval is not None
    assert interval.clusters == MOST_BLOCKS + 20


@pytest.mark.parametrize(("subjects", "there"), [(14, False), (15, True)])
def test_a_class_of_fewer_than_five_subjects_has_no_interval(subjects: int, there: bool) -> None:
    result = probability_scores({0: draw(np.random.default_rng(2), subjects)})
    for score in (area_of(result, "C"), result.by_class["average_precision"]["C"], result.overall["mean_roc_auc"]):
        assert (score.interval is not None) is there
    assert ece(result).interval is not None


def test_a_class_without_images_has_no_area() -> None:
    table = draw(np.random.default_rng(3), 30)
    result = probability_scores({0: table[table["label"] != "C"]})
    assert result.by_class["roc_auc"].keys() == result.by_class["average_precision"].keys() == {"A", "B"}
    assert "mean_roc_auc" not in result.overall


def test_images_of_unknown_subjects_are_left_out_in_blocks() -> None:
    """The standard error is that of single images, which is much smaller than that of subjects."""
    rng = np.random.default_rng(4)
    table = draw(rng, 100)
    assert len(table) > MOST_BLOCKS
    by_subject, by_image = (
        area_of(probability_scores({0: rows}), "A") for rows in (table, table.assign(subject=""))
    )  # fmt: skip
    assert by_subject.interval is not None
    assert by_image.interval is not None
    assert by_image.interval.se_clusters < 0.8 * by_subject.interval.se_clusters
    # DeLong's standard error of single images, from the share of the other side that each one is above
    truth, scores = (table["label"] == "A").to_numpy(), table["p_A"].to_numpy()
    above = (scores[truth][:, None] > scores[~truth][None]).astype(float)
    delong = np.sqrt(above.mean(1).var(ddof=1) / len(above) + above.mean(0).var(ddof=1) / above.shape[1])
    assert by_image.interval.se_clusters == pytest.approx(delong, rel=0.15)


@pytest.mark.slow
def test_the_interval_of_an_area_holds_the_truth_as_often_as_it_says() -> None:
    """Slices of a subject are alike: an interval that takes images for independent holds it less often."""
    rng = np.random.default_rng(5)
    truth = area_of(probability_scores({0: draw(rng, 6000)}), "A").mean
    held = naive = 0
    for _ in range(500):
        table = draw(rng, 60)
        score = area_of(probability_scores({0: table}), "A")
        by_image = area_of(probability_scores({0: table.assign(subject="")}), "A")
        assert score.interval is not None
        assert by_image.interval is not None
        held += score.interval.low <= truth <= score.interval.high
        half = stats.norm.ppf(0.975) * by_image.interval.se_clusters
        naive += abs(by_image.mean - truth) <= half
    assert 0.92 <= held / 500 <= 0.98
    assert naive / 500 < 0.8


@pytest.fixture
def mean_probability() -> Iterator[None]:
    """A metric per class that rests on all clusters, declared by a test."""

    def function(examples: Examples) -> Values:
        kept = [np.full(len(examples.group), True), *(examples.group != group for group in range(examples.groups))]
        return np.stack([examples.probabilities[rows].mean(0) for rows in kept])

    declare("mean_probability", label="mean", short="mean", needs="probabilities", per_class=True)(function)
    yield
    METRICS.remove("mean_probability")


@pytest.mark.usefixtures("mean_probability")
def test_a_declared_metric_of_probabilities_has_an_interval_for_each_class() -> None:
    table = draw(np.random.default_rng(0), 30)
    scores = probability_scores({0: table}).by_class["mean_probability"]
    for name in CLASSES:
        expected = jackknife_interval(
            np.array([[table[f"p_{name}"].mean(), *(
                table.loc[table["subject"] != subject, f"p_{name}"].mean() for subject in table["subject"].unique()
            )]]), np.ones(30, bool), 30,
        )  # fmt: skip
        interval = scores[name].interval
        assert interval is not None
        assert expected is not None
        assert (interval.low, interval.high) == (pytest.approx(expected.low), pytest.approx(expected.high))
