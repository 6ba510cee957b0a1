"""The answer in words: what is shown, what is not, and what it would take."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from alzbench.compare import AgainstAtrophy, Group, Pair, compare
from alzbench.data.leakage import NOT_EXCLUDED
from alzbench.evaluation.differences import Difference
from alzbench.evaluation.evaluate import evaluate
from alzbench.evaluation.intervals import Interval
from alzbench.report.answer import answer
from alzbench.report.columns import two_classes
from alzbench.store import RunMetrics, RunStore
from tests.helpers.predictions import draw_predictions
from tests.helpers.runs import write_run

CLASSES = ("CN", "AD")


def pair(
    other: str, verdict: str = "better", value: float = 0.05, baseline: str = "baseline", **changes: object
) -> Pair:
    interval = Interval(value, value - 0.02, value + 0.03, 2, 40, 0.01, 0.01, 30.0)
    known: dict[str, object] = {
        "seeds": (0, 1), "by": "subject", "differences": {"accuracy": Difference(interval, 0.004)}, "p_holm": 0.012,
        "mcnemar": 0.1, "only_baseline": 1, "only_other": 2, "sanity": False, "min_effect": 0.02,
        "subjects_needed": None, "seeds_needed": None,
    }  # fmt: skip
    return Pair(**{**known, **changes, "baseline": baseline, "other": other, "verdict": verdict})  # type: ignore[arg-type]


@pytest.fixture
def group(tmp_path: Path) -> Group:
    """Baseline and two others, of which b is the best, without leakage; its pairs are replaced by hand-made ones."""
    for k, (name, right) in enumerate((("baseline", 0.6), ("a", 0.7), ("b", 0.8))):
        path = write_run(tmp_path, right, (right, right), CLASSES, 96, experiment=name, settings_hash=name, leaks="")
        draw_predictions(path, k, right, CLASSES)
        evaluation = evaluate(pd.read_csv(path / "predictions.csv", dtype={"subject": str}))
        scores = RunMetrics(test=evaluation.images, test_by_subject=evaluation.subjects)
        (path / "metrics.json").write_text(json.dumps(scores.to_json()))
    (group,) = compare(RunStore(tmp_path).runs(), []).groups
    return replace(group, pairs=(), untrained=())


def test_what_is_better_is_named_with_its_gain(group: Group) -> None:
    found = answer(replace(group, pairs=(pair("a"), pair("b", "worse", -0.04, p_holm=0.0001))))
    assert found.shown == (
        "Shown: a (+5.00 points, +3.0 to +8.0, p 0.012) is better than baseline; "
        "b (-4.00 points, -6.0 to -1.0, p < 0.001) is worse."
    )
    assert found.not_shown == "One seed says nothing about other seeds."


def test_what_is_not_shown_comes_with_what_it_would_take(group: Group) -> None:
    pairs = (
        pair("a", "no difference shown", subjects_needed=1500, seeds_needed=9),
        pair("b", "no difference shown", subjects_needed=20, seeds_needed=12),  # fewer subjects than there are
    )
    found = answer(replace(group, pairs=pairs))
    assert found.shown == "No difference in accuracy is shown."
    assert found.not_shown == (
        "Not shown: that a or b differs from baseline. To detect 2 points takes up to 1,500 test subjects (of 40) and "
        "12 seeds (of 2)."
    )
    by_image = answer(replace(group, pairs=(replace(pairs[0], by="image", seeds_needed=None),)))
    assert by_image.not_shown == "Not shown: that a differs from baseline."


def test_who_beats_the_strongest_sanity_baseline(group: Group) -> None:
    untrained = (
        pair("baseline", "no difference shown", baseline="grey"), pair("a", baseline="grey"),
        pair("b", "worse", baseline="grey"),
    )  # fmt: skip
    found = answer(replace(group, untrained=untrained))
    assert found.shown == "Shown: a beats grey; b is worse than grey, which is not a network."
    assert found.not_shown == "Not shown: that baseline beats grey."
    atrophy = (AgainstAtrophy("a", "dark", Difference(Interval(0.01, -0.1, 0.1, 2, 40, 0.1, 0.1, 30.0), 0.5)),)
    assert answer(replace(group, atrophy=atrophy)).not_shown == "Not shown: that a has a higher AUC than dark."


def test_long_lists_are_short(group: Group) -> None:
    pairs = tuple(pair(name, "no difference shown") for name in "abcde")
    assert answer(replace(group, pairs=pairs)).not_shown == "Not shown: that a, b or 3 more differs from baseline."


@pytest.mark.parametrize(
    ("leaks", "demo", "headline", "scope"),
    [
        ("", False, "no leakage found", "Shown: a "),
        ("96 of 96 test images are of subjects seen in training", False, "leaky: all are of training subjects",
         "Shown on subjects seen in training: a "),
        ("9 of 96 test images are of subjects seen in training, 1 of them as a copy of the very slice", False,
         "leaky: 9 of 96 are of training subjects", "Shown on subjects seen in training: a "),
        (f"{NOT_EXCLUDED}: nobody knows", False, "leaks unknown", "Shown: a "),
        ("", True, "no leakage found", "Shown on synthetic images: a "),
    ],
)  # fmt: skip
def test_the_headline_has_the_leakage_and_the_sentence_its_scope(
    group: Group, leaks: str, demo: bool, headline: str, scope: str
) -> None:
    found = answer(replace(group, leaks=leaks, demo=demo, pairs=(pair("a"),)))
    assert found.headlines[0] == f"{'DEMO · ' * demo}reference protocol · 96 images of 12 subjects · {headline}"
    assert sorted(map(len, found.headlines), reverse=True)[0] == len(found.headlines[0])
    assert found.shown.startswith(scope)


def test_baseline_and_best_are_the_first_rows(group: Group) -> None:
    assert [row.name for row in answer(group).experiments] == ["baseline", "b", "a"]


def test_the_best_f1_of_each_class_is_named(group: Group) -> None:
    best = max(group.rows, key=lambda row: row.class_scores["f1"]["AD"].mean)
    value = best.class_scores["f1"]["AD"].mean
    assert f"AD {value:.3f}" in answer(group).best_f1
    assert answer(group).best_f1.startswith("Best F1: ")


@pytest.mark.parametrize(
    ("classes", "healthy", "words"),
    [
        (("NonDemented", "MildDemented"), "NonDemented", "demented or not"),
        (("CN", "AD"), "CN", "demented or not"),
        (("CN", "MCI"), "CN", "demented or not"),
        (("notumor", "glioma"), "notumor", "notumor or not"),
    ],
)
def test_two_classes_are_named_by_what_they_are(classes: tuple[str, ...], healthy: str, words: str) -> None:
    assert two_classes(classes, healthy) == words


def test_the_legend_has_the_healthy_class_if_there_is_one(group: Group) -> None:
    assert answer(group).legend == "AUC: demented or not, by subject; change: points of accuracy"
    rows = tuple(
        replace(row, scores={name: s for name, s in row.scores.items() if "demented" not in name}) for row in group.rows
    )
    assert answer(replace(group, rows=rows)).legend == "change: points of accuracy"
