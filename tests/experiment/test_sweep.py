"""Sweep files: the experiments that they describe, and one sentence for each error."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from alzbench.errors import ExperimentError
from alzbench.experiment import load_experiment
from alzbench.experiment.loaded_sweep import LoadedSweep, boundary_experiments, is_sweep, load_sweep
from alzbench.experiment.loading import DEMO
from tests.helpers.paths import EXPERIMENTS

BASE = "description: the base\ntrain: {epochs: 20}\n"
SPACE: dict[str, Any] = {
    "train.lr": {"low": 1e-4, "high": 1e-2, "log": True},
    "train.schedule": {"choices": ["constant", "cosine"]},
    "train.warmup_epochs": {"low": 0, "high": 5, "when": {"train.schedule": "cosine"}},
}
# questions as earlier versions stored them
QUESTION: dict[str, Any] = {
    "base": {"augment": {"views": 4}, "protocol": {"name": "subject"}, "train": {"epochs": 20}},
    "by": "subject",
    "objective": ["accuracy", "loss"],
    "pruner": {"name": "none"},
    "sampler": {"crossover_prob": 0.9, "mutation_prob": None, "name": "nsga2", "population_size": 50,
                "swapping_prob": 0.5},
    "seed": 3,
    "seeds": [0],
    "set": {"protocol.name": "subject"},
    "space": {
        "train.lr": {"choices": None, "high": 0.01, "log": True, "low": 0.0001, "step": None, "when": {}},
        "train.schedule": {"choices": ["constant", "cosine"], "high": None, "log": False, "low": None, "step": None,
                           "when": {}},
        "train.warmup_epochs": {"choices": None, "high": 5, "log": False, "low": 0, "step": None,
                                "when": {"train.schedule": "cosine"}},
    },
}  # fmt: skip
ATTENTION_QUESTION = "0c415db6d123236248992ede3cc4c4e0cb146bb29fc0fea339fea90f738c6207"  # SHA-256


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


def test_a_trial_is_the_base_with_its_values(folder: Path) -> None:
    loaded = load(folder, set={"protocol.name": "subject"}, seeds=[3])
    trial = loaded.experiment({"train.lr": 0.002, "train.schedule": "cosine", "train.warmup_epochs": 2})
    assert (trial.name, trial.seeds, trial.protocol.name) == ("s-sweep", [3], "subject")
    assert (trial.train.lr, trial.train.schedule, trial.train.warmup_epochs, trial.train.epochs) == (
        0.002, "cosine", 2, 20,
    )  # fmt: skip
    assert (loaded.base.name, loaded.base.protocol.name, loaded.base.train.lr) == ("base", "subject", 1e-3)


def test_the_file_of_a_trial_holds_its_values_and_the_split(folder: Path) -> None:
    loaded = load(folder, set={"protocol.name": "subject"})
    params = {"train.lr": 0.002, "train.schedule": "constant"}
    assert loaded.changes(params) == {
        "protocol": {"name": "subject", "split_seed": 0}, "train": {"lr": 0.002, "schedule": "constant"},
    }  # fmt: skip


def test_assignments_are_in_the_best_file_except_the_source_of_the_images(folder: Path) -> None:
    loaded = load_sweep(write(folder), ["train.epochs=9", "data.source=/here", "data.size=64"])
    split = {"name": "reference", "split_seed": 0}
    assert loaded.changes({"train.lr": 0.1}) == {
        "data": {"size": 64}, "train": {"epochs": 9, "lr": 0.1}, "protocol": split,
    }  # fmt: skip
    elsewhere = load_sweep(
        write(folder), ["data.source=/here", "tracking.wandb=online"], {"data": {"source": "/there"}}
    )
    assert elsewhere.changes({}) == {"protocol": split}
    phantom = load_sweep(write(folder, set={"data.source": "phantom"}), [], {"data": {"source": "/there"}})
    assert phantom.changes({}) == {"protocol": split, "data": {"source": "phantom"}}


def test_the_best_is_the_base_with_the_trials_values_on_the_trials_images(folder: Path) -> None:
    fields = {"data.source": "phantom", "protocol.name": "slice"}
    loaded = load(folder, set=fields, final={"seeds": [4, 5]})
    best, base = loaded.best({"train.lr": 0.5}, "text"), loaded.final_base()
    assert (best.name, best.description, best.train.lr, base.train.lr) == ("s-sweep-best", "text", 0.5, 1e-3)
    assert (best.data, best.protocol, best.seeds) == (base.data, base.protocol, base.seeds)
    assert (best.data.source, best.protocol.name, best.seeds) == ("phantom", "slice", [4, 5])


def test_the_best_file_of_a_demo_holds_all_values_of_the_demo(folder: Path) -> None:
    space = {"train.epochs": {"low": 3, "high": 5}}
    loaded = load_sweep(write(folder, space=space), [], DEMO)
    (folder / "best.yaml").write_text(yaml.safe_dump({"extends": "base.yaml", **loaded.changes({"train.epochs": 4})}))
    read, best = load_experiment(folder / "best.yaml"), loaded.best({"train.epochs": 4}, "")
    assert (read.train.epochs, read.demo) == (4, True)
    assert read.model_dump(exclude={"name", "seeds"}) == best.model_dump(exclude={"name", "seeds"})


@pytest.mark.parametrize(("fields", "split"), [({}, 3), ({"protocol.split_seed": 8}, 8)])
def test_all_trials_and_the_final_runs_share_a_split(folder: Path, fields: dict[str, Any], split: int) -> None:
    loaded = load(folder, set={"protocol.name": "subject", **fields}, seeds=[3, 1], final={"seeds": [0, 1]})
    made = (loaded.experiment({"train.lr": 0.5}), loaded.best({}, ""), loaded.final_base())
    assert [e.protocol.split_seed for e in made] == [split] * 3
    assert [e.seeds for e in made] == [[3, 1], [0, 1], [0, 1]]


def test_a_field_may_depend_on_one_that_depends_on_another(folder: Path) -> None:
    nested = {**SPACE, "train.patience": {"low": 1, "high": 2, "when": {"train.warmup_epochs": 1}}}
    loaded = load(folder, space=nested)
    assert [(e.train.schedule, e.train.warmup_epochs, e.train.patience) for e in boundary_experiments(loaded)][-2:] == [
        ("cosine", 1, 1), ("cosine", 1, 2),
    ]  # fmt: skip
    assert loaded.is_searched("train.patience", {"train.schedule": "cosine", "train.warmup_epochs": 1})
    assert not loaded.is_searched("train.patience", {"train.schedule": "constant"})


def test_a_field_is_searched_where_those_it_depends_on_have_their_values(folder: Path) -> None:
    loaded = load(folder)
    assert loaded.is_searched("train.lr", {})
    assert loaded.is_searched("train.warmup_epochs", {"train.schedule": "cosine"})
    assert not loaded.is_searched("train.warmup_epochs", {"train.schedule": "constant"})
    assert not loaded.is_searched("train.warmup_epochs", {})  # the base's schedule is constant


def test_scores_are_by_subject_where_the_protocol_keeps_them_apart(folder: Path) -> None:
    assert load(folder).by == "slice"
    assert load(folder, set={"protocol.name": "subject_cv"}).by == "subject"
    assert load(folder, set={"protocol.name": "subject"}, by="slice").by == "slice"


def test_only_with_folds_trials_use_the_test_images(folder: Path) -> None:
    tested_unseen = {name: load(folder, set={"protocol.name": name}).nested_test for name in ("subject", "subject_cv")}
    assert tested_unseen == {"subject": True, "subject_cv": False}


def test_settings_and_data_reach_the_base_and_options_the_sweep(folder: Path) -> None:
    loaded = load_sweep(write(folder), ["train.epochs=9"], {"data": {"source": "phantom"}}, trials=7, minutes=None)
    assert (loaded.base.train.epochs, loaded.base.data.source, loaded.sweep.trials) == (9, "phantom", 7)
    assert loaded.experiment({"train.lr": 0.5}).train.epochs == 9


def test_the_question_depends_on_base_space_and_search_only(folder: Path) -> None:
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


def test_the_question_of_stored_sweeps_is_the_same(folder: Path) -> None:
    """It was stored with the trials by earlier versions, which must be continued."""
    (folder / "base.yaml").write_text("train: {epochs: 20}\naugment: {views: 4}\nseeds: [5]\n")
    changes = {"set": {"protocol.name": "subject"}, "objective": ["accuracy", "loss"], "sampler": "nsga2", "seed": 3}
    assert json.loads(load(folder, **changes).question) == QUESTION
    assert load(folder, **changes).question == json.dumps(QUESTION, sort_keys=True)


def test_the_question_of_the_stored_sweep_of_attention_is_the_same() -> None:
    question = load_sweep(EXPERIMENTS / "sweeps" / "attention.yaml").question
    assert hashlib.sha256(question.encode()).hexdigest() == ATTENTION_QUESTION


def test_all_ends_and_choices_are_tried(folder: Path) -> None:
    tried = [(e.train.lr, e.train.schedule, e.train.warmup_epochs) for e in boundary_experiments(load(folder))]
    assert tried == [
        (1e-4, "constant", 0), (1e-2, "constant", 0), (1e-3, "constant", 0), (1e-3, "cosine", 0), (1e-3, "cosine", 0),
        (1e-3, "cosine", 5),
    ]  # fmt: skip


def test_two_objectives(folder: Path) -> None:
    assert load(folder, objective=["macro_f1", "loss"]).sweep.objective == ["macro_f1", "loss"]
    assert load(folder, objective="loss").sweep.objective == ["loss"]


def test_sweeps_and_experiments_are_distinguished(folder: Path) -> None:
    assert is_sweep(write(folder))
    assert not is_sweep(folder / "base.yaml")


@pytest.mark.parametrize("path", sorted((EXPERIMENTS / "sweeps").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_sweeps_here_load(path: Path) -> None:
    assert list(boundary_experiments(load_sweep(path)))


BAD = [
    ({"space": {"train.lrr": {"low": 1, "high": 2}}}, ["with train.lrr 1", "unknown key train.lrr", "lr"]),
    ({"space": {"training.lr": {"low": 1, "high": 2}}}, ["unknown key training"]),
    ({"space": {"train.lr": {"low": 1e-2, "high": 1e-4}}}, ["space.train.lr", "above high; 0.01 is above 0.0001"]),
    ({"space": {"train.lr": {"low": 0.0, "high": 1e-4, "log": True}}}, ["above 0 for log; it is 0.0"]),
    ({"space": {"train.lr": {"low": -1.0, "high": 1e-4}}}, ["train.lr", "must be above 0", "-1.0"]),
    ({"space": {"train.lr": {"low": 1e-4}}}, ["a range must have low and high"]),
    ({"space": {"train.lr": {}}}, ["either low and high, or choices"]),
    ({"space": {"train.lr": {"low": 1, "high": 2, "choices": [1]}}}, ["either low and high, or choices"]),
    ({"space": {"train.lr": {"choices": []}}}, ["train.lr.choices"]),
    ({"space": {"train.lr": {"choices": [0.1, 0.1]}}}, ["choices must differ"]),
    ({"space": {"train.lr": {"choices": [[1, 2]]}}}, ["each choice must be a text, a number"]),
    ({"space": {"train.lr": {"choices": [0.1], "log": True}}}, ["log and step are for a range"]),
    ({"space": {"train.lr": {"low": 0.1, "high": 1, "log": True, "step": 0.1}}}, ["log and step cannot be combined"]),
    ({"space": {"train.epochs": {"low": 1, "high": 9, "step": 0.5}}}, ["between whole numbers must be a whole number"]),
    ({"space": {"train.schedule": {"choices": ["cosin"]}}}, ["with train.schedule cosin", "'constant', 'cosine'"]),
    ({"space": {"train.lr": {"low": float("nan"), "high": 1}}}, ["space.train.lr.low: must be a finite number"]),
    ({"space": {"train.lr": {"low": True, "high": 1}}}, ["space.train.lr.low: must be a finite number"]),
    ({"space": {"train.lr": {"low": 0.1, "high": 0.35, "step": 0.1}}}, ["high must be low plus a multiple of step"]),
    ({"space": {"protocol.name": {"choices": ["slice"]}}}, ["space.protocol.name cannot be searched", "under set"]),
    ({"space": {"seeds": {"choices": [1]}}}, ["space.seeds cannot be searched"]),
    ({"space": {"data.source": {"choices": ["phantom"]}}}, ["space.data.source cannot be searched"]),
    ({"space": {}}, ["space"]),
    ({"space": dict(reversed(SPACE.items()))}, ["s.yaml: space.train.warmup_epochs depends on", "stand above it."]),
    ({"objective": 3}, ["objective: ", "got 3"]),
    ({"objective": []}, ["objective: ", "at least 1 item"]),
    ({"objective": ["loss", "accuracy", "macro_f1"]}, ["objective: ", "at most 2 items"]),
    ({"objective": ["loss", "loss"]}, ["two objectives must differ"]),
    ({"objective": ["loss", "accuracy"], "pruner": "median"}, ["cannot be pruned"]),
    ({"sampler": "cma"}, ["sampler.name: must be one of tpe, random, grid, nsga2, got 'cma'"]),
    ({"sampler": {"name": "tpe", "n_startups": 3}}, ["unknown key sampler.n_startups", "'n_startup_trials'"]),
    ({"sampler": {"name": "tpe", "n_startup_trials": "x"}}, ["sampler.n_startup_trials", "whole number, got 'x'"]),
    ({"sampler": {"name": "nsga2", "population_size": 1}}, ["sampler.population_size", "2"]),
    ({"sampler": 3}, ["sampler"]),
    ({"pruner": {"name": "medium"}}, ["pruner.name: must be one of none, median"]),
    ({"pruner": {"name": "hyperband", "min_resource": 0}}, ["pruner.min_resource", "1"]),
    ({"pruner": {"n_warmup_steps": 1}}, ["pruner: must have a"]),
    ({"trials": 0}, ["trials", "must be at least 1"]),
    ({"minutes": 0}, ["minutes"]),
    ({"bases": "x"}, ["unknown key bases"]),
    ({"base": "other.yaml"}, ["base names other.yaml, but there is no file"]),
    ({"set": {"train.lr": 0}}, ["train.lr"]),
    ({"set": {"name": "x"}}, ["set name must be left out"]),
    ({"set": {"seeds": [1]}}, ["set seeds must be left out"]),
    ({"final": {"seeds": [0, 0]}}, ["final.seeds: seeds must differ"]),
    ({"space": {"train.lr": {"choices": [1, 1.0]}}}, ["choices must differ"]),
    ({"space": {"augment.horizontal_flip": {"choices": [True, 1]}}}, ["choices must differ"]),
    (
        {"space": {"train.schedule": {"choices": ["constant", "linear"]},
                   "train.warmup_epochs": {"low": 0, "high": 5, "when": {"train.schedule": "cosine"}}}},
        ["space.train.warmup_epochs.when needs train.schedule cosine, which is not among its values"],
    ),
    (
        {"space": {"train.epochs": {"low": 2, "high": 8, "step": 2},
                   "train.patience": {"low": 1, "high": 2, "when": {"train.epochs": 3}}}},
        ["when needs train.epochs 3, which is not among"],
    ),
    (
        {"space": {**SPACE, "train.patience": {"low": 1, "high": 2, "when": {"train.warmup_epochs": 1,
                                                                            "train.schedule": "constant"}}}},
        ["space.train.patience needs train.schedule to be both cosine and constant"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "parts"), BAD, ids=lambda value: str(value)[:40])
def test_errors_name_the_file_and_the_field(folder: Path, changes: dict[str, Any], parts: list[str]) -> None:
    with pytest.raises(ExperimentError) as caught:
        list(boundary_experiments(load(folder, **changes)))
    text = str(caught.value)
    assert str(folder) in text
    assert "\n" not in text
    for part in parts:
        assert part in text, text


def test_a_command_may_not_name_the_sweeps_base(folder: Path) -> None:
    with pytest.raises(ExperimentError, match=r"^--set name must be left out: a sweep has its own"):
        load_sweep(write(folder), ["name=x"])


def test_values_that_do_not_fit_together_are_named(folder: Path) -> None:
    loaded = load(folder, space={**SPACE, "train.epochs": {"low": 2, "high": 30}})
    with pytest.raises(ExperimentError, match=r"with train.epochs 3, .*warmup_epochs: must be fewer than the 3 epochs"):
        loaded.experiment({"train.epochs": 3, "train.schedule": "cosine", "train.warmup_epochs": 5})


FOLDS = {"name": "subject_cv", "folds": 3, "validation_folds": 4}


def test_every_validation_fold_chooses_unless_the_sweep_names_its_seeds(folder: Path) -> None:
    assert load(folder, set={"protocol": FOLDS}).sweep.seeds == [0, 1, 2, 3]
    assert load(folder, set={"protocol": FOLDS}, seeds=[1]).sweep.seeds == [1]
    assert load(folder, set={"protocol": {"name": "subject_cv"}}).sweep.seeds == [0]


def test_each_fold_of_a_nested_sweep_is_a_search_of_its_own(folder: Path) -> None:
    plain, loaded = load(folder, set={"protocol": FOLDS}), load(folder, set={"protocol": FOLDS}, nested=True)
    parts = loaded.parts()
    assert [(part.sweep.name, part.fold) for part in parts] == [(f"s-sweep-fold-{fold}", fold) for fold in range(3)]
    assert len({part.question for part in (*parts, loaded, plain)}) == 5  # none continues the trials of another
    assert (loaded.nested_test, plain.nested_test) == (True, False)
    assert (parts[0].runs_per_trial, plain.runs_per_trial) == (4, 12)
    assert parts[1].parts() == [parts[1]]


def test_the_base_of_a_sweep_is_no_sanity_baseline(folder: Path) -> None:
    for field, value in (("sanity", True), ("labels", "shuffled")):
        with pytest.raises(ExperimentError, match="must not be a sanity baseline"):
            load(folder, set={field: value})
