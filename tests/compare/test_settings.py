"""Settings that differ, and labels made of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alzbench.compare import Comparison, compare
from alzbench.compare.labels import make_labels
from alzbench.compare.settings import BY_FOLD, comparable, find_differing, flatten, short_names, value_text
from alzbench.errors import ExperimentError
from alzbench.store import RunStore
from tests.helpers.predictions import draw_predictions
from tests.helpers.runs import write_run

BASE: dict[str, Any] = {
    "name": "x", "description": "a line", "seeds": [0], "data": {"source": "here", "size": 128},
    "model": {"variant": "baseline", "options": {"units": 128}}, "train": {"lr": 0.001, "epochs": 10},
    "fine_tune": None, "imbalance": {"name": "none"}, "tracking": {"wandb": "auto"},
}  # fmt: skip


def changed(**changes: Any) -> dict[str, Any]:
    """The base with dotted settings changed: ``train__lr=0.1``."""
    values = {key: dict(value) if isinstance(value, dict) else value for key, value in BASE.items()}
    for key, value in changes.items():
        section, _, name = key.partition("__")
        if name:
            values[section][name] = value
        else:
            values[section] = value
    return values


def write(root: Path, settings: Mapping[str, Any], settings_hash: str, **card: Any) -> Path:
    path = write_run(root, settings_hash=settings_hash, hash=f"{settings_hash}{card.get('fold') or 0}", **card)
    draw_predictions(path, 0, 0.6)
    (path / "experiment.yaml").write_text(yaml.safe_dump(dict(settings)))
    return path


def compared(root: Path, baseline: str | None = None) -> Comparison:
    return compare(RunStore(root).runs(), [], baseline)


def differing(**experiments: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    found = find_differing({label: comparable(values) for label, values in experiments.items()})
    first = next(iter(experiments))
    return {label: found.between(label, first) for label in experiments}


def test_what_changes_no_result_is_no_difference() -> None:
    same = changed(description="another", seeds=[1, 2], data__source="there", tracking__wandb="disabled", name="y")
    assert differing(a=BASE, b=same) == {"a": (), "b": ()}
    assert differing(a=BASE, b=changed(train__lr=0.01)) == {"a": (), "b": ("train.lr 0.01",)}


def test_options_are_compared_within_their_variant_only() -> None:
    attention = changed(model={"variant": "attention", "options": {"units": 64, "heads": 2}})
    assert differing(a=BASE, b=attention)["b"] == ("model.variant attention",)
    more = changed(model={"variant": "attention", "options": {"units": 64, "heads": 4}})
    found = differing(a=BASE, b=attention, c=more)
    assert found["b"] == ("model.variant attention", "options.heads 2")
    assert found["c"] == ("model.variant attention", "options.heads 4")


def test_a_section_beside_null_is_a_difference_and_a_missing_setting_is_none() -> None:
    tuned = changed(fine_tune={"layers": 3, "lr": 1e-5})
    assert differing(a=BASE, b=tuned)["b"] == ("fine_tune yes",)
    older = changed(train={"lr": 0.001})  # written before there was a setting `epochs`
    assert differing(a=BASE, b=older)["b"] == ()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"), (True, "yes"), (0.01, "0.01"), (1e-05, "1e-05"), (3, "3"), ("adam", "adam"), ([1, 2], "[1, 2]"),
        ([f"class{k}" for k in range(9)], "[class0, class1 … (9)]"), ("x" * 40, f"{'x' * 14}…{'x' * 13}"),
    ],
)  # fmt: skip
def test_values_are_short_texts(value: Any, text: str) -> None:
    assert value_text(value) == text


def test_names_are_as_short_as_they_are_unique() -> None:
    names = ["train.lr", "model.backbone.name", "model.options.lr", "a.options.lr", "labels"]
    assert short_names(names, names) == {
        "train.lr": "train.lr", "model.backbone.name": "backbone.name", "model.options.lr": "model.options.lr",
        "a.options.lr": "a.options.lr", "labels": "labels",
    }  # fmt: skip


def test_experiments_of_one_name_are_told_apart_by_their_settings(tmp_path: Path) -> None:
    write(tmp_path, BASE, "aaaaaaaa")
    write(tmp_path, changed(train__lr=0.01), "bbbbbbbb")
    write(tmp_path, changed(train__lr=0.1), "cccccccc", experiment="other")
    (group,) = compared(tmp_path).groups
    assert [row.label for row in group.rows] == ["other", "x · train.lr 0.001", "x · train.lr 0.01"]
    assert group.differing.names == ("train.lr",)
    (group,) = compared(tmp_path, "x · train.lr 0.01").groups
    assert group.baseline == "x · train.lr 0.01"
    assert [group.differing.between(row.label, group.baseline) for row in group.rows] == [
        ("train.lr 0.1",), ("train.lr 0.001",), (),
    ]  # fmt: skip
    with pytest.raises(ExperimentError, match=r"x · train\.lr 0\.01; got 'x · train\.lr 0\.02'\. Did you mean"):
        compared(tmp_path, "x · train.lr 0.02")


def test_what_no_setting_tells_apart_has_a_hash(tmp_path: Path) -> None:
    write(tmp_path, BASE, "aaaaaaaa")
    write(tmp_path, BASE, "bbbbbbbb")  # such as another file of the user's variant under the same path
    (group,) = compared(tmp_path).groups
    assert [row.label for row in group.rows] == ["x (aaaaaa)", "x (bbbbbb)"]
    (tmp_path / "x" / "seed-0-bbbbbbbb0" / "experiment.yaml").write_text("{")
    assert [row.label for row in compared(tmp_path).groups[0].rows] == ["x (aaaaaa)", "x (bbbbbb)"]


def test_folds_of_a_nested_sweep_have_what_each_has_chosen(tmp_path: Path) -> None:
    for fold, lr in enumerate((0.1, 0.2)):
        write(tmp_path, changed(train__lr=lr), "nested", experiment="sweep", fold=fold, folds=2, test=f"t{fold}")
        write(tmp_path, BASE, "basebase", experiment="base", fold=fold, folds=2, test=f"t{fold}")
    (group,) = compared(tmp_path).groups
    assert group.differing.between("sweep", "base") == (f"train.lr {BY_FOLD}",)
    # seeds have no folds: a setting of equal results that differs among them is none of the experiment
    assert len([row for row in group.rows if row.name == "sweep"]) == 1


def test_many_settings_are_few_in_a_label() -> None:
    first = {f"train.s{k}": 0 for k in range(9)}
    labels = make_labels([("x", "a" * 9, first), ("x", "b" * 9, dict.fromkeys(first, 1))])
    assert labels == [f"x · train.s0 {k}, train.s1 {k}, train.s2 {k}, 6 more" for k in (0, 1)]
    # the settings that are shown must tell them apart
    third = {**dict.fromkeys(first, 1), "train.s8": 2}
    labels = make_labels(
        [("x", h * 9, settings) for h, settings in zip("abc", (first, {**third, "train.s8": 1}, third), strict=True)]
    )
    assert len(set(labels)) == 3
    assert not any("(" in label for label in labels)


SETTINGS = st.dictionaries(
    st.sampled_from(["train.lr", "train.epochs", "model.variant", "model.options.units", "fine_tune", "fine_tune.lr"]),
    st.one_of(st.none(), st.booleans(), st.integers(0, 2), st.floats(0, 1), st.text(max_size=40)), max_size=5,
)  # fmt: skip


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(["x", "y"]), SETTINGS), min_size=1, max_size=6))
def test_labels_are_unique_and_begin_with_the_name(experiments: list[tuple[str, dict[str, Any]]]) -> None:
    named = [(name, f"{place:06d}", settings) for place, (name, settings) in enumerate(experiments)]
    labels = make_labels(named)
    assert len(set(labels)) == len(labels)
    assert all(label.startswith(name) for label, (name, _, _) in zip(labels, named, strict=True))


def test_sections_are_made_flat() -> None:
    assert flatten({"a": {"b": {"c": 1}, "d": [2]}, "e": None, "f": {}}) == {"a.b.c": 1, "a.d": [2], "e": None}
