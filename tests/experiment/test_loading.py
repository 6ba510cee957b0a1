"""Experiment files: extends, --set, and one sentence for each error."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alzbench.errors import ExperimentError
from alzbench.experiment import Experiment, load_experiment
from alzbench.experiment.loading import DEMO
from tests.helpers.paths import EXPERIMENTS

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write experiment files, ``write(text, other="text of other.yaml")``, and return the path of the first."""

    def make(text: str | bytes, **others: str) -> Path:
        for name, content in others.items():
            (tmp_path / f"{name}.yaml").write_text(content, encoding="utf-8")
        path = tmp_path / "mine.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return make


def error_of(path: Path, *settings: str, **overrides: Any) -> str:
    """Return the text of the error that loading raises, which must be one line."""
    with pytest.raises(ExperimentError) as caught:
        load_experiment(path, settings, overrides)
    text = str(caught.value)
    assert "\n" not in text
    return text


# Values


def test_an_empty_file_is_all_defaults(write: Write) -> None:
    assert load_experiment(write("")) == Experiment(name="mine")


def test_the_name_is_the_file_unless_given(write: Write) -> None:
    assert load_experiment(write("name: other")).name == "other"


@pytest.mark.parametrize(("text", "value"), [("1e-4", 1e-4), ("1.0e-4", 1e-4), ("5E-3", 5e-3), ("2", 2.0), (".5", 0.5)])
def test_numbers_are_read_as_yaml_1_2_reads_them(write: Write, text: str, value: float) -> None:
    assert load_experiment(write(f"train: {{lr: {text}}}")).train.lr == value


@pytest.mark.parametrize("text", ["010", "+10", "0xa", "0o12"])
def test_whole_numbers_are_read_as_yaml_1_2_reads_them(write: Write, text: str) -> None:
    assert load_experiment(write(f"seeds: [{text}]")).seeds == [10]
    assert load_experiment(write(""), [f"seeds=[{text}]"]).seeds == [10]


@pytest.mark.parametrize("text", ["yes", "no", "on", "off", "Yes", "1_000", "1:30", "2024-01-31", "0b11"])
def test_texts_that_yaml_1_1_reads_otherwise(write: Write, text: str) -> None:
    assert load_experiment(write(f"data: {{classes: [{text}, other]}}")).data.classes == (text, "other")
    assert load_experiment(write(""), [f"description={text}"]).description == text


@pytest.mark.parametrize("path", sorted(EXPERIMENTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_file_in_experiments_loads(path: Path) -> None:
    assert load_experiment(path).name == path.stem


def test_attention_differs_from_the_baseline_in_the_variant_alone() -> None:
    baseline, attention = (
        load_experiment(EXPERIMENTS / f"{name}.yaml").model_dump(exclude={"name", "description"})
        for name in ("baseline", "attention")
    )
    assert attention["model"]["variant"] == "attention"
    assert {key for key in baseline if baseline[key] != attention[key]} == {"model"}
    assert attention["model"]["backbone"] == baseline["model"]["backbone"]


# extends


def test_a_base_gives_what_the_file_leaves_out(write: Write) -> None:
    path = write("extends: base.yaml\ntrain: {lr: 0.5}", base="train: {lr: 0.1, epochs: 7}\nseeds: [4]")
    experiment = load_experiment(path)
    assert (experiment.train.lr, experiment.train.epochs, experiment.seeds) == (0.5, 7, [4])


def test_lists_are_replaced_not_merged(write: Write) -> None:
    assert load_experiment(write("extends: base.yaml\nseeds: [9]", base="seeds: [1, 2, 3]")).seeds == [9]


def test_options_are_merged_key_by_key(write: Write) -> None:
    base = "model: {options: {units: 1, dropout: 0.1}}"
    path = write("extends: base.yaml\nmodel: {options: {units: 2}}", base=base)
    assert load_experiment(path).model.options == {"units": 2, "dropout": 0.1}


def test_later_bases_win(write: Write) -> None:
    path = write("extends: [a.yaml, b.yaml]", a="train: {lr: 0.1, epochs: 3}", b="train: {lr: 0.2}")
    assert (load_experiment(path).train.lr, load_experiment(path).train.epochs) == (0.2, 3)


def test_a_chain_is_followed(write: Write) -> None:
    path = write(
        "extends: a.yaml", a="extends: b.yaml\ntrain: {lr: 0.1}", b="train: {lr: 0.9, epochs: 3}\ndata: {size: 64}"
    )
    experiment = load_experiment(path)
    assert (experiment.train.lr, experiment.train.epochs, experiment.data.size) == (0.1, 3, 64)


def test_two_bases_may_share_a_base(write: Write) -> None:
    path = write("extends: [a.yaml, b.yaml]", a="extends: c.yaml", b="extends: c.yaml", c="train: {epochs: 3}")
    assert load_experiment(path).train.epochs == 3


def test_bases_are_found_beside_the_file_that_names_them(write: Write, tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "a.yaml").write_text("extends: er/b.yaml")
    (tmp_path / "deep" / "er" / "b.yaml").write_text("train: {epochs: 3}")
    assert load_experiment(write("extends: deep/a.yaml")).train.epochs == 3


def test_name_and_description_of_a_base_are_its_own(write: Write) -> None:
    experiment = load_experiment(write("extends: base.yaml", base="name: theirs\ndescription: theirs"))
    assert (experiment.name, experiment.description) == ("mine", "")


def test_a_circle_is_refused(write: Write) -> None:
    text = error_of(write("extends: a.yaml", a="extends: b.yaml", b="extends: mine.yaml"))
    assert "must not extend itself, and does so through mine.yaml, a.yaml, b.yaml." in text


def test_a_file_that_extends_itself_is_refused(write: Write) -> None:
    assert "must not extend itself" in error_of(write("extends: mine.yaml"))


def test_a_missing_base_names_both_files(write: Write) -> None:
    path = write("extends: nowhere.yaml")
    text = error_of(path)
    assert str(path) in text
    assert str(path.parent / "nowhere.yaml") in text


def test_an_error_in_a_base_names_the_base(write: Write, tmp_path: Path) -> None:
    assert str(tmp_path / "base.yaml") in error_of(write("extends: base.yaml", base="train: [1"))


@pytest.mark.parametrize("value", ["3", "{a: b}", "[1]", ""], ids=["number", "section", "list-of-numbers", "nothing"])
def test_extends_takes_file_names_only(write: Write, value: str) -> None:
    assert "extends must be a file name or a list of them" in error_of(write(f"extends: {value}"))


# Errors


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("trian: {lr: 1}", "unknown key trian. Did you mean 'train'?", id="top"),
        pytest.param("train: {epoch: 1}", "unknown key train.epoch. Did you mean 'epochs'?", id="section"),
        pytest.param(
            "model: {backbone: {weigths: none}}",
            "unknown key model.backbone.weigths. Did you mean 'weights'? Known here: name, weights, alpha",
            id="deep",
        ),
        pytest.param("zzzzz: 1", "unknown key zzzzz. Known here: name, description, data,", id="near-nothing"),
        pytest.param("1: 2", "unknown key 1.", id="number"),
        pytest.param('"two\\nlines": 1', "unknown key two lines.", id="two-lines"),
        pytest.param(
            "imbalance: {name: smote, neighbors: 3}",
            "unknown key imbalance.neighbors. Did you mean 'neighbours'? Known here: name, neighbours, memory_gib",
            id="of-the-chosen-kind",
        ),
        pytest.param(
            "imbalance: {name: oversampling, neighbours: 3}",
            "unknown key imbalance.neighbours. Known here: name",
            id="of-another-kind",
        ),
        pytest.param(
            "fine_tune: {first_blok: block_14}",
            "unknown key fine_tune.first_blok. Did you mean 'first_block'?",
            id="of-a-section-that-may-be-null",
        ),
    ],
)
def test_unknown_keys_are_named_with_the_nearest_known(write: Write, text: str, expected: str) -> None:
    path = write(text)
    assert error_of(path).startswith(f"{path}: {expected}")


@pytest.mark.parametrize(
    ("text", "field", "received"),
    [
        pytest.param("train: {epochs: ten}", "train.epochs", "'ten'", id="text-for-int"),
        pytest.param("train: {epochs: true}", "train.epochs", "True", id="bool-for-int"),
        pytest.param("train: {epochs: 1.5}", "train.epochs", "1.5", id="float-for-int"),
        pytest.param("train: {epochs: '5'}", "train.epochs", "'5'", id="quoted-number"),
        pytest.param("train: {epochs: 0}", "train.epochs", "0", id="out-of-range"),
        pytest.param("train: {lr: .nan}", "train.lr", "nan", id="nan"),
        pytest.param("train: {optimizer: adma}", "train.optimizer", "'adma'", id="not-one-of"),
        pytest.param("train:", "train", "None", id="empty-section"),
        pytest.param("protocol: 3", "protocol", "3", id="number-for-section"),
        pytest.param("augment: {views: many}", "augment.views", "'many'", id="union"),
        pytest.param("seeds: [0, -1]", "seeds.1", "-1", id="item-of-a-list"),
        pytest.param("seeds: [1, 1]", "seeds", "[1, 1]", id="seeds-twice"),
        pytest.param("data: {classes: [a, a]}", "data.classes", "['a', 'a']", id="classes-twice"),
        pytest.param("name: a/b", "name", "'a/b'", id="name"),
        pytest.param("name: true", "name", "True", id="bool-for-text"),
        pytest.param("augment: {horizontal_flip: yes}", "augment.horizontal_flip", "'yes'", id="yaml-1.1-bool"),
        pytest.param("train: {epochs: 1_000}", "train.epochs", "'1_000'", id="yaml-1.1-underscore"),
        pytest.param("train: {epochs: 1:30}", "train.epochs", "'1:30'", id="yaml-1.1-sexagesimal"),
        pytest.param("imbalance: {name: smote, neighbours: few}", "imbalance.neighbours", "'few'", id="of-a-kind"),
        pytest.param("imbalance: 3", "imbalance", "3", id="number-for-a-kind"),
        pytest.param("imbalance: {neighbours: 3}", "imbalance", "{'neighbours': 3}", id="a-kind-without-a-name"),
        pytest.param("fine_tune: block_14", "fine_tune", "'block_14'", id="text-for-fine-tuning"),
        pytest.param(
            "fine_tune: {epochs: 0}",
            "fine_tune.epochs",
            "0",
            id="epochs-of-fine-tuning",
        ),
        pytest.param("train: {epochs: 3, warmup_epochs: 3}", "train.warmup_epochs", "3", id="warmup"),
        pytest.param("train: {warmup_epochs: 3}", "train.warmup_epochs", "3", id="warmup-of-no-cosine"),
        pytest.param("model: {file: 3}", "model.file", "3", id="number-for-a-file"),
    ],
)
def test_wrong_values_are_named_with_file_field_and_value(write: Write, text: str, field: str, received: str) -> None:
    path = write(text)
    message = error_of(path)
    assert message.startswith(f"{path}: {field}: ")
    assert message.endswith(f"got {received}.")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("seeds: 0,1,2", "seeds: must be a list in brackets, as in [0,1,2], got '0,1,2'."),
        ("seeds: 3", "seeds: must be a list in brackets, as in [3], got 3."),
        ("augment: {views: many}", "augment.views: must be a whole number or 'online', got 'many'."),
        ("augment: {views: 0}", "augment.views: must be at least 1 or 'online', got 0."),
        ("train: {epochs: 0}", "train.epochs: must be at least 1, got 0."),
        ("train: {lr: 0}", "train.lr: must be above 0, got 0."),
        ("train: {optimizer: adma}", "train.optimizer: must be 'adam', 'adamw', 'sgd' or 'rmsprop', got 'adma'."),
        ("data: {channels: 2}", "data.channels: must be 1 or 3, got 2."),
        ("augment: {horizontal_flip: on}", "augment.horizontal_flip: must be true or false, got 'on'."),
        (
            "imbalance: {name: class_weights, weights: {0: 1, 1: 2}}",
            "imbalance.weights: each key must be the name of a class, as in {CN: 1, AD: 2.5}; 0 is none",
        ),
        (
            "imbalance: {name: class_weights, weights: {a: heavy}}",
            "imbalance.weights.a: must be a number, got 'heavy'.",
        ),
        (
            "imbalance: {name: class_weights, weights: equal}",
            "imbalance.weights: must be 'balanced' or 'effective_number' or a section of `key: value` lines, "
            "got 'equal'.",
        ),
        ("name: a/b", "name: must begin with a letter or digit, and hold only letters, digits, `.`, `_` and `-`, got"),
    ],
)
def test_wrong_values_are_explained_in_plain_words(write: Write, text: str, expected: str) -> None:
    path = write(text)
    assert error_of(path).startswith(f"{path}: {expected}")


@given(st.dictionaries(st.sampled_from(list(Experiment.model_fields)), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(
        st.sampled_from(["name", "weights", "views", "lr", "epochs", "classes", "subjects", "backbone"]), inner,
        max_size=3,
    ),
    max_leaves=5,
)))  # fmt: skip
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
def test_no_error_has_the_words_of_the_validator(write: Write, values: dict[str, Any]) -> None:
    result = load_or_error(write(yaml.safe_dump(values, allow_unicode=True)))
    if isinstance(result, str):
        assert "nput should" not in result
        assert not result.endswith(("..", "?."))


def test_several_wrong_fields_are_named_at_once(write: Write) -> None:
    text = error_of(write("train: {epochs: ten, lr: 0}\nsedes: [1]"))
    assert all(part in text for part in ("train.epochs: ", "train.lr: ", "unknown key sedes"))


@pytest.mark.parametrize(
    ("text", "line"),
    [("train:\n  lr: 1\n  lr: 2\n", 3), ("seeds: [1]\ntrain: {}\nseeds: [2]\n", 3)],
    ids=["section", "top"],
)
def test_duplicate_keys_are_refused_with_their_line(write: Write, text: str, line: int) -> None:
    message = error_of(write(text))
    assert "found duplicate key" in message
    assert f"line {line}" in message


@pytest.mark.parametrize(
    "text",
    [
        "train: {optimizer: '${oc.env:HOME}'}",
        "description: ${train.optimizer}",
        "model: {options: {a: [b, '${oc.env:HOME}']}}",
    ],
    ids=["environment", "other-key", "deep"],
)
def test_interpolation_is_refused(write: Write, text: str) -> None:
    message = error_of(write(text))
    assert "interpolation is not supported" in message
    assert os.environ["HOME"] not in message.removeprefix(str(write("")))


@pytest.mark.parametrize(
    "text", ["- 1\n- 2", "hello", "3", "2.5", "true"], ids=["list", "text", "int", "float", "bool"]
)
def test_a_file_must_hold_keys(write: Write, text: str) -> None:
    path = write(text)
    assert error_of(path).startswith(f"{path}: an experiment file must hold `key: value` lines")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a: [1", id="open-bracket"),
        pytest.param("train:\n\tepochs: 1", id="tab"),
        pytest.param("a: 1\n---\nb: 2", id="two-documents"),
        pytest.param("[1, 2]: 3", id="list-as-key"),
        pytest.param("a: &a {b: *a}", id="alias-of-itself"),
        pytest.param("a: " + "[" * 3000 + "]" * 3000, id="too-deep"),
        pytest.param("description: 'a ${ b'", id="broken-interpolation"),
    ],
)
def test_a_file_that_is_not_yaml_is_refused(write: Write, text: str) -> None:
    path = write(text)
    assert error_of(path).startswith(f"{path} is not valid YAML: ")


def test_a_file_that_is_not_utf_8_is_refused(write: Write) -> None:
    assert "cannot be read as UTF-8 text" in error_of(write("description: Müller".encode("latin-1")))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert error_of(tmp_path / "no.yaml").startswith(f"There is no experiment file {tmp_path / 'no.yaml'};")


@pytest.mark.parametrize(
    "tag",
    ["!!python/object/apply:pathlib.Path.touch", "!!python/object/apply:os.system", "!!python/name:os.system"],
)
def test_tags_that_would_run_code_are_refused(write: Write, tmp_path: Path, tag: str) -> None:
    marker = tmp_path / "was-run"
    argument = f"touch {marker}" if tag.endswith("apply:os.system") else str(marker)
    assert "is not valid YAML" in error_of(write(f"description: {tag} ['{argument}']"))
    assert not marker.exists()


def test_an_unknown_name_is_set_beside_the_known_ones(write: Write) -> None:
    path = write("imbalance: {name: smoot}")
    assert error_of(path) == (
        f"{path}: imbalance.name: must be one of none, class_weights, oversampling, balanced_batches, smote, "
        "borderline_smote, svm_smote, adasyn, got 'smoot'. Did you mean 'smote'?"
    )


# model.file


def file_of(path: Path, *settings: str) -> str | None:
    return load_experiment(path, settings).model.file


def test_the_variants_file_lies_relative_to_the_experiment_file(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("model: {file: heads/mine.py}")
    monkeypatch.chdir("/")
    assert file_of(path) == str(tmp_path / "heads" / "mine.py")
    monkeypatch.chdir(tmp_path)
    assert file_of(Path("mine.yaml")) == str(tmp_path / "heads" / "mine.py")


def test_the_variants_file_of_a_base_lies_relative_to_the_base(write: Write, tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "a.yaml").write_text("extends: er/b.yaml")
    (tmp_path / "deep" / "er" / "b.yaml").write_text("model: {file: ../mine.py, variant: v}")
    assert file_of(write("extends: deep/a.yaml")) == str(tmp_path / "deep" / "mine.py")
    assert file_of(write("extends: deep/a.yaml\nmodel: {file: own.py}")) == str(tmp_path / "own.py")


def test_an_absolute_file_and_none_stay_as_they_are(write: Write) -> None:
    assert file_of(write("model: {file: /somewhere/mine.py}")) == "/somewhere/mine.py"
    assert file_of(write("model: {file: null}")) is None


def test_a_file_that_is_set_lies_where_the_command_is_given(write: Write) -> None:
    assert file_of(write("model: {file: mine.py}"), "model.file=other.py") == "other.py"


# --set and overrides


@pytest.mark.parametrize(
    ("setting", "read"),
    [
        pytest.param("train.epochs=5", lambda e: e.train.epochs == 5, id="number"),
        pytest.param("train.lr=1e-4", lambda e: e.train.lr == 1e-4, id="exponent"),
        pytest.param("model.backbone.weights=none", lambda e: e.model.backbone.weights == "none", id="nested"),
        pytest.param("model.options.units=3", lambda e: e.model.options == {"units": 3}, id="option"),
        pytest.param("train={epochs: 6}", lambda e: (e.train.epochs, e.train.lr) == (6, 0.25), id="section"),
        pytest.param("seeds=[3, 4]", lambda e: e.seeds == [3, 4], id="list"),
        pytest.param("data.classes=[a,b]", lambda e: e.data.classes == ("a", "b"), id="list-of-texts"),
        pytest.param("description=two words", lambda e: e.description == "two words", id="spaces"),
        pytest.param("description=a=b", lambda e: e.description == "a=b", id="equals"),
        pytest.param("train.patience=null", lambda e: e.train.patience is None, id="null"),
        pytest.param("augment.horizontal_flip=true", lambda e: e.augment.horizontal_flip is True, id="bool"),
        pytest.param("data.source=with space/and.dot", lambda e: e.data.source == "with space/and.dot", id="path"),
    ],
)
def test_settings_are_read_as_yaml(write: Write, setting: str, read: Callable[[Experiment], bool]) -> None:
    assert read(load_experiment(write("train: {lr: 0.25, patience: 3}\nseeds: [1, 2, 3]"), [setting]))


def test_a_later_setting_wins(write: Write) -> None:
    assert load_experiment(write(""), ["train.epochs=5", "train.epochs=6"]).train.epochs == 6


def test_settings_win_over_overrides_and_those_over_the_file(write: Write) -> None:
    overrides = {"train": {"lr": 0.2, "epochs": 2}}
    train = load_experiment(write("train: {lr: 0.1, epochs: 1, batch_size: 1}"), ["train.lr=0.3"], overrides).train
    assert (train.lr, train.epochs, train.batch_size) == (0.3, 2, 1)


def test_overrides_are_left_as_they_were(write: Write) -> None:
    overrides: dict[str, Any] = {"train": {"epochs": 2}}
    load_experiment(write(""), ["train.epochs=3", "train.lr=0.5"], overrides)
    assert overrides == {"train": {"epochs": 2}}


@pytest.mark.parametrize(
    "setting", ["train.epochs", "=5", "", "train..epochs=5", ".epochs=5", "train.=5"], ids=lambda text: text or "empty"
)
def test_malformed_settings_are_refused(write: Write, setting: str) -> None:
    assert f"--set takes FIELD=VALUE, for example train.epochs=5; got {setting!r}." in error_of(write(""), setting)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        pytest.param("train.epoch=5", "unknown key train.epoch. Did you mean 'epochs'?", id="unknown-field"),
        pytest.param("trian.epochs=5", "unknown key trian. Did you mean 'train'?", id="unknown-section"),
        pytest.param("train.epochs=ten", "train.epochs: must be a whole number, got 'ten'", id="wrong-type"),
        pytest.param("train.epochs=", "train.epochs: must be a whole number, got None", id="no-value"),
        pytest.param("train.epochs=???", "train.epochs: must be a whole number, got '???'", id="placeholder"),
        pytest.param("train=5", "train: must be a section", id="section"),
        pytest.param("seeds.0=5", "seeds: must be a list, got {'0': 5}", id="item-of-a-list"),
        pytest.param("train.lr=[", "--set: a value is not valid YAML", id="not-yaml"),
        pytest.param("description=${oc.env:HOME}", "interpolation is not supported", id="interpolation"),
    ],
)
def test_settings_that_do_not_fit_are_refused(write: Write, setting: str, expected: str) -> None:
    assert expected in error_of(write("train: {epochs: 2}\nseeds: [1]"), setting)


def test_interpolation_in_overrides_is_refused(write: Write) -> None:
    assert "data.source: interpolation" in error_of(write(""), data={"source": "${oc.env:HOME}"})


def test_the_demo_needs_nothing_from_outside() -> None:
    experiment = load_experiment(EXPERIMENTS / "attention.yaml", overrides=DEMO)
    assert (experiment.demo, experiment.data.source, experiment.model.backbone.weights) == (True, "phantom", "none")
    assert experiment.model.variant == "attention"


scalars = st.one_of(st.integers(-5, 5), st.booleans(), st.none(), st.text(max_size=5), st.floats(-5, 5))
trees = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))
sections = st.sampled_from([*Experiment.model_fields, "extends", "other"])


def load_or_error(path: Path) -> Experiment | str:
    try:
        return load_experiment(path)
    except ExperimentError as error:
        return str(error)


@given(st.dictionaries(sections, trees, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
def test_any_yaml_loads_or_is_refused_with_one_sentence(write: Write, values: dict[str, Any]) -> None:
    result = load_or_error(write(yaml.safe_dump(values, allow_unicode=True)))
    if isinstance(result, str):
        assert "\n" not in result
    else:
        assert Experiment.model_validate(result.model_dump()) == result


@given(st.text(max_size=30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
def test_any_text_loads_or_is_refused_with_one_sentence(write: Write, text: str) -> None:
    result = load_or_error(write(text.encode("utf-8", "replace")))
    if not isinstance(result, Experiment):
        assert "\n" not in result


# model.backbone


def test_a_backbone_may_be_its_name_alone(write: Write) -> None:
    assert load_experiment(write("model: {backbone: vgg16}")).model.backbone.name == "vgg16"
    demo = load_experiment(write("model: {backbone: vgg16}"), overrides=DEMO).model.backbone
    assert (demo.name, demo.weights) == ("vgg16", "none")
    path = write("model: {backbone: {until: block3_pool, weights: none}}")
    named = load_experiment(path, ["model.backbone=vgg16"]).model.backbone
    assert (named.name, named.until, named.weights) == ("vgg16", "block3_pool", "none")
    cut = load_experiment(write("model: {backbone: vgg16}"), ["model.backbone.until=x"]).model.backbone
    assert (cut.name, cut.until) == ("vgg16", "x")


def test_the_backbones_file_lies_relative_to_the_experiment_file(write: Write, tmp_path: Path) -> None:
    path = write("model: {file: heads.py, backbone: {name: mine, file: ../mine.py}}")
    model = load_experiment(path).model
    assert (model.file, model.backbone.file) == (str(tmp_path / "heads.py"), str(tmp_path.parent / "mine.py"))


def test_a_backbone_of_another_kind_is_refused(write: Write) -> None:
    assert "model.backbone: must be a section of `key: value` lines, got 3" in error_of(write("model: {backbone: 3}"))
