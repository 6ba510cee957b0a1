"""Published results: those of the package, those of a file, and the protocols that reproduce them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from alzbench.compare import Comparison, compare
from alzbench.compare.literature import PublishedResult, load_published, read_published, reproductions
from alzbench.errors import DataError
from alzbench.store import RunStore
from tests.helpers.predictions import draw_predictions
from tests.helpers.runs import write_run

CLASSES = ("Non", "VeryMild", "Mild", "Moderate")


def result(accuracy: float = 0.7, **changes: Any) -> PublishedResult:
    return PublishedResult.model_validate({"name": "a paper", "source": "doi 1", "accuracy": accuracy, **changes})


def write(store: RunStore, experiment: str, right: float, protocol: str, **card: Any) -> None:
    for seed in (0, 1, 2, 3):
        path = write_run(
            store.root, right, (right,) * 4, CLASSES, 320, experiment=experiment, protocol=protocol, seed=seed,
            protocol_hash=protocol, hash=f"{experiment}{protocol}{seed}", **card,
        )  # fmt: skip
        draw_predictions(path, seed, right, CLASSES, subjects=40)


def test_the_package_has_many_results_with_their_sources() -> None:
    published = load_published()
    assert len(published) >= 12
    assert len({each.name for each in published}) == len(published)
    assert any("by subject" in each.split for each in published)  # the honest ones
    for each in published:
        assert any(mark in each.source for mark in ("doi", "arXiv", "hdl", "article", "Kaggle")), each.name


def test_a_protocol_reproduces_a_score_that_lies_in_an_interval(store: RunStore) -> None:
    write(store, "weak", 0.5, "subject")
    write(store, "strong", 0.75, "reference")
    write(store, "perfect", 0.99, "reference")
    write(store, "sanity", 0.7, "subject", sanity=True)
    comparison = compare(store.runs(), [])
    found = {each.protocol: each for each in reproductions([result(0.74)], comparison)}
    assert found["reference"].by == ("strong",)
    assert found["subject"].by == ()  # the sanity baseline does not count
    assert not found["reference"].exceeded
    rows = {row.label: row.scores["accuracy"].mean for group in comparison.groups for row in group.rows}
    assert (found["reference"].low, found["reference"].high) == (rows["strong"], rows["perfect"])
    (low,) = [each for each in reproductions([result(0.3)], comparison) if each.protocol == "subject"]
    assert low.exceeded
    assert low.by == ()


def test_only_scores_of_the_same_task_are_compared(store: RunStore) -> None:
    write(store, "one", 0.6, "subject")
    comparison = compare(store.runs(), [])
    by_subject = result(0.6, task="demented or not", unit="subject", roc_auc=0.8)
    metrics = {each.metric: each.low for each in reproductions([by_subject], comparison)}
    scores = comparison.groups[0].rows[0].scores
    expected = {
        "accuracy": scores.get("subject_demented_accuracy"),
        "roc_auc": scores.get("subject_demented_auc"),
    }
    assert metrics == {name: score.mean for name, score in expected.items() if score is not None}
    assert reproductions([result(0.6, task="demented or not", unit="image")], comparison) == []
    write(store, "two", 0.6, "slice", demo=True)
    protocols = [each.protocol for each in reproductions([result()], compare(store.runs(), []))]
    assert protocols == ["subject"]  # a demo says nothing about patients


def test_a_file_holds_one_result_or_several(tmp_path: Path) -> None:
    one = {"name": "mine", "accuracy": 0.91, "source": "my thesis", "split": "by image"}
    (tmp_path / "one.yaml").write_text(yaml.safe_dump(one))
    (tmp_path / "two.yaml").write_text(yaml.safe_dump([one, {**one, "name": "other", "roc_auc": 0.8}]))
    assert [each.scores for each in read_published(tmp_path / "one.yaml")] == [{"accuracy": 0.91}]
    assert [each.scores for each in read_published(tmp_path / "two.yaml")] == [
        {"accuracy": 0.91},
        {"accuracy": 0.91, "roc_auc": 0.8},
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "at least one published result"),
        ("{name: x, source: y}", "entry 1: one of accuracy, macro_f1, roc_auc must be given"),
        ("{name: x, source: y, accuracy: 91}", "entry 1: accuracy: must be at most 1, got 91"),
        ("{name: x, source: y, accuracy: true}", "entry 1: accuracy: must be a number, got True"),
        ("{name: 7, source: y, accuracy: 0.9}", "entry 1: name: must be a text, got 7"),
        ("{name: ' ', source: y, accuracy: 0.9}", "entry 1: name: it must not be empty"),
        ("[{name: x, source: y, accuracy: 0.9}, 5]", "entry 2: must be a section"),
        ("&a [*a]", "entry 1: must be a section"),
        ("&a {name: *a, source: y, accuracy: 0.9}", "entry 1: name: must be a text"),
        ("{name: x, source: y, accuracy: 0.9, doi: z}", "entry 1: unknown key doi. .*Known here: name"),
        ("{name: x, source: y, accuracy: 0.9, accuracy: 0.8}", "it is not \\(.*duplicate key accuracy"),
        ("a: [", "it is not \\("),
        ("[" * 20_000, "it is nested too deeply"),
        ("!!python/object/apply:os.system ['true']", "it is not \\("),
    ],
)
def test_what_is_no_published_result_is_refused_in_one_sentence(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "p.yaml").write_text(content)
    with pytest.raises(DataError, match=message):
        read_published(tmp_path / "p.yaml")


def test_what_is_no_file_or_too_large_is_refused_unread(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="and is a folder or a device; name a file, or `literature`"):
        read_published(tmp_path)
    os.mkfifo(tmp_path / "pipe")  # reading it would wait forever
    with pytest.raises(DataError, match="and is a folder or a device"):
        read_published(tmp_path / "pipe")
    with pytest.raises(DataError, match="and is not there"):
        read_published(tmp_path / "none.yaml")
    (tmp_path / "large.yaml").write_text("#" * 1_000_001)
    with pytest.raises(DataError, match="of at most 1 MB; it is larger"):
        read_published(tmp_path / "large.yaml")


def test_texts_are_one_line_that_a_terminal_shows_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text('{name: "a\\e[2Jb\\n\\u202Ec", source: "x\\ty", accuracy: 1}')
    (found,) = read_published(tmp_path / "p.yaml")
    assert (found.name, found.source, found.accuracy) == ("a [2Jb c", "x y", 1)


def test_a_result_that_a_file_holds_twice_counts_once(tmp_path: Path) -> None:
    one = {"name": "mine", "accuracy": 0.9, "source": "thesis"}
    (tmp_path / "p.yaml").write_text(yaml.safe_dump([one, dict(one), {**one, "unit": "subject"}]))
    assert [each.unit for each in read_published(tmp_path / "p.yaml")] == ["image", "subject"]


def test_subgroups_other_classes_and_intervals_that_say_nothing_reproduce_nothing(store: RunStore) -> None:
    write(store, "one", 0.6, "subject")
    (group,) = compare(store.runs(), []).groups
    assert len(reproductions([result()], Comparison((group,)))) == 1
    for changes in ({"where": "age >= 60"}, {"classes": CLASSES[:3]}, {"demo": True}):
        assert reproductions([result()], Comparison((replace(group, **changes),))) == []
    (row,) = group.rows
    score = row.scores["accuracy"]
    assert score.interval is not None
    for df, by in ((1.0, ()), (2.0, ("one",))):  # with 1, the interval of two seeds contains nearly every score
        wide = replace(score, interval=replace(score.interval, low=0.0, high=1.0, df=df))
        changed = replace(group, rows=(replace(row, scores={**row.scores, "accuracy": wide}),))
        (found,) = reproductions([result(0.95)], Comparison((changed,)))
        assert found.by == by
