"""`alzbench sweep`: the runs, files and messages of sweeps, and the sweeps that are refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import pytest
import yaml
from optuna.trial import TrialState

from alzbench.experiment import load_experiment
from alzbench.store import RunStore
from tests.helpers.command import Command, assert_sentence
from tests.helpers.fake_network import FAILING_LR
from tests.helpers.sweeps import SPACE, URL, Write, opened, trial_records, trials


def test_every_trial_is_a_run_without_a_test_part(alzbench: Command, write: Write) -> None:
    result = alzbench("sweep", write())
    assert result.code == 0, result.err
    stored = trials()
    assert [t.number for t in stored] == list(range(6))
    runs = {run.card.trial: run for run in RunStore(Path("runs")).runs() if run.card.trial is not None}
    assert runs.keys() == set(range(6))
    for trial in stored:
        run = runs[trial.number]
        assert run.card.experiment == "s-sweep"
        assert run.path.name.startswith(f"trial-{trial.number:04d}-seed-0-")
        settings = yaml.safe_load((run.path / "experiment.yaml").read_text())
        assert settings["train"]["lr"] == trial.params["train.lr"]
        assert not (run.path / "predictions.csv").exists()
        if trial.state == TrialState.COMPLETE:
            metrics = run.metrics()
            assert metrics.test is None
            assert metrics.validation is not None
            assert trial.values == [metrics.validation.scores["macro_f1"]]
            assert len(pd.read_csv(run.path / "predictions_val.csv")) == metrics.validation.n


def test_a_failed_trial_is_recorded_and_the_sweep_goes_on(alzbench: Command, write: Write) -> None:
    file = write(trials=12, sampler="random")
    result = alzbench("sweep", file)
    assert result.code == 0, result.err
    failed = [t for t in trials() if t.state == TrialState.FAIL]
    assert [t.number for t in failed] == [t.number for t in trials() if t.params["train.lr"] > FAILING_LR]
    assert failed
    assert all("too high for a fake" in t.user_attrs["error"] for t in failed)
    states = {run.card.trial: run.card.state for run in RunStore(Path("runs")).runs()}
    assert {states[t.number] for t in failed} == {"failed"}
    assert f"trial {failed[0].number}: failed: the learning rate is too high" in result.err


def test_only_failed_trials_have_no_best(alzbench: Command, write: Write) -> None:
    result = alzbench("sweep", write(trials=2, space={"train.lr": {"low": 6e-3, "high": 7e-3}}), "--quiet")
    assert_sentence(result, 1, "No trial of s-sweep is complete", "too high for a fake")


@pytest.mark.slow
def test_pruned_trials_are_recorded_with_what_they_reported(alzbench: Command, write: Write) -> None:
    pruner = {"name": "median", "n_startup_trials": 2, "n_warmup_steps": 1}
    space = {"train.lr": {"choices": [1e-3, 1e-5]}}
    result = alzbench("sweep", write(trials=14, pruner=pruner, space=space, sampler="random"))
    assert result.code == 0, result.err
    by_state = {s: [t for t in trials() if t.state == s] for s in (TrialState.COMPLETE, TrialState.PRUNED)}
    pruned = by_state[TrialState.PRUNED]
    assert pruned
    assert all(t.params["train.lr"] == 1e-5 for t in pruned)
    assert all(2 <= len(t.intermediate_values) < 6 for t in pruned)
    assert all(len(t.intermediate_values) == 6 for t in by_state[TrialState.COMPLETE])
    states = {run.card.trial: run.card.state for run in RunStore(Path("runs")).runs()}
    assert {states[t.number] for t in pruned} == {"pruned"}
    assert f"trial {pruned[0].number}: pruned after" in result.err


@pytest.mark.slow
def test_folds_are_averaged_and_pruned_between(alzbench: Command, write: Write) -> None:
    fields = {"protocol.name": "subject_cv", "protocol.folds": 3, "data.source": "phantom"}
    space = {"train.lr": {"choices": [1e-3, 1e-5]}}
    file = write(
        epochs=2, set=fields, trials=8, space=space, sampler="random", final={"seeds": []}, by="slice",
        pruner={"name": "median", "n_startup_trials": 1},
    )  # fmt: skip
    result = alzbench("sweep", file)
    assert result.code == 0, result.err
    store = RunStore(Path("runs"))
    scores_of: dict[int, list[float]] = {}
    for run in store.runs():
        assert run.card.trial is not None
        validation = run.metrics().validation
        assert validation is not None
        scores_of.setdefault(run.card.trial, []).append(validation.scores["macro_f1"])
    for trial in trials():
        scores = scores_of[trial.number]
        if trial.state == TrialState.COMPLETE:
            assert len(scores) == 3
            assert trial.value == pytest.approx(sum(scores) / 3)
        else:
            assert len(scores) < 3
        # the last run is not reported: the value of the trial includes it
        assert list(trial.intermediate_values) == list(range(min(2, len(scores))))
    assert {t.state for t in trials()} == {TrialState.COMPLETE, TrialState.PRUNED}


@pytest.mark.slow
def test_the_best_is_a_file_that_runs_and_is_tested_once(alzbench: Command, write: Write) -> None:
    result = alzbench("sweep", write(description="x"), "--json")
    assert result.code == 0, result.err
    printed = json.loads(result.out)
    best = max((t for t in trials() if t.value is not None), key=lambda t: (t.value, -t.number))
    assert printed["best"]["trial"] == best.number
    assert printed["best"]["settings"] == best.params
    experiment = load_experiment(Path(printed["best"]["file"]))
    assert experiment.name == "s-sweep-best"
    assert experiment.train.lr == best.params["train.lr"]
    tested = [r for r in RunStore(Path("runs")).runs() if r.card.trial is None]
    assert sorted({(r.card.experiment, r.card.seed) for r in tested}) == [
        ("base", 0), ("base", 1), ("s-sweep-best", 0), ("s-sweep-best", 1),
    ]  # fmt: skip
    assert len(printed["runs"]) == 4
    page = Path(printed["report"]).read_text(encoding="utf-8")
    assert "Best against base, on the validation part" in page
    again = alzbench("sweep", write(description="x"))
    assert again.err.count("already complete") == 4
    assert trial_records(trials()) == trial_records(trials())
    alone = alzbench("run", "--no-sanity", printed["best"]["file"])
    assert (alone.code, "already complete" in alone.err) == (0, True), alone.err


@pytest.mark.slow
def test_more_trials_may_be_asked_for_later(alzbench: Command, write: Write) -> None:
    alzbench("sweep", write(), "--trials", 4)
    first = trial_records(trials())
    alzbench("sweep", write(), "--trials", 7)
    more = trial_records(trials())
    assert len(more) == 7
    assert more[:4] == first
    Path("runs/s-sweep/optuna.db").unlink()
    alzbench("sweep", write(), "--trials", 7)
    assert trial_records(trials()) == more  # as if it had never stopped


@pytest.mark.slow
def test_two_objectives_have_a_front(alzbench: Command, write: Write) -> None:
    result = alzbench("sweep", write(objective=["macro_f1", "loss"], sampler="nsga2", trials=8), "--json")
    assert result.code == 0, result.err
    printed = json.loads(result.out)
    with opened() as optuna_study:
        front = optuna_study.best_trials
        assert [direction.name for direction in optuna_study.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert set(printed["front"]) == {t.number for t in front}
    assert printed["best"]["values"][0] == max(t.values[0] for t in front)
    assert "no other beats in both" in Path(printed["report"]).read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_size_of_the_images_may_be_searched(alzbench: Command, write: Write) -> None:
    result = alzbench("sweep", write(space={"data.size": {"choices": [32, 48]}}, sampler="random", final={"seeds": []}))
    assert result.code == 0, result.err
    sizes = {trial.number: trial.params["data.size"] for trial in trials()}
    assert set(sizes.values()) == {32, 48}
    for run in RunStore(Path("runs")).runs():
        assert run.card.trial is not None
        assert yaml.safe_load((run.path / "experiment.yaml").read_text())["data"]["size"] == sizes[run.card.trial]


@pytest.mark.slow
def test_trials_are_kept_out_of_comparisons(alzbench: Command, write: Write) -> None:
    alzbench("sweep", write())
    (group,) = json.loads(alzbench("compare", "--json").out)["groups"]
    assert {row["label"] for row in group["rows"]} == {"base", "s-sweep-best"}
    trial = next(Path("runs/s-sweep").glob("trial-0000*"))
    assert_sentence(alzbench("compare", trial), 3, "trials have no test scores")
    assert_sentence(alzbench("compare", "s-sweep"), 3, "trials have no test scores")
    shown = alzbench("show", trial)
    assert (shown.code, shown.err) == (0, "")
    assert "Validation scores only: a trial never reads the test part." in shown.out
    assert "accuracy %" in shown.out
    listed = alzbench("list", "runs")
    assert (listed.code, listed.err) == (0, "")
    assert_sentence(alzbench("report", trial), 3, "trials have no test scores")


@pytest.mark.slow
def test_messages_of_trials(alzbench: Command, write: Write) -> None:
    result = alzbench("sweep", write())
    lines = result.err.splitlines()
    assert lines[0].startswith("sweep s-sweep: 6 of 6 trials left, 1 run of 6 epochs each")
    assert "macro_f1 of the validation part, by slice; stored in sqlite:///runs/s-sweep/optuna.db" in lines[0]
    scored = [line for line in lines if re.match(r"trial \d: macro_f1 0\.\d{4}; train\.lr ", line)]
    assert len(scored) + sum("failed" in line for line in lines) == 6
    assert "about 0:00:0" in alzbench("sweep", write(), "--trials", 7, "--dry-run").out
    assert alzbench("sweep", write(), "--quiet").err == ""


def test_a_dry_run_writes_nothing(alzbench: Command, write: Write) -> None:
    file = write()
    result = alzbench("sweep", file, "--dry-run")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("sweep s-sweep: 6 of 6 trials left")
    plan = json.loads(alzbench("sweep", file, "--dry-run", "--json").out)
    assert plan["trials"] == {"complete": 0, "pruned": 0, "failed": 0, "wanted": 6}
    assert plan["space"]["train.lr"]["low"] == 1e-5
    assert sorted(path.name for path in Path().iterdir()) == ["base.yaml", "s.yaml"]


@pytest.mark.slow
def test_a_time_limit_begins_no_further_trial(alzbench: Command, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_SECONDS", "0.2")
    result = alzbench("sweep", write(trials=50), "--minutes", 0.05)  # three seconds
    assert result.code == 0, result.err
    assert 1 <= len(trials()) < 10
    assert "best: trial" in result.err


@pytest.mark.parametrize(
    ("changes", "arguments", "code", "message"),
    [
        ({"space": {"train.lrr": {"low": 1, "high": 2}}}, [], 2, "unknown key train.lrr"),
        ({"space": {"model.options.unit": {"low": 1, "high": 2}}}, [], 2, "unit"),
        ({"space": {"train.lr": {"low": 2.0, "high": 1.0}}}, [], 2, "2.0 is above 1.0"),
        ({"space": {"train.lr": {"low": 0, "high": 1, "log": True}}}, [], 2, "above 0 for log"),
        ({"objective": "macro_f"}, [], 2, "got 'macro_f'. Did you mean 'macro_f1'?"),
        ({"sampler": {"name": "tpe", "n_startups": 3}}, [], 2, "unknown key sampler.n_startups"),
        ({"pruner": {"name": "median", "n_warmup_steps": -1}}, [], 2, "pruner.n_warmup_steps"),
        ({"by": "subject"}, [], 1, "by: subject needs the subject of every validation image"),
        ({}, ["--storage", "mysql://u@h/d"], 2, "mysql is not supported"),
        ({}, ["--storage", "x"], 2, "got a text that is not a URL"),
        ({}, ["--storage", "sqlite://"], 2, "a database in memory would end with the command"),
        (
            {},
            ["--storage", "postgresql://u:secret@127.0.0.1:1/d"],
            3,
            "postgresql://u:***@127.0.0.1:1/d must be reachable",
        ),
        ({}, ["--storage", "sqlite:///base.yaml"], 3, "sqlite:///base.yaml must be a SQLite file that can be read"),
        ({}, ["--best", "base.yaml"], 2, "would replace base.yaml, which this sweep did not write"),
        ({}, ["--best", "."], 2, ". is a folder; name a file with --best"),
        ({}, ["--storage", "postgresql://u:sec ret@h:port/d"], 2, "got a text that is not a URL"),
        (
            {},
            ["--storage", "postgresql://127.0.0.1:1/d?password=secret&user=u"],
            3,
            "?password=***&user=u must be reachable",
        ),
        ({"base": "none.yaml"}, [], 2, "there is no file"),
        ({}, ["--data", "nowhere"], 3, "nowhere"),
    ],
)
def test_an_error_is_a_sentence(
    alzbench: Command, write: Write, changes: dict[str, Any], arguments: list[str], code: int, message: str
) -> None:
    result = alzbench("sweep", write(**changes), *arguments, "--quiet")
    assert_sentence(result, code, message)
    assert "secret" not in result.err + result.out
    assert bool(list(Path().glob("runs/*/trial-*/state.json"))) == (code == 1)
    assert not Path("reports").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["none", "median", "percentile", "successive_halving", "hyperband"])
def test_every_pruner_works(alzbench: Command, write: Write, name: str) -> None:
    result = alzbench("sweep", write(trials=8, pruner=name, sampler="random", final={"seeds": []}))
    assert result.code == 0, result.err
    assert all(t.state.is_finished() for t in trials())


@pytest.mark.slow
def test_stored_trials_of_a_sweep_with_other_settings_are_refused(alzbench: Command, write: Write) -> None:
    alzbench("sweep", write(), "--trials", 2)
    before = trial_records(trials())
    other = {**SPACE, "train.lr": {"low": 1e-4, "high": 1e-2, "log": True}}
    assert_sentence(alzbench("sweep", write(space=other)), 2, "the stored sweep s-sweep has another space")
    assert_sentence(alzbench("sweep", write(objective="loss")), 2, "has another objective")
    assert_sentence(alzbench("sweep", write(), "--set", "train.epochs=7"), 2, "has another base")
    optuna.create_study(study_name="o-sweep", storage=URL).ask()
    assert_sentence(alzbench("sweep", write("o.yaml"), "--storage", URL), 2, "that alzbench did not create")
    assert trial_records(trials()) == before


def test_a_sweep_is_not_run_as_an_experiment(alzbench: Command, write: Write) -> None:
    assert_sentence(alzbench("run", write()), 2, "is a sweep; run it with `alzbench sweep")


def test_an_experiment_and_a_study_are_not_swept(alzbench: Command, write: Write) -> None:
    base = write().with_name("base.yaml")
    study = base.with_name("study.yaml")
    study.write_text("base: base.yaml\nplan: grid\nfactors: {a: {b: {train.lr: 0.1}}}")
    for file in (base, study):
        assert_sentence(alzbench("sweep", file), 2, f"{file} is no sweep", f"run with `alzbench run {file}`")


@pytest.mark.parametrize(("attempts", "state"), [(24, TrialState.COMPLETE), (25, TrialState.FAIL)])
def test_a_trial_that_ends_its_process_again_and_again_is_given_up(
    alzbench: Command, write: Write, attempts: int, state: TrialState
) -> None:
    file = write(space={"train.lr": {"low": 1e-4, "high": 1e-3}}, final={"seeds": []})
    alzbench("sweep", file, "--trials", 1)
    with opened() as optuna_study:
        dead = optuna_study.ask()
        dead.set_user_attr("worker", "of-a-dead-process")
        dead.set_user_attr("attempts", attempts)
    result = alzbench("sweep", file, "--trials", 3)
    assert result.code == 0, result.err
    assert [t.state for t in trials()] == [TrialState.COMPLETE, state, TrialState.COMPLETE]
    assert ("its process died 25 times" in result.err) == (state == TrialState.FAIL)
