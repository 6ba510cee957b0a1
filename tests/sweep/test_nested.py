"""Nested sweeps: each fold chooses without its test images, and its choice is tested on them."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml
from optuna.trial import TrialState

from alzbench.experiment.loaded_sweep import load_sweep
from alzbench.store import Run, RunStore
from alzbench.sweep.optuna_study import open_optuna_study
from alzbench.sweep.storage import Storage
from tests.helpers.command import Command, assert_sentence
from tests.helpers.sweeps import URL, Start, Write, opened, trials

RATES = [1e-3, 1e-5, 3e-4]
NESTED: dict[str, Any] = {
    "set": {"protocol": {"name": "subject_cv", "folds": 3, "validation_folds": 2}, "data.source": "phantom"},
    "space": {"train.lr": {"choices": RATES}},
    "sampler": "grid",
    "nested": True,
    "by": "slice",
    "epochs": 2,
    "final": {"seeds": [0, 1]},
}


@pytest.fixture
def write_nested(write: Write) -> Write:
    """Write a nested sweep of a grid of three rates: 3 folds, each with 2 validation folds."""
    file = write(**NESTED)
    content = yaml.safe_load(file.read_text())
    del content["trials"]
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return lambda: file


@pytest.mark.slow
@pytest.mark.usefixtures("without_page")
def test_each_fold_chooses_without_its_test_images(alzbench: Command, write_nested: Write) -> None:
    result = alzbench("sweep", write_nested(), "--json")
    assert result.code == 0, result.err
    printed = json.loads(result.out)
    runs = RunStore(Path("runs")).runs()
    base = {(run.card.seed, run.card.fold): run for run in runs if run.card.experiment == "base"}
    final = {(run.card.seed, run.card.fold): run for run in runs if run.card.experiment == "s-sweep-nested"}
    assert base.keys() == final.keys() == {(seed, fold) for seed in (0, 1) for fold in range(3)}
    chosen = {}
    for fold in range(3):
        own = trials(name=f"s-sweep-fold-{fold}")
        assert [trial.params["train.lr"] for trial in own] == RATES  # the whole grid, each value once
        tested = set(final[0, fold].predictions()["image"])
        assert tested == set(base[1, fold].predictions()["image"])  # all seeds share the folds
        for trial in own:
            inner = _runs_of(runs, fold, trial.number)
            assert sorted(run.card.seed for run in inner) == [0, 1]
            assert {run.card.fold for run in inner} == {fold}
            validated = [set(run.predictions("predictions_val.csv")["image"]) for run in inner]
            assert not validated[0] & validated[1]
            assert not tested & (validated[0] | validated[1])  # the fake network checks that it gets no test image
            scores = [_validation_score(run) for run in inner]
            assert trial.value == pytest.approx(sum(scores) / 2)
        chosen[fold] = max(own, key=lambda t: (t.value, -t.number)).params["train.lr"]
        settings = yaml.safe_load((final[1, fold].path / "experiment.yaml").read_text())
        assert settings["train"]["lr"] == chosen[fold]
    assert [choice["settings"]["train.lr"] for choice in printed["folds"]] == list(chosen.values())
    assert len({run.card.settings_hash for run in final.values()}) == 1  # one experiment, whatever its folds chose
    best = yaml.safe_load(Path(printed["best"]["file"]).read_text())
    votes = list(chosen.values())
    assert best["train"]["lr"] == max(votes, key=votes.count)
    assert f"chosen in {votes.count(best['train']['lr'])} of 3 folds" in best["description"]


def _runs_of(runs: list[Run], fold: int, trial: int) -> list[Run]:
    return [r for r in runs if r.card.experiment == f"s-sweep-fold-{fold}" and r.card.trial == trial]


def _validation_score(run: Run) -> float:
    validation = run.metrics().validation
    assert validation is not None
    return float(validation.scores["macro_f1"])


@pytest.mark.slow
def test_two_processes_share_the_folds_and_one_tests(start: Start, write_nested: Write) -> None:
    file = write_nested()
    processes = [start("sweep", file, seconds=0.05) for _ in range(2)]
    errors = [process.communicate(timeout=300)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    for fold in range(3):
        assert [trial.params["train.lr"] for trial in trials(name=f"s-sweep-fold-{fold}")] == RATES
        assert all(trial.state == TrialState.COMPLETE for trial in trials(name=f"s-sweep-fold-{fold}"))
    runs = RunStore(Path("runs")).runs()
    final = [(run.card.seed, run.card.fold) for run in runs if run.card.experiment == "s-sweep-nested"]
    assert sorted(final) == [(seed, fold) for seed in (0, 1) for fold in range(3)]  # each once


@pytest.mark.slow
def test_the_time_limit_is_that_of_all_folds(alzbench: Command, write_nested: Write) -> None:
    result = alzbench("sweep", write_nested(), "--minutes", "0.000001")
    assert result.code == 1
    assert "error: No trial of s-sweep-fold-0 is complete" in result.err
    stored = [trial.state for fold in range(3) for trial in trials(name=f"s-sweep-fold-{fold}")]
    assert stored == [TrialState.WAITING] * 9


@pytest.mark.slow
def test_the_comparison_has_the_choices_as_one_row_and_no_caution(alzbench: Command, write_nested: Write) -> None:
    result = alzbench("sweep", write_nested())
    assert result.code == 0, result.err
    assert "Settings chosen in each fold" in result.out
    assert "not nested" not in result.out  # the warning of a sweep with folds that is not nested
    page = Path("reports/s-sweep.html").read_text()
    assert page.count("<figcaption>Macro F1 of the trials of each fold. A ring marks what it chose.") == 1
    again = alzbench("sweep", write_nested())
    assert again.code == 0, again.err
    assert "0 of 9 trials left in 3 folds" in again.err
    assert "already complete" in again.err
    compared = alzbench("compare", "base", "s-sweep-nested", "--json")
    (group,) = json.loads(compared.out)["groups"]
    assert {row["label"]: row["seeds"] for row in group["rows"]} == {
        "base": [0, 1],
        "s-sweep-nested": [0, 1],
    }


def test_a_nested_sweep_needs_folds(alzbench: Command, write: Write) -> None:
    result = alzbench("sweep", write(nested=True))
    assert_sentence(result, 2, "nested: true needs a protocol with folds", "add set: {protocol.name: subject_cv}")


def test_a_grid_needs_choices_and_no_number_of_trials(alzbench: Command, write: Write) -> None:
    result = alzbench("sweep", write(sampler="grid"))
    assert_sentence(result, 2, "sampler grid needs choices for every field", "space.train.lr has a range")
    result = alzbench("sweep", write(sampler="grid", space={"train.lr": {"choices": RATES}}))
    assert_sentence(result, 2, "trials must be left out with sampler grid")
    many = {f"model.options.a{k}": {"choices": list(range(11))} for k in range(3)}
    result = alzbench("sweep", write(sampler="grid", space=many))
    assert_sentence(result, 2, "at most 1,000", "the space has 1,331")


def test_a_grid_skips_fields_whose_condition_is_not_met(write: Write) -> None:
    space = {
        "train.schedule": {"choices": ["constant", "cosine"]},
        "train.warmup_epochs": {"choices": [0, 1], "when": {"train.schedule": "cosine"}},
    }
    file = write(sampler="grid", space=space)
    content = yaml.safe_load(file.read_text())
    del content["trials"]
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    loaded = load_sweep(file)
    assert loaded.grid() == [
        {"train.schedule": "constant"},
        {"train.schedule": "cosine", "train.warmup_epochs": 0},
        {"train.schedule": "cosine", "train.warmup_epochs": 1},
    ]
    assert loaded.sweep.trials == 3


def test_a_grid_is_enqueued_once_even_if_that_was_interrupted(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    space = {
        "train.schedule": {"choices": ["constant", "cosine"]},
        "train.warmup_epochs": {"choices": [0, 1], "when": {"train.schedule": "cosine"}},
        "train.patience": {"choices": [None, 2]},
    }
    file = write(sampler="grid", space=space)
    content = yaml.safe_load(file.read_text())
    del content["trials"]
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    loaded = load_sweep(file)
    enqueue, calls = optuna.Study.enqueue_trial, []

    def stopped_at_the_third(study: optuna.Study, params: dict[str, Any], **options: Any) -> None:
        calls.append(params)
        if len(calls) == 3:
            raise KeyboardInterrupt
        enqueue(study, params, **options)

    monkeypatch.setattr(optuna.Study, "enqueue_trial", stopped_at_the_third)
    with contextlib.closing(Storage(Path("runs/s-sweep"))) as storage:
        with pytest.raises(KeyboardInterrupt):
            open_optuna_study(loaded, storage)
        for _ in range(2):
            study = open_optuna_study(loaded, storage)
            assert [trial.system_attrs["fixed_params"] for trial in study.get_trials()] == loaded.grid()
    assert len(calls) == len(loaded.grid()) + 1  # none is enqueued again


@pytest.mark.slow
@pytest.mark.usefixtures("without_page")
def test_a_grid_is_run_once_and_never_twice(alzbench: Command, write: Write) -> None:
    file = write(sampler="grid", space={"train.lr": {"choices": RATES}}, final={"seeds": []})
    content = yaml.safe_load(file.read_text())
    del content["trials"]
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    for _ in range(2):
        result = alzbench("sweep", file)
        assert result.code == 0, result.err
        assert [trial.params["train.lr"] for trial in trials()] == RATES
    with opened(URL) as study:
        assert all(trial.state == TrialState.COMPLETE for trial in study.get_trials())
