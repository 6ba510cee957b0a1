"""Studies: the experiments that a plan makes from a base and factors, and one sentence for each error."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alzbench.errors import ExperimentError
from alzbench.experiment import Experiment, load_experiment
from alzbench.experiment.study import expand_study, is_study, load_study
from alzbench.runner import check, settings_hash
from tests.helpers.paths import EXPERIMENTS

Write = Callable[..., Path]

FACTORS = """
factors:
  loss:
    focal: {train.loss: focal}
    smooth: {train.label_smoothing: 0.1}
  rate:
    slow: {train.lr: 1e-4}
"""
ONE_LEVEL = FACTORS.replace("    smooth: {train.label_smoothing: 0.1}\n", "")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a study on ``base.yaml`` and return its path: ``write("add_one", FACTORS)``, base file as ``base=``."""

    def make(plan: str, factors: str = FACTORS, *, more: str = "", base: str = "train: {epochs: 3}") -> Path:
        (tmp_path / "base.yaml").write_text(base)
        path = tmp_path / "s.yaml"
        path.write_text(f"base: base.yaml\nplan: {plan}\n{more}\n{factors}")
        return path

    return make


def fields(experiment: Experiment) -> tuple[str, str, float, float]:
    """Return what FACTORS change: name, loss, smoothing and learning rate."""
    train = experiment.train
    return experiment.name, train.loss.split("_")[0], train.label_smoothing, train.lr


def error_of(path: Path, *settings: str, **overrides: Any) -> str:
    """Return the text of the error that expanding raises, which must be one line."""
    with pytest.raises(ExperimentError) as caught:
        expand_study(path, settings, overrides)
    text = str(caught.value)
    assert "\n" not in text
    return text


# Fields that are set


def test_set_changes_every_experiment_and_loses_to_a_level_and_an_option(write: Write) -> None:
    path = write("add_one", more="set: {train.lr: 0.01, train.batch_size: 4, model.file: own.py}")
    expanded = expand_study(path, ["train.batch_size=8"])
    assert [experiment.train.lr for experiment in expanded] == [0.01, 0.01, 0.01, 1e-4]
    assert {experiment.train.batch_size for experiment in expanded} == {8}
    assert {experiment.train.epochs for experiment in expanded} == {3}  # of the base
    assert {experiment.model.file for experiment in expanded} == {str(path.parent / "own.py")}


def test_set_may_choose_the_protocol_unless_the_study_lists_several(write: Write) -> None:
    assert expand_study(write("add_one", more="set: {protocol.name: subject}"))[0].protocol.name == "subject"
    path = write("add_one", more="set: {protocol.name: subject}\nprotocols: [slice]")
    assert error_of(path) == f"{path}: set protocol.name must be left out: a study has its own protocols."


@pytest.mark.parametrize("field", ["name", "description", "seeds"])
def test_set_must_not_replace_what_the_study_has_itself(write: Write, field: str) -> None:
    path = write("add_one", more=f"set: {{{field}: x}}")
    assert error_of(path) == f"{path}: set {field} must be left out: a study has its own {field}."


def test_a_wrong_field_of_set_is_said_of_the_study(write: Write) -> None:
    path = write("add_one", more="set: {train.epoch: 1}")
    assert error_of(path).startswith(f"{path}: unknown key train.epoch.")


# Plans


def test_add_one_is_the_base_and_each_level_alone(write: Write) -> None:
    assert [fields(experiment) for experiment in expand_study(write("add_one"))] == [
        ("base", "sparse", 0.0, 1e-3),
        ("base-focal", "focal", 0.0, 1e-3),
        ("base-smooth", "sparse", 0.1, 1e-3),
        ("base-slow", "sparse", 0.0, 1e-4),
    ]


def test_grid_is_every_combination_with_the_bases_own_levels(write: Write) -> None:
    assert [fields(experiment) for experiment in expand_study(write("grid"))] == [
        ("base", "sparse", 0.0, 1e-3),
        ("base-slow", "sparse", 0.0, 1e-4),
        ("base-focal", "focal", 0.0, 1e-3),
        ("base-focal-slow", "focal", 0.0, 1e-4),
        ("base-smooth", "sparse", 0.1, 1e-3),
        ("base-smooth-slow", "sparse", 0.1, 1e-4),
    ]


def test_leave_one_out_is_all_and_all_less_each_one(write: Write) -> None:
    factors = ONE_LEVEL + "  stop:\n    last: {train.keep: last}\n"
    expanded = expand_study(write("leave_one_out", factors))
    assert [(*fields(experiment), experiment.train.keep) for experiment in expanded] == [
        ("s-all", "focal", 0.0, 1e-4, "last"),
        ("s-without-loss", "sparse", 0.0, 1e-4, "last"),
        ("s-without-rate", "focal", 0.0, 1e-3, "last"),
        ("s-without-stop", "focal", 0.0, 1e-4, "best_val_accuracy"),
    ]


def test_leave_one_out_is_named_after_the_study(write: Write) -> None:
    path = write("leave_one_out", ONE_LEVEL, more="name: mine")
    assert [experiment.name for experiment in expand_study(path)] == [
        "mine-all",
        "mine-without-loss",
        "mine-without-rate",
    ]


def test_descriptions_say_what_is_added(write: Write) -> None:
    expanded = expand_study(write("grid", base="name: b\ndescription: as it is"))
    assert [experiment.description for experiment in expanded] == [
        "as it is", "b with slow", "b with focal", "b with focal, slow", "b with smooth", "b with smooth, slow",
    ]  # fmt: skip


@pytest.mark.parametrize("plan", ["add_one", "grid"])
def test_the_base_is_the_base_files_own_experiment(write: Write, plan: str) -> None:
    path = write(plan, base="train: {epochs: 4}\nseeds: [3]\ndescription: as it is\nprotocol: {name: slice, test: 0.3}")
    first = expand_study(path)[0]
    assert first == load_experiment(path.parent / "base.yaml")


def test_a_base_that_extends_another_is_followed(write: Write, tmp_path: Path) -> None:
    (tmp_path / "deeper.yaml").write_text("train: {epochs: 9}\nseeds: [5]")
    assert {e.train.epochs for e in expand_study(write("add_one", base="extends: deeper.yaml"))} == {9}


def test_the_base_lies_relative_to_the_study(tmp_path: Path) -> None:
    (tmp_path / "studies").mkdir()
    (tmp_path / "mine.yaml").write_text("train: {epochs: 8}")
    path = tmp_path / "studies" / "s.yaml"
    path.write_text(f"base: ../mine.yaml\nplan: add_one\n{FACTORS}")
    assert [(e.name, e.train.epochs) for e in expand_study(path)][:2] == [("mine", 8), ("mine-focal", 8)]


names = st.lists(st.sampled_from("abcdefghijkl"), min_size=1, max_size=6, unique=True)


@st.composite
def factors_of(draw: st.DrawFn) -> dict[str, dict[str, dict[str, Any]]]:
    """Factors with levels; each factor sets a field of its own, each level another value."""
    levels = draw(names)
    factors: dict[str, dict[str, dict[str, Any]]] = {}
    for k, level in enumerate(levels):
        factor = draw(st.sampled_from(["units", "dropout", "size"]))
        factors.setdefault(factor, {})[level] = {f"model.options.{factor}": k + 1}
    return factors


@given(factors_of())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
def test_plans_have_as_many_experiments_as_they_should_all_different(
    write: Write, factors: dict[str, dict[str, dict[str, Any]]]
) -> None:
    text = yaml.safe_dump({"factors": factors})
    counts = [len(levels) for levels in factors.values()]
    grid, added = expand_study(write("grid", text)), expand_study(write("add_one", text))
    assert (len(grid), len(added)) == (prod(count + 1 for count in counts), 1 + sum(counts))
    for expanded in (grid, added):
        assert len({experiment.name for experiment in expanded}) == len(expanded)
        assert len({str(experiment.model) for experiment in expanded}) == len(expanded)
    assert all(experiment in grid for experiment in added)
    assert all(len(experiment.model.options) <= 1 for experiment in added)
    single = {factor: dict(list(levels.items())[:1]) for factor, levels in factors.items()}
    left_out = expand_study(write("leave_one_out", yaml.safe_dump({"factors": single})))
    assert [len(experiment.model.options) for experiment in left_out] == [len(single)] + [len(single) - 1] * len(single)
    assert set(left_out[0].model.options) == set(single)


# Levels


@pytest.mark.parametrize(
    "level",
    [
        "{fine_tune.first_block: block_16, fine_tune.epochs: 2}",
        "{fine_tune: {first_block: block_16, epochs: 2}}",
        "{fine_tune: {first_block: block_16}, fine_tune.epochs: 2}",
        "{fine_tune.first_block: block_16, fine_tune: {epochs: 2}}",
    ],
    ids=["dotted", "nested", "nested-then-dotted", "dotted-then-nested"],
)
def test_fields_are_dotted_or_nested(write: Write, level: str) -> None:
    base, tuned = expand_study(write("add_one", f"factors: {{tuning: {{tuned: {level}}}}}"))
    assert base.fine_tune is None
    assert tuned.fine_tune is not None
    assert (tuned.fine_tune.first_block, tuned.fine_tune.epochs, tuned.fine_tune.lr) == ("block_16", 2, 1e-5)


def test_options_of_the_base_stay_beside_those_of_a_level(write: Write) -> None:
    path = write(
        "add_one",
        "factors: {head: {wide: {model.options.units: 9}}}",
        base="model: {options: {units: 3, dropout: 0.2}}",
    )
    assert [e.model.options for e in expand_study(path)] == [
        {"units": 3, "dropout": 0.2},
        {"units": 9, "dropout": 0.2},
    ]


def test_a_later_factor_wins_over_an_earlier_one(write: Write) -> None:
    factors = "factors: {a: {x: {train.lr: 0.1, train.epochs: 5}}, b: {y: {train.lr: 0.2}}}"
    both = expand_study(write("grid", factors))[-1]
    assert (both.name, both.train.lr, both.train.epochs) == ("base-x-y", 0.2, 5)


def test_a_level_may_take_a_setting_of_the_base_away(write: Write) -> None:
    path = write("add_one", "factors: {t: {frozen: {fine_tune: null}}}", base="fine_tune: {first_block: block_14}")
    assert [experiment.fine_tune is None for experiment in expand_study(path)] == [False, True]


# Protocols, seeds and options of the command


def test_every_protocol_has_every_experiment(write: Write) -> None:
    expanded = expand_study(write("add_one", ONE_LEVEL, more="protocols: [subject, slice]"))
    assert [(e.protocol.name, e.name) for e in expanded] == [
        ("subject", "base"), ("subject", "base-focal"), ("subject", "base-slow"),
        ("slice", "base"), ("slice", "base-focal"), ("slice", "base-slow"),
    ]  # fmt: skip


def test_a_protocol_keeps_the_settings_that_the_base_gives_it(write: Write) -> None:
    path = write("add_one", more="protocols: [subject, reference]", base="protocol: {name: slice, validation: 0.4}")
    assert {(e.protocol.name, e.protocol.validation) for e in expand_study(path)} == {
        ("subject", 0.4),
        ("reference", 0.4),
    }


def test_seeds_of_the_study_stand_for_those_of_the_base(write: Write) -> None:
    assert {tuple(e.seeds) for e in expand_study(write("add_one", base="seeds: [7]"))} == {(7,)}
    path = write("add_one", more="seeds: [1, 2]", base="seeds: [7]")
    assert {tuple(e.seeds) for e in expand_study(path)} == {(1, 2)}
    assert {tuple(e.seeds) for e in expand_study(path, (), {"seeds": [4]})} == {(4,)}
    assert {tuple(e.seeds) for e in expand_study(path, ["seeds=[5]"])} == {(5,)}


def test_settings_and_overrides_reach_every_experiment_and_undo_no_factor(write: Write) -> None:
    overrides = {"data": {"source": "here"}, "train": {"lr": 0.5}}
    expanded = expand_study(
        write("add_one"), ["train.epochs=8", "train.loss=focal", "train.label_smoothing=0.2"], overrides
    )
    assert {(e.data.source, e.train.epochs) for e in expanded} == {("here", 8)}
    assert [fields(experiment) for experiment in expanded] == [
        ("base", "focal", 0.2, 0.5),
        ("base-focal", "focal", 0.2, 0.5),
        ("base-smooth", "focal", 0.1, 0.5),
        ("base-slow", "focal", 0.2, 1e-4),
    ]


def test_a_protocol_that_is_set_wins_over_those_of_the_study(write: Write) -> None:
    expanded = expand_study(
        write("add_one", ONE_LEVEL, more="protocols: [subject, slice]"), ["protocol.name=reference"]
    )
    assert [(e.name, e.protocol.name) for e in expanded] == [
        ("base", "reference"), ("base-focal", "reference"), ("base-slow", "reference"),
    ]  # fmt: skip


def test_expanding_leaves_overrides_as_they_were(write: Write) -> None:
    overrides: dict[str, Any] = {"train": {"epochs": 2}}
    expand_study(write("grid"), ["train.epochs=3"], overrides)
    assert overrides == {"train": {"epochs": 2}}


# Errors


@pytest.mark.parametrize(
    ("factors", "parts"),
    [
        pytest.param(
            "factors: {rate: {slow: {train.lrr: 1}}}",
            ["with factors.rate.slow: ", "unknown key train.lrr. Did you mean 'lr'?"],
            id="unknown-field",
        ),
        pytest.param(
            "factors: {rate: {slow: {trian.lr: 1}}}",
            ["with factors.rate.slow: ", "unknown key trian. Did you mean 'train'?"],
            id="unknown-section",
        ),
        pytest.param(
            "factors: {rate: {slow: {train.lr: fast}}}",
            ["with factors.rate.slow: ", "train.lr: ", "got 'fast'."],
            id="wrong-value",
        ),
        pytest.param(
            "factors: {balance: {more: {imbalance.name: smoot}}}",
            ["with factors.balance.more: ", "got 'smoot'. Did you mean 'smote'?"],
            id="unknown-name",
        ),
        pytest.param(
            "factors: {text: {home: {description: '${oc.env:HOME}'}, other: {train.optimizer: '${oc.env:HOME}'}}}",
            ["with factors.text.other: ", "interpolation is not supported"],
            id="interpolation",
        ),
        pytest.param("factors: {rate: {slow: 3}}", ["factors.rate.slow: ", "got 3."], id="level-is-a-number"),
        pytest.param("factors: {rate: {slow: [a]}}", ["factors.rate.slow: ", "got ['a']."], id="level-is-a-list"),
        pytest.param("factors: {rate: {slow: }}", ["factors.rate.slow: ", "got None."], id="level-is-nothing"),
        pytest.param("factors: {rate: {slow: {}}}", ["factors.rate.slow: ", "at least 1 item"], id="empty-level"),
        pytest.param("factors: {rate: {}}", ["factors.rate: ", "at least 1 item"], id="empty-factor"),
        pytest.param("factors: {rate: slow}", ["factors.rate: ", "got 'slow'."], id="factor-is-a-text"),
        pytest.param("factors: {}", ["factors: ", "at least 1 item"], id="no-factors"),
        pytest.param("", ["factors: must be given"], id="factors-left-out"),
        pytest.param(
            "factors: {a: {x: {train.lr: 1}}, b: {x: {train.lr: 2}}}",
            ["levels must have different names, as experiments are named after them; x is repeated."],
            id="a-level-twice",
        ),
    ],
)
def test_an_error_in_a_factor_names_file_and_factor(write: Write, factors: str, parts: list[str]) -> None:
    path = write("add_one", factors)
    message = error_of(path)
    assert message.startswith(f"{path}: {parts[0]}")
    assert all(part in message for part in parts)


def test_names_with_dashes_are_named_too(write: Write) -> None:
    path = write("add_one", "factors: {learning-rate: {very-slow: {train.lr: fast}}}")
    assert error_of(path).startswith(f"{path}: with factors.learning-rate.very-slow: train.lr: ")


def test_names_with_dashes_are_named_where_the_level_is_none(write: Write) -> None:
    path = write("add_one", "factors: {learning-rate: {very-slow: 3}}")
    assert error_of(path).startswith(f"{path}: factors.learning-rate.very-slow: ")


def test_names_that_come_together_to_the_same_are_refused_with_both(write: Write) -> None:
    path = write("grid", "factors: {a: {x: {train.lr: 0.1}}, b: {y: {train.epochs: 7}}, c: {x-y: {train.lr: 0.3}}}")
    assert "x-y" in error_of(path)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        pytest.param("base: base.yaml\nplan: add_two", ["plan: ", "'add_one', 'leave_one_out' or 'grid'"], id="plan"),
        pytest.param("plan: grid", ["base: must be given"], id="no-base"),
        pytest.param("base: base.yaml", ["plan: must be given"], id="no-plan"),
        pytest.param(
            "base: base.yaml\nplan: grid\nprotocol: slice",
            ["unknown key protocol. Did you mean 'protocols'?"],
            id="unknown-key",
        ),
        pytest.param("base: base.yaml\nplan: grid\nprotocols: []", ["protocols: ", "at least 1 item"], id="protocols"),
        pytest.param("base: base.yaml\nplan: grid\nseeds: 3", ["seeds: ", "got 3."], id="seeds"),
        pytest.param("base: base.yaml\nplan: grid\nname: a b", ["name: ", "got 'a b'."], id="name"),
    ],
)
def test_an_error_in_a_study_names_its_file(write: Write, text: str, parts: list[str]) -> None:
    path = write("add_one")
    path.write_text(text + FACTORS)
    message = error_of(path)
    assert message.startswith(f"{path}: {parts[0]}")
    assert all(part in message for part in parts)


def test_a_missing_base_names_both_files(write: Write) -> None:
    path = write("grid")
    (path.parent / "base.yaml").unlink()
    assert error_of(path) == f"{path}: base names base.yaml, but there is no file {path.parent / 'base.yaml'}."


def test_an_error_in_the_base_names_the_base(write: Write) -> None:
    path = write("grid", base="train: {epoch: 1}")
    assert error_of(path).startswith(f"{path.parent / 'base.yaml'}: unknown key train.epoch. Did you mean 'epochs'?")


def test_leave_one_out_takes_one_level_a_factor(write: Write) -> None:
    path = write("leave_one_out")
    assert error_of(path) == (
        f"{path}: leave_one_out takes one level for each factor, as it combines all factors; loss has focal, smooth."
    )


def test_an_unknown_protocol_is_named(write: Write) -> None:
    path = write("add_one", more="protocols: [slice, subjetc]")
    message = error_of(path)
    assert message.startswith(f"{path}: protocol.name: ")
    assert "got 'subjetc'. Did you mean 'subject'?" in message


def test_seeds_of_a_study_are_checked(write: Write) -> None:
    assert "seeds must differ" in error_of(write("add_one", more="seeds: [1, 1]"))


@pytest.mark.parametrize("text", ["plan: [1", "plan: grid\nplan: add_one", "- plan"], ids=["open", "twice", "list"])
def test_a_study_that_is_not_yaml_is_refused(write: Write, text: str) -> None:
    path = write("add_one")
    path.write_text(text)
    assert error_of(path).startswith(str(path))


def test_settings_that_do_not_fit_are_refused(write: Write) -> None:
    assert "unknown key train.epoch. Did you mean 'epochs'?" in error_of(write("add_one"), "train.epoch=1")


# Study files


def test_studies_and_experiments_are_distinguished(write: Write) -> None:
    path = write("grid")
    assert is_study(path)
    assert not is_study(path.parent / "base.yaml")
    path.write_text("plan: grid")  # unfinished, but meant as a study
    assert is_study(path)
    path.write_text("factors: {a: {}}")
    assert is_study(path)


def test_only_the_studies_here_are_studies() -> None:
    assert all(is_study(path) for path in EXPERIMENTS.glob("studies/*.yaml"))
    assert not any(is_study(path) for path in EXPERIMENTS.glob("*.yaml"))


@pytest.mark.parametrize("path", sorted(EXPERIMENTS.glob("studies/*.yaml")), ids=lambda path: path.stem)
def test_every_study_loads_and_its_experiments_are_right(path: Path) -> None:
    study, expanded = load_study(path), expand_study(path)
    assert study.name == path.stem
    assert study.description
    for experiment in expanded:
        check(experiment)
        assert experiment.seeds == study.seeds
    assert len({settings_hash(experiment) for experiment in expanded}) == len(expanded)


@pytest.mark.parametrize(
    ("name", "base", "others"),
    [
        ("heads", "baseline", ["attention", "multi_head", "class_weighted", "smote", "focal"]),
        (
            "combination", "combination-all",
            [f"without-{factor}" for factor in ("attention", "imbalance", "fine_tuning", "labels")],
        ),
        (
            "imbalance", "baseline",
            ["class_weighted", "effective_number", "oversampled", "balanced_batches", "smote", "adasyn", "focal"],
        ),
    ],
)  # fmt: skip
def test_the_studies_here_are_of_these_experiments(name: str, base: str, others: list[str]) -> None:
    prefix = base.removesuffix("-all")
    expanded = expand_study(EXPERIMENTS / "studies" / f"{name}.yaml")
    assert [experiment.name for experiment in expanded] == [base, *(f"{prefix}-{other}" for other in others)]


@pytest.mark.parametrize("name", ["heads", "imbalance"])
def test_the_base_of_a_study_shares_the_runs_of_its_file(name: str) -> None:
    base = expand_study(EXPERIMENTS / "studies" / f"{name}.yaml")[0]
    alone = load_experiment(EXPERIMENTS / "baseline.yaml", ["protocol.name=subject"])
    assert (base.name, base.description) == (alone.name, alone.description)
    assert settings_hash(base) == settings_hash(alone)
