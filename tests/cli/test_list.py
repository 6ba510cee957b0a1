"""`alzbench list`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.command import Command, Result, assert_sentence
from tests.helpers.runs import write_run


def test_runs_come_from_the_variable_where_no_option_is_given(
    alzbench: Command, stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALZBENCH_RUNS", str(stored))
    assert "b/seed-0-h0" in alzbench("list", "runs").out


def listed(result: Result) -> list[str]:
    assert result.code == 0, result.err
    return [run["run"] for run in json.loads(result.out)["runs"]]


def test_runs_are_filtered_by_name_and_state(alzbench: Command, stored: Path) -> None:
    write_run(stored, experiment="b", seed=1, state="failed", created="2031-01-01T00:00:00+00:00")
    arguments = ("list", "runs", "--runs", stored, "--json")
    assert sorted(listed(alzbench(*arguments))) == ["a/seed-0-h0", "a/seed-1-h1", "b/seed-0-h0", "b/seed-1-h1"]
    assert listed(alzbench(*arguments, "b")) == ["b/seed-1-h1", "b/seed-0-h0"]  # the newest first
    assert listed(alzbench(*arguments, "b", "--state", "failed")) == ["b/seed-1-h1"]
    assert listed(alzbench(*arguments, "a/seed-0", "b/seed-0")) == ["b/seed-0-h0", "a/seed-0-h0"]
    nothing = alzbench("list", "runs", "--runs", stored, "a", "--state", "failed")
    assert_sentence(nothing, 3, "No run there is failed; the states there are complete.")


def test_names_are_for_runs(alzbench: Command) -> None:
    assert_sentence(alzbench("list", "variants", "attention"), 2, "Names are for `alzbench list runs` only")


def test_experiments_and_variants_as_json(alzbench: Command, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("trian: {}")
    (tmp_path / "good.yaml").write_text("description: fine")
    files = json.loads(alzbench("list", "experiments", "--folder", tmp_path, "--json").out)
    assert (files["good.yaml"]["protocol"], files["good.yaml"]["description"]) == ("reference", "fine")
    assert "unknown key trian" in files["bad.yaml"]["error"]
    assert json.loads(alzbench("list", "variants", "--json").out)["baseline"]["options"]["units"] == 128


@pytest.mark.parametrize("what", ["variants", "backbones"])
def test_no_network_is_built_to_list_costs(what: str) -> None:
    code = f"""
import sys
from alzbench import cli
sys.argv = ["alzbench", "list", "{what}"]
try:
    cli.main()
finally:
    assert not {{"keras", "tensorflow"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
