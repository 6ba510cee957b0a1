"""What `import alzbench` offers: the same as the commands, with alzbench's own errors, and nothing heavy until used."""

from __future__ import annotations

import inspect
import io
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

import alzbench as ab
from alzbench import api
from alzbench.compare import Comparison
from alzbench.errors import DataError, ExperimentError, RunError
from alzbench.experiment.loading import parse_assignments
from alzbench.report.export import render_json
from alzbench.store import RunStore
from tests.helpers.command import TINY, Command, plain_terminal
from tests.helpers.runs import write_run
from tests.helpers.stub_network import Stub


@pytest.fixture(autouse=True)
def a_plain_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """80 columns, no colours, and an empty working folder."""
    plain_terminal(monkeypatch, tmp_path / "work", 80)


@pytest.fixture
def tiny_file() -> Path:
    """The file of a small experiment, in the working folder."""
    path = Path("tiny.yaml")
    path.write_text(TINY)
    return path


@pytest.fixture
def stored() -> Path:
    """A runs folder with two complete experiments and a failed run."""
    for seed, accuracy in enumerate((0.25, 0.75)):
        write_run(Path("stored"), accuracy, experiment="a", settings_hash="a", seed=seed)
    write_run(Path("stored"), 1.0, experiment="b", settings_hash="b")
    write_run(Path("stored"), experiment="c", state="failed", error="no memory")
    return Path("stored")


# Import


def in_python(code: str) -> str:
    """Run code in a Python of its own, and return what it prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=100)
    return done.stdout.strip()


def test_importing_alzbench_imports_nothing_until_a_function_is_used(stored: Path) -> None:
    heavy = "('alzbench.api', 'alzbench.compare', 'pandas', 'pydantic', 'keras', 'tensorflow')"
    loaded = f"print([name for name in {heavy} if name in sys.modules])"
    code = f"import sys, alzbench as ab; {loaded}; ab.compare(runs={str(stored)!r}).to_frame(); {loaded}"
    assert in_python(code).splitlines() == ["[]", "['alzbench.api', 'alzbench.compare', 'pandas', 'pydantic']"]


def test_the_package_offers_five_functions() -> None:
    assert dir(ab) == sorted(ab.__all__) == ["__version__", *sorted(functions())]
    for name, function in functions().items():
        assert getattr(ab, name) is function or name == "compare"
        assert function.__doc__
        documented = function.__doc__.partition("Raises:")[0]
        assert [p for p in inspect.signature(function).parameters if f"        {p}: " not in documented] == []
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        ab.trian  # noqa: B018


def functions() -> dict[str, Callable[..., Any]]:
    return {name: value for name in api.__all__ if inspect.isfunction(value := getattr(api, name))}


def test_compare_is_a_function_and_a_package(stored: Path) -> None:
    assert inspect.signature(ab.compare) == inspect.signature(api.compare)
    assert isinstance(ab.compare(runs=stored).comparison, Comparison)
    code = (
        "import alzbench.compare, alzbench as ab; from alzbench.compare import Comparison; print(callable(ab.compare))"
    )
    assert in_python(code) == "True"


# The same as the commands


def from_csv(path: Path) -> pd.DataFrame:
    return pd.read_csv(path)


def as_csv(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a data frame as it is read from a file."""
    return pd.read_csv(io.StringIO(frame.to_csv(index=False)))


@pytest.mark.parametrize(
    ("names", "options", "arguments"),
    [
        ([], {}, []),
        (["a", "b"], {"baseline": "b"}, ["--baseline", "b"]),
        (["b/seed-0-h0"], {"min_effect": 5}, ["--min-effect", "5"]),
    ],
    ids=["all", "baseline", "one"],
)
def test_compare_gives_what_the_command_writes(
    alzbench: Command, stored: Path, names: list[str], options: dict[str, Any], arguments: list[str]
) -> None:
    result = ab.compare(names, runs=stored, **options)
    assert alzbench("compare", *names, "--runs", stored, *arguments, "--csv", "c.csv").code == 0
    assert_frame_equal(as_csv(result.to_frame()), from_csv(Path("c.csv")))
    means = result.to_frame().set_index("experiment")["accuracy"].to_dict()
    known = {"a": 0.5, "b": 1.0}
    assert {name: mean for name, mean in means.items() if name in known} == (known if len(names) != 1 else {"b": 1.0})


def test_names_may_be_files_runs_and_results(stored: Path, tiny_file: Path) -> None:
    write_run(stored, experiment="tiny", settings_hash="tiny")
    runs = ab.load_runs(runs=stored)
    for names in ("tiny", tiny_file, str(tiny_file), runs[-1], runs[-1].run, [runs[-1]], runs[-1:], runs[-1].path):
        assert [run.name for run in ab.load_runs(names, runs=stored)] == ["tiny/seed-0-h0"], names
        assert len(ab.compare(names, runs=stored).comparison.groups) == 1


def test_the_folder_of_the_runs_is_that_of_the_commands(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="There are no runs under runs;"):
        ab.load_runs()
    monkeypatch.setenv("ALZBENCH_RUNS", str(stored))
    assert len(ab.load_runs()) == 4
    with pytest.raises(DataError, match="There are no runs under elsewhere;"):
        ab.load_runs(runs="elsewhere")


def test_a_damaged_run_is_left_out_with_a_warning(stored: Path) -> None:
    (stored / "b" / "seed-0-h0" / "state.json").write_text("{")
    with pytest.warns(UserWarning, match="left out: .*state.json"):
        assert len(ab.load_runs(runs=stored)) == 3
    with pytest.warns(UserWarning, match="left out: .*state.json"):
        ab.compare(runs=stored)


def test_a_command_finds_the_runs_complete_that_the_function_ran(
    alzbench: Command, tiny_file: Path, image_folder: Path, stub: type[Stub], capsys: pytest.CaptureFixture[str]
) -> None:
    result = ab.run(tiny_file, data=image_folder, seeds=[0, 1], change={"train.epochs": 1}, sanity=False)
    assert result.to_frame()[["kind", "experiment", "seeds"]].to_numpy().tolist()[0] == ["experiment", "tiny", 2]
    assert "tiny, seed 1: complete" in capsys.readouterr().err
    assert len(stub.trained) == 2
    arguments = ["--data", image_folder, "--seeds", "0,1", "--set", "train.epochs=1", "--no-sanity"]
    assert alzbench("run", tiny_file, *arguments).err.count("already complete") == 2
    again = ab.run([str(tiny_file)], data=str(image_folder), seeds=1, change={"train": {"epochs": 1}}, sanity=False)
    assert again.to_frame()["seeds"].tolist() == [1]
    assert len(stub.trained) == 2
    ab.run(tiny_file, data=image_folder, change={"train.epochs": 1}, sanity=False, force=True, quiet=True)
    assert len(stub.trained) == 3
    assert "seed 0: complete" not in capsys.readouterr().err


@pytest.mark.usefixtures("stub")
def test_sanity_baselines_are_run_beside_experiments(tiny_file: Path, image_folder: Path) -> None:
    kinds = ab.run(tiny_file, data=image_folder, quiet=True).to_frame()["kind"].tolist()
    assert kinds[0] == "experiment"
    assert set(kinds[1:]) == {"sanity"}
    assert "elsewhere" not in os.listdir()
    ab.run(tiny_file, data=image_folder, sanity=False, quiet=True, runs="elsewhere")
    assert os.listdir("elsewhere") == ["tiny"]


def test_the_other_runs_are_stored_when_one_fails(tiny_file: Path, image_folder: Path, stub: type[Stub]) -> None:
    other = tiny_file.with_name("other.yaml")
    other.write_text(TINY)
    stub.fails = {"tiny": RunError("the loss became NaN")}
    with pytest.raises(RunError) as caught:
        ab.run([tiny_file, other], data=image_folder, sanity=False, quiet=True)
    lines = str(caught.value).splitlines()
    assert lines == ["tiny, seed 0: the loss became NaN", "1 of 2 runs failed; the same command repeats only these."]
    assert {run.run.card.experiment: run.run.card.state for run in ab.load_runs()} == {
        "tiny": "failed", "other": "complete"
    }  # fmt: skip


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_characters="$"), max_size=12),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)  # fmt: skip


@given(JSON)
def test_a_changed_value_is_the_value_that_was_given(value: Any) -> None:
    (read,) = parse_assignments(api._assignments({"model.options.x": value}))["model"]["options"].values()
    assert (read, type(read)) == (value, type(value))


# Errors

ONE_SPLIT = {"protocol": {"name": "subject", "split_seed": 1}}


@pytest.mark.parametrize(
    ("call", "kind", "part"),
    [
        (lambda: ab.run("atention", demo=True), ExperimentError, "Did you mean 'attention'?"),
        (lambda: ab.run([], demo=True), ExperimentError, "at least one"),
        (lambda: ab.run("attention", demo=True, data="x"), ExperimentError, "generates its own images"),
        (lambda: ab.run("attention", data=""), ExperimentError, "it is empty"),
        (lambda: ab.run("attention", demo=True, seeds=[1, 1]), ExperimentError, "seeds must differ"),
        (lambda: ab.run("attention", demo=True, seeds=[]), ExperimentError, "whole numbers"),
        (lambda: ab.run("attention", demo=True, seeds=[0.5]), ExperimentError, "whole numbers"),  # type: ignore[list-item]
        (lambda: ab.run("attention", demo=True, seeds=0, change={"seeds": [1]}), ExperimentError, "the same field"),
        (lambda: ab.run("attention", change={"train.epoch": 1}), ExperimentError, "Did you mean 'epochs'?"),
        (lambda: ab.run("attention", data="no-folder"), DataError, "There is no folder"),
        (lambda: ab.compare("no", runs="stored"), DataError, "There is no run or experiment no"),
        (lambda: ab.compare(runs="stored", min_effect=0), ExperimentError, "from 0.01 to 100; got 0"),
        (lambda: ab.compare(runs="stored", min_effect=math.nan), ExperimentError, "from 0.01 to 100; got nan"),
        (lambda: ab.compare(runs="stored", where="age >"), ExperimentError, "age >"),
        (lambda: ab.compare(runs="stored", baseline="d"), ExperimentError, "must be one of the compared"),
        (lambda: ab.audit(data="phantom", protocol="slices"), ExperimentError, "slices"),
        (lambda: ab.audit(data="phantom", fold=1), ExperimentError, "has no folds"),
        (lambda: ab.audit(data="phantom", protocol="subject_cv", fold=5), ExperimentError, "one of the protocol's 5"),
        (lambda: ab.audit(data="phantom", protocol="subject_cv", fold=-1), ExperimentError, "one of the protocol's 5"),
        (lambda: ab.audit(data="phantom", change=ONE_SPLIT, seed=2), ExperimentError, "no effect"),
        (lambda: ab.import_predictions("no.csv", "mine"), DataError, "no.csv"),
        (lambda: ab.import_predictions("no.csv", "../mine"), ExperimentError, "'../mine'"),
        (lambda: ab.import_predictions("no.csv", "mine", like="no", runs="stored"), DataError, "There is no run no"),
        (lambda: ab.load_runs(runs="stored")[3].to_frame(), DataError, "must be complete"),
        (lambda: ab.load_runs(runs="stored")[0].predictions(), DataError, "has no predictions.csv"),
        (lambda: ab.load_runs(runs="stored")[0].figure(), DataError, "has no predictions.csv"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("stored")
def test_errors_are_alzbenchs_own(call: Callable[[], Any], kind: type[Exception], part: str) -> None:
    before = sorted(os.listdir())
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    assert part in str(caught.value)
    assert sorted(os.listdir()) == before


def test_a_folder_that_cannot_be_written_is_a_run_error(tiny_file: Path) -> None:
    with pytest.raises(RunError, match=r"Not a directory \(tiny.yaml"):
        ab.import_predictions(pd.DataFrame(PREDICTIONS), "mine", runs=tiny_file)


# Predictions of another program

PREDICTIONS = {"image": ["a", "b", "c"], "label": ["x", "y", "y"], "p_x": [0.75, 0.5, 0.25], "p_y": [0.25, 0.5, 0.75]}


def test_a_data_frame_is_stored_as_its_file_would_be(alzbench: Command) -> None:
    frame = pd.DataFrame(PREDICTIONS)
    run = ab.import_predictions(frame, "mine", trained_on_other_subjects=True)
    frame.to_csv("mine.csv", index=False)
    arguments = ["--name", "mine", "--trained-on-other-subjects"]
    assert "already holds the same predictions" in alzbench("import", "mine.csv", *arguments).err
    assert ab.import_predictions("mine.csv", "mine", trained_on_other_subjects=True).path == run.path
    assert run.predictions()["p_x"].tolist() == [0.75, 0.5, 0.25]
    assert run.run.card.leaks == ""
    assert run.to_frame().set_index("metric")["test"]["accuracy"] == pytest.approx(2 / 3)


def test_predictions_are_matched_with_a_stored_run() -> None:
    like = ab.import_predictions(pd.DataFrame(PREDICTIONS), "like")
    other = pd.DataFrame({"file": ["c", "a", "b"], "label": ["y", "x", "y"], "predicted": ["y", "x", "y"]})
    for name, run in (("one", like), ("two", like.run), ("three", like.name), ("four", like.path)):
        made = ab.import_predictions(other, name, like=run, columns={"image": "file"}, seed=0)
        assert made.run.card.test == like.run.card.test
    frame = ab.compare(["like", "one"], baseline="like").to_frame()
    assert frame.set_index("experiment")["accuracy"].to_dict() == {"like": pytest.approx(2 / 3), "one": 1.0}
    assert len(RunStore(Path("runs")).runs()) == 5


def test_a_frame_has_the_scores_that_need_the_predictions(alzbench: Command) -> None:
    for seed in (0, 1):
        shares = np.random.default_rng(seed).uniform(size=40)
        about = {"image": range(40), "subject": [f"s{k // 4}" for k in range(40)], "label": ["x"] * 20 + ["y"] * 20}
        ab.import_predictions(pd.DataFrame({**about, "p_x": shares, "p_y": 1 - shares}), "drawn", seed=seed)
    frame = ab.compare("drawn").to_frame()
    assert frame["kind"].tolist() == ["experiment", "ensemble"]
    assert alzbench("compare", "drawn", "--csv", "c.csv").code == 0
    assert_frame_equal(as_csv(frame), from_csv(Path("c.csv")))


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ({"protocol": "subject_cv", "seed": 3, "fold": 1}, ["--protocol", "subject_cv", "--seed", "3", "--fold", "1"]),
        ({"change": {"protocol": {"name": "slice", "test": 0.5}}}, ["--set", "protocol={name: slice, test: 0.5}"]),
        ({"file": "tiny.yaml", "protocol": "reference"}, ["tiny.yaml", "--protocol", "reference"]),
    ],
    ids=["fold", "change", "file"],
)
def test_an_audit_finds_what_the_command_finds(
    alzbench: Command, tiny_file: Path, options: dict[str, Any], arguments: list[str]
) -> None:
    assert tiny_file.exists()
    found = ab.audit(data="phantom", quiet=True, **options)
    printed = alzbench("audit", *arguments, "--data", "phantom", "--json", "--quiet")
    assert json.loads(printed.out) == json.loads(render_json(found.document))
