"""Sweep files: what they mean, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from alzbench.errors import ExperimentError
from alzbench.experiment.sweep import LoadedSweep, is_sweep, load_sweep, sampled_ends
from tests.conftest import EXPERIMENTS

BASE = "description: the base\ntrain: {epochs: 20}\n"
SPACE: dict[str, Any] = {
    "train.lr": {"low": 1e-4, "high": 1e-2, "log": True},
    "train.schedule": {"choices": ["constant", "cosine"]},
    "train.warmup_epochs": {"low": 0, "high": 5, "when": {"train.schedule": "cosine"}},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "base.yaml").write_text(BASE)
    return tmp_path


def write(folder: Path, **changes: Any) -> Path:
    path = folder / "s.yaml"
    path.write_text(yaml.safe_dump({"base": "base.yaml", "space": SPACE, **changes}, sort_keys=False))
    return path


def load(folder: Path, **changes: Any) -> LoadedSweep:
    return load_sweep(write(folder, **changes))


def test_what_a_trial_is(folder: Path) -> None:
    loaded = load(folder, set={"protocol.name": "subject"}, seeds=[3])
    trial = loaded.experiment({"train.lr": 0.002, "train.schedule": "cosine", "train.warmup_epochs": 2})
    assert (trial.name, trial.seeds, trial.protocol.name) == ("s-sweep", [3], "subject")
    assert (trial.train.lr, trial.train.schedule, trial.train.warmup_epochs, trial.train.epochs) == (
        0.002, "cosine", 2, 20,
    )  # fmt: skip
    assert (loaded.base.name, loaded.base.protocol.name, loaded.base.train.lr) == ("base", "subject", 1e-3)


def test_what_extends_the_base_to_be_the_trial(folder: Path) -> None:
    loaded = load(folder, set={"protocol.name": "subject"})
    params = {"train.lr": 0.002, "train.schedule": "constant"}
    assert loaded.changes(params) == {
        "protocol": {"name": "subject"}, "train": {"lr": 0.002, "schedule": "constant"},
    }  # fmt: skip


def test_what_the_command_set_is_in_the_best_file_but_where_the_images_lie(folder: Path) -> None:
    loaded = load_sweep(write(folder), ["train.epochs=9", "data.source=/here", "data.size=64"])
    assert loaded.changes({"train.lr": 0.1}) == {"data": {"size": 64}, "train": {"epochs": 9, "lr": 0.1}}
    assert load_sweep(write(folder), ["data.source=/here"]).changes({}) == {}


def test_a_field_is_searched_where_those_it_depends_on_have_their_values(folder: Path) -> None:
    loaded = load(folder)
    assert loaded.applies("train.lr", {})
    assert loaded.applies("train.warmup_epochs", {"train.schedule": "cosine"})
    assert not loaded.applies("train.warmup_epochs", {"train.schedule": "constant"})
    assert not loaded.applies("train.warmup_epochs", {})  # the base's schedule is constant


def test_scores_are_by_subject_where_the_protocol_keeps_them_apart(folder: Path) -> None:
    assert load(folder).by == "slice"
    assert load(folder, set={"protocol.name": "subject_cv"}).by == "subject"
    assert load(folder, set={"protocol.name": "subject"}, by="slice").by == "slice"


def test_settings_and_data_reach_the_base_and_options_the_sweep(folder: Path) -> None:
    loaded = load_sweep(write(folder), ["train.epochs=9"], {"data": {"source": "phantom"}}, trials=7, minutes=None)
    assert (loaded.base.train.epochs, loaded.base.data.source, loaded.sweep.trials) == (9, "phantom", 7)
    assert loaded.experiment({"train.lr": 0.5}).train.epochs == 9


def test_the_question_is_that_of_base_space_and_search_alone(folder: Path) -> None:
    question = load(folder).question
    assert load(folder, trials=9, minutes=5, description="x", final={"seeds": [4]}).question == question
    assert load_sweep(write(folder), [], {"data": {"source": "elsewhere"}}).question == question
    for changes in (
        {"seed": 1},
        {"objective": "loss"},
        {"by": "subject"},
        {"sampler": "random"},
        {"pruner": "median"},
        {"set": {"train.batch_size": 16}},
        {"seeds": [0, 1]},
        {"space": {"train.lr": {"low": 1e-4, "high": 1e-1, "log": True}}},
    ):
        assert load(folder, **changes).question != question


def test_all_ends_and_choices_are_tried(folder: Path) -> None:
    found = [(e.train.lr, e.train.schedule, e.train.warmup_epochs) for e in sampled_ends(load(folder))]
    assert found == [
        (1e-4, "constant", 0), (1e-2, "constant", 0), (1e-3, "constant", 0), (1e-3, "cosine", 0), (1e-3, "cosine", 0),
        (1e-3, "cosine", 5),
    ]  # fmt: skip


def test_two_objectives(folder: Path) -> None:
    assert load(folder, objective=["macro_f1", "loss"]).sweep.objective == ["macro_f1", "loss"]
    assert load(folder, objective="loss").sweep.objective == ["loss"]


def test_a_sweep_is_told_from_an_experiment(folder: Path) -> None:
    assert is_sweep(write(folder))
    assert not is_sweep(folder / "base.yaml")


@pytest.mark.parametrize("path", sorted((EXPERIMENTS / "sweeps").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_sweeps_here_load(path: Path) -> None:
    assert list(sampled_ends(load_sweep(path)))


BAD = [
    ({"space": {"train.lrr": {"low": 1, "high": 2}}}, ["with train.lrr 1", "unknown key train.lrr", "lr"]),
    ({"space": {"training.lr": {"low": 1, "high": 2}}}, ["unknown key training"]),
    ({"space": {"train.lr": {"low": 1e-2, "high": 1e-4}}}, ["space.train.lr", "0.01 is above 0.0001"]),
    ({"space": {"train.lr": {"low": 0.0, "high": 1e-4, "log": True}}}, ["above 0 for log, and it is 0.0"]),
    ({"space": {"train.lr": {"low": -1.0, "high": 1e-4}}}, ["train.lr", "greater than 0", "-1.0"]),
    ({"space": {"train.lr": {"low": 1e-4}}}, ["a range must have low and high"]),
    ({"space": {"train.lr": {}}}, ["either low and high, or choices"]),
    ({"space": {"train.lr": {"low": 1, "high": 2, "choices": [1]}}}, ["either low and high, or choices"]),
    ({"space": {"train.lr": {"choices": []}}}, ["train.lr.choices"]),
    ({"space": {"train.lr": {"choices": [0.1, 0.1]}}}, ["choices must differ"]),
    ({"space": {"train.lr": {"choices": [[1, 2]]}}}, ["each choice must be a text, a number"]),
    ({"space": {"train.lr": {"choices": [0.1], "log": True}}}, ["log and step are for a range"]),
    ({"space": {"train.lr": {"low": 0.1, "high": 1, "log": True, "step": 0.1}}}, ["log and step exclude each other"]),
    ({"space": {"train.epochs": {"low": 1, "high": 9, "step": 0.5}}}, ["the step of whole numbers must be one"]),
    ({"space": {"train.schedule": {"choices": ["cosin"]}}}, ["with train.schedule cosin", "'constant', 'cosine'"]),
    ({"space": {"train.lr": {"low": float("nan"), "high": 1}}}, ["space.train.lr.low: must be a finite number"]),
    ({"space": {"train.lr": {"low": True, "high": 1}}}, ["space.train.lr.low: must be a finite number"]),
    ({"space": {"train.lr": {"low": 0.1, "high": 0.35, "step": 0.1}}}, ["high must be low and a multiple of step"]),
    ({"space": {"protocol.name": {"choices": ["slice"]}}}, ["space.protocol.name cannot be searched", "use set"]),
    ({"space": {"seeds": {"choices": [1]}}}, ["space.seeds cannot be searched"]),
    ({"space": {"data.source": {"choices": ["phantom"]}}}, ["space.data.source cannot be searched"]),
    ({"space": {}}, ["space"]),
    ({"space": dict(reversed(SPACE.items()))}, ["s.yaml: space.train.warmup_epochs depends on", "stand above it."]),
    ({"objective": "f1"}, ["objective", "'macro_f1'", "'f1'"]),
    ({"objective": ["loss", "loss"]}, ["two objectives must differ"]),
    ({"objective": ["loss", "accuracy"], "pruner": "median"}, ["cannot be pruned"]),
    ({"sampler": "cma"}, ["sampler.name: must be one of tpe, random, nsga2, got 'cma'"]),
    ({"sampler": {"name": "tpe", "n_startups": 3}}, ["unknown key sampler.n_startups", "'n_startup_trials'"]),
    ({"sampler": {"name": "tpe", "n_startup_trials": "x"}}, ["sampler.n_startup_trials", "integer, got 'x'"]),
    ({"sampler": {"name": "nsga2", "population_size": 1}}, ["sampler.population_size", "2"]),
    ({"sampler": 3}, ["sampler"]),
    ({"pruner": {"name": "medium"}}, ["pruner.name: must be one of none, median"]),
    ({"pruner": {"name": "hyperband", "min_resource": 0}}, ["pruner.min_resource", "1"]),
    ({"pruner": {"n_warmup_steps": 1}}, ["pruner: must have a"]),
    ({"trials": 0}, ["trials", "greater than or equal to 1"]),
    ({"minutes": 0}, ["minutes"]),
    ({"bases": "x"}, ["unknown key bases"]),
    ({"base": "other.yaml"}, ["base names other.yaml, but there is no file"]),
    ({"set": {"train.lr": 0}}, ["train.lr"]),
    ({"set": {"labels": "shuffled"}}, ["the base must be an experiment"]),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "said"), BAD, ids=lambda value: str(value)[:40])
def test_what_is_wrong_is_named(folder: Path, changes: dict[str, Any], said: list[str]) -> None:
    with pytest.raises(ExperimentError) as caught:
        list(sampled_ends(load(folder, **changes)))
    text = str(caught.value)
    assert str(folder) in text
    assert "\n" not in text
    for part in said:
        assert part in text, text


def test_values_that_do_not_fit_together_are_named(folder: Path) -> None:
    loaded = load(folder, space={**SPACE, "train.epochs": {"low": 2, "high": 30}})
    with pytest.raises(ExperimentError, match=r"with train.epochs 3, .*warmup_epochs: must be fewer than the 3 epochs"):
        loaded.experiment({"train.epochs": 3, "train.schedule": "cosine", "train.warmup_epochs": 5})
