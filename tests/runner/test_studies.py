"""Studies from the command line: what is run, found again, shown and compared. `Stub` is in the place of training."""

from __future__ import annotations

import functools
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from alzbench import progress as progress_module
from alzbench.data.manifest import ImageSet
from alzbench.errors import RunError
from alzbench.experiment import Experiment
from alzbench.progress import Progress
from alzbench.runner import Job
from alzbench.runner.estimator import Fit
from alzbench.runner.listeners import Listeners
from alzbench.store import RunStore, RunWriter
from tests.helpers.command import TINY, Command, assert_sentence, plain_terminal
from tests.helpers.images import CLASSES
from tests.helpers.paths import EXPERIMENTS
from tests.helpers.predictions import draw_predictions
from tests.helpers.running import run as run_experiments
from tests.helpers.runs import write_run
from tests.helpers.stub_network import Stub

STUDY = """
base: base.yaml
plan: add_one
factors:
  loss:
    focal: {train.loss: focal}
  rate:
    slow: {train.lr: 1e-4}
"""
ALL = [("base", 0), ("base-focal", 0), ("base-slow", 0)]


@pytest.fixture(autouse=True)
def a_plain_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """120 columns, no colours, and an empty working folder."""
    plain_terminal(monkeypatch, tmp_path / "work", 120)


@pytest.fixture
def run(alzbench: Command, image_folder: Path, stub: type[Stub]) -> Command:
    """Run experiments and studies on `image_folder`."""
    del stub
    return functools.partial(alzbench, "run", "--no-sanity", "--data", image_folder)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    path = tmp_path / "base.yaml"
    path.write_text(TINY)
    return path


@pytest.fixture
def study(base: Path) -> Path:
    path = base.with_name("s.yaml")
    path.write_text(STUDY)
    return path


def states(root: Path = Path("runs")) -> dict[str, str]:
    return {run.card.experiment: run.card.state for run in RunStore(root).runs()}


# What is run


def test_a_study_is_run_in_order_and_compared(run: Command, study: Path, stub: type[Stub]) -> None:
    result = run(study)
    assert result.code == 0, result.err
    assert stub.trained == ALL
    assert states() == dict.fromkeys((name for name, _ in ALL), "complete")
    for name, _ in ALL:
        assert re.search(rf"^{name} +50\.00 ", result.out, re.MULTILINE), result.out


def test_the_comparison_of_a_study_has_the_effects_of_its_factors(run: Command, study: Path, alzbench: Command) -> None:
    run(study)
    for stored in RunStore(Path("runs")).runs():
        draw_predictions(stored.path, len(stored.card.experiment), 0.6, CLASSES)
    again = alzbench("compare", study, "--full")
    assert re.search(r"^ *Effects of the factors +pairs +accuracy, points", again.out, re.MULTILINE), again.out
    assert re.search(r"^ *loss: focal +1 +[+-]?\d", again.out, re.MULTILINE), again.out


@pytest.mark.slow
def test_only_what_is_missing_is_run(run: Command, base: Path, study: Path, stub: type[Stub]) -> None:
    run(base)
    assert stub.trained == ALL[:1]
    first = run(study)
    assert stub.trained == ALL  # the base's run is the study's
    assert "base, seed 0: already complete" in first.err
    again = run(study)
    assert (again.code, stub.trained) == (0, ALL)
    assert again.err.count("already complete") == 3
    more = run(study, "--seeds", "0,1")
    assert (more.code, stub.trained[3:]) == (0, [("base", 1), ("base-focal", 1), ("base-slow", 1)])


@pytest.mark.parametrize("study_first", [False, True], ids=["file-first", "study-first"])
def test_an_experiment_of_file_and_study_is_run_once(
    run: Command, base: Path, study: Path, stub: type[Stub], study_first: bool
) -> None:
    assert run(*([study, base] if study_first else [base, study])).code == 0
    assert stub.trained == ALL


def test_studies_may_share_their_base(run: Command, study: Path, stub: type[Stub]) -> None:
    other = study.with_name("other.yaml")
    other.write_text("base: base.yaml\nplan: add_one\nfactors: {batch: {large: {train.batch_size: 16}}}\n")
    assert run(study, other).code == 0
    assert stub.trained == [*ALL, ("base-large", 0)]


def test_other_experiments_of_one_name_end_with_2(run: Command, base: Path, study: Path, stub: type[Stub]) -> None:
    study.write_text("seeds: [1]" + STUDY)
    assert_sentence(
        run(base, study), 2, "must have different names;", "s.yaml defines another base (reference protocol)"
    )
    assert stub.trained == []
    assert not Path("runs").exists()


def test_settings_reach_every_experiment_of_a_study(run: Command, study: Path) -> None:
    arguments = ["--set", "train.epochs=7", "--set", "train.lr=0.5", "--seeds", "4", "--dry-run", "--json"]
    document = json.loads(run(study, *arguments).out)
    assert [(e["name"], e["train"]["epochs"], e["train"]["lr"]) for e in document["experiments"]] == [
        ("base", 7, 0.5), ("base-focal", 7, 0.5), ("base-slow", 7, 1e-4),
    ]  # fmt: skip
    assert {run["seed"] for run in document["runs"]} == {4}
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        pytest.param(
            STUDY.replace("lr", "lrr"), ["with factors.rate.slow: unknown key train.lrr.", "'lr'"], id="field"
        ),
        pytest.param(STUDY.replace("add_one", "all"), ["plan: ", "got 'all'"], id="plan"),
        pytest.param(STUDY.replace("base.yaml", "no.yaml"), ["base names no.yaml, but there is no file"], id="base"),
        pytest.param(
            STUDY.replace("train.loss: focal", "model.variant: atention"),
            ["experiment base-focal: Unknown variant 'atention'", "'attention'"],
            id="variant",
        ),
        pytest.param("plan: [", ["is not valid YAML"], id="not-yaml"),
    ],
)
@pytest.mark.parametrize("more", [(), ("--dry-run",)], ids=["run", "dry-run"])
def test_a_bad_study_ends_with_2_before_anything_is_run(
    run: Command, study: Path, stub: type[Stub], text: str, parts: list[str], more: tuple[str, ...]
) -> None:
    study.write_text(text)
    assert_sentence(run(study, *more), 2, *parts)
    assert stub.trained == []
    assert not Path("runs").exists()


@pytest.mark.parametrize(("name", "runs"), [("heads", 6 * 5), ("combination", 5 * 3), ("imbalance", 8 * 3)])
def test_the_studies_here_plan_as_many_runs(alzbench: Command, name: str, runs: int) -> None:
    result = alzbench("run", EXPERIMENTS / "studies" / f"{name}.yaml", "--dry-run", "--json")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert len(document["runs"]) == runs
    assert {run["protocol"] for run in document["runs"]} == {"subject"}


# Failures


def test_a_study_goes_on_after_failures_and_names_each_at_the_end(run: Command, study: Path, stub: type[Stub]) -> None:
    stub.fails = {"base": RunError("odd"), "base-slow": OSError(28, "No space left on device")}
    result = run(study)
    assert (result.code, stub.trained) == (1, ALL)
    first, second, last = result.err.splitlines()[-3:]
    assert first == "error: base, seed 0: odd"
    assert second.startswith("error: base-slow, seed 0: The disk is full")
    assert last == "error: 2 of 3 runs failed; the same command repeats only these."
    assert states() == {"base": "failed", "base-focal": "complete", "base-slow": "failed"}
    stub.fails = {}
    again = run(study)
    assert (again.code, stub.trained[3:]) == (0, [("base", 0), ("base-slow", 0)])
    assert "error" not in again.err


# What is shown


def test_one_run_that_succeeds_is_shown(run: Command, study: Path, stub: type[Stub]) -> None:
    stub.fails = {"base": RunError("odd"), "base-slow": RunError("odd")}
    result = run(study)
    assert len(re.findall(r"^base[-\w]* +50\.00 ", result.out, re.MULTILINE)) == 1, result.out
    assert "there is one experiment, and nothing to compare it with" in " ".join(result.out.split())


def test_no_run_that_succeeds_shows_nothing(run: Command, study: Path, stub: type[Stub]) -> None:
    stub.fails = {name: RunError("odd") for name, _ in ALL}
    result = run(study)
    assert (result.code, result.out) == (1, "a library prints\n" * 3)


def test_json_stays_one_document(run: Command, study: Path, stub: type[Stub]) -> None:
    stub.fails = {"base-focal": RunError("odd")}
    result = run(study, "--json")
    assert result.code == 1
    assert result.err.count("a library prints") == 3
    runs = json.loads(result.out)["runs"]
    assert [(row["experiment"], row["state"], row["error"]) for row in runs] == [
        ("base", "complete", ""), ("base-focal", "failed", "odd"), ("base-slow", "complete", ""),
    ]  # fmt: skip


@pytest.mark.slow
def test_a_log_has_plain_lines(run: Command, study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "LOG_INTERVAL_S", 0.0)
    result = run(study)
    lines = [line for line in result.err.splitlines() if line.startswith("runs: ")]
    assert [re.sub(r"\d:\d\d:\d\d", "TIME", line) for line in lines] == [
        f"runs: {done} of 3, TIME left" for done in (1, 2, 3)
    ]
    assert lines[-1] == "runs: 3 of 3, 0:00:00 left"
    assert "\x1b" not in result.err + result.out
    again = run(study, "--seeds", "0,1")  # what is complete is not counted
    assert [line[:12] for line in again.err.splitlines() if line.startswith("runs: ")] == [
        "runs: 1 of 3", "runs: 2 of 3", "runs: 3 of 3",
    ]  # fmt: skip
    assert "runs: " not in run(study).err


class Tracking(Stub):
    """A stub that works on a bar of its own, as training does."""

    def __init__(self, job: Job, images: ImageSet, split: pd.DataFrame, progress: Progress) -> None:
        super().__init__(job, images, split, progress)
        self.progress = progress

    def fit(self, writer: RunWriter, listeners: Listeners) -> Fit:
        with self.progress.track("training", 5) as advance:
            advance(5)
            return super().fit(writer, listeners)


def test_on_a_terminal_the_bar_of_the_runs_stays_above_the_work(
    tiny: Callable[..., Experiment],
    stub: type[Stub],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("alzbench.runner.recipe.Network", Tracking)
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system=None)
    experiments = [tiny(name="a"), tiny(name="b", seeds=[0, 1])]
    outcomes = run_experiments(Path("runs"), *experiments, progress=Progress(console))
    assert [outcome.state for outcome in outcomes] == ["complete"] * 3
    assert stub.trained == [("a", 0), ("b", 0), ("b", 1)]
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    for done in range(3):
        assert re.search(rf"runs .* {done}/3 .*\n.*training .* 0/5 ", shown)
    assert "3/3" in shown.rpartition("runs")[2]
    assert capsys.readouterr().out == "a library prints\n" * 3
    assert "a library prints" not in shown


# Comparing


def labels(result: Any) -> list[str]:
    """Return the experiments of a comparison, sorted: their order is that of the clock's seconds."""
    return sorted(row["label"] for group in json.loads(result.out)["groups"] for row in group["rows"])


def test_compare_selects_the_runs_of_a_study(alzbench: Command, run: Command, base: Path, study: Path) -> None:
    other = base.with_name("other.yaml")
    other.write_text(TINY.replace("epochs: 2", "epochs: 3"))
    assert run(study, other).code == 0
    names = [name for name, _ in ALL]
    assert labels(alzbench("compare", "--json")) == [*names, "other"]
    assert labels(alzbench("compare", study, "--json")) == names
    assert labels(alzbench("compare", base, "--json")) == ["base"]
    assert labels(alzbench("compare", other, study, "--json")) == [*names, "other"]


def test_compare_takes_what_there_is_of_a_study(alzbench: Command, study: Path) -> None:
    for name in ("base-slow", "elsewhere"):
        write_run(Path("runs"), experiment=name, settings_hash=name)
    assert labels(alzbench("compare", study, "--json")) == ["base-slow"]


def test_compare_of_a_study_without_runs_ends_with_3(alzbench: Command, study: Path) -> None:
    write_run(Path("runs"), experiment="elsewhere")
    assert_sentence(alzbench("compare", study), 3, f"There is no run or experiment {study} under runs")


def test_compare_of_a_bad_study_ends_with_2(alzbench: Command, study: Path) -> None:
    write_run(Path("runs"), experiment="base")
    study.write_text(STUDY.replace("lr", "lrr"))
    assert_sentence(alzbench("compare", study), 2, "with factors.rate.slow: unknown key train.lrr.")


def test_compare_takes_the_protocols_of_the_study_alone(alzbench: Command, study: Path) -> None:
    study.write_text("protocols: [slice]" + STUDY)
    for protocol in ("reference", "slice"):
        write_run(Path("runs"), experiment="base", settings_hash=protocol, protocol=protocol, hash=protocol)
    groups = json.loads(alzbench("compare", study, "--json").out)["groups"]
    assert [group["protocol"] for group in groups] == ["slice"]
