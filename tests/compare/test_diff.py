"""Two runs: settings, code, packages and data that differ."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from alzbench.compare.diff import Change, diff_runs
from alzbench.errors import DataError
from alzbench.store import read_run
from tests.helpers.runs import write_run

ENVIRONMENT = {
    "alzbench": "0.1.0",
    "git_commit": "abc",
    "python": "3.11.7",
    "packages": {"keras": "3.1", "numpy": "2.0"},
}


def write(root: Path, settings: dict[str, Any], environment: object, **card: Any) -> Path:
    path = write_run(root, **card)
    (path / "experiment.yaml").write_text(yaml.safe_dump(settings))
    (path / "environment.json").write_text(json.dumps(environment))
    return path


def test_each_difference_is_listed_and_what_is_equal_is_not(tmp_path: Path) -> None:
    classes = ["NonDemented", "VeryMildDemented", "MildDemented"]
    one = write(tmp_path, {"name": "a", "train": {"lr": 0.1, "epochs": 2}}, ENVIRONMENT, experiment="a")
    changed = {**ENVIRONMENT, "git_commit": "def", "packages": {"keras": "3.2", "numpy": "2.0", "pandas": "3.0"}}
    other = write(
        tmp_path, {"name": "b", "train": {"lr": 0.2, "epochs": 2}, "data": {"classes": classes}}, changed,
        experiment="b", seed=1, data="d1", leaks="",
    )  # fmt: skip
    found = diff_runs(read_run(one), read_run(other))
    assert (found.first, found.second) == (f"a/{one.name}", f"b/{other.name}")
    assert found.run == (
        Change("experiment", "a", "b"), Change("seed", "0", "1"), Change("leaks", "all of it", ""),
    )  # fmt: skip
    assert found.settings == (
        Change("train.lr", "0.1", "0.2"), Change("data.classes", "–", f"[{', '.join(classes)}]"),
    )  # fmt: skip
    assert found.code == (Change("git_commit", "abc", "def"),)
    assert found.packages == (Change("keras", "3.1", "3.2"), Change("pandas", "–", "3.0"))
    assert found.data == (Change("data", "d0", "d1"),)
    assert found.unknown == ()


def test_a_run_without_its_environment_differs_in_nothing_of_it(tmp_path: Path) -> None:
    one = write(tmp_path, {}, ENVIRONMENT, experiment="a")
    other = write_run(tmp_path, experiment="b")  # imported predictions have no such file
    found = diff_runs(read_run(one), read_run(other))
    assert (found.code, found.packages) == ((), ())
    assert f"{other / 'environment.json'} cannot be read (it has none)" in found.unknown[0]


@pytest.mark.parametrize("content", [[], {"packages": [1]}])
def test_an_environment_of_another_kind_is_one_sentence(tmp_path: Path, content: object) -> None:
    one = write(tmp_path, {}, ENVIRONMENT, experiment="a")
    other = write(tmp_path, {}, content, experiment="b")
    with pytest.raises(DataError, match=r"environment\.json must hold a JSON object; repeat the run with --force"):
        diff_runs(read_run(one), read_run(other))
