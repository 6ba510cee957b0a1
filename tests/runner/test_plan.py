"""What the schema cannot check: blocks, class weights, what goes with what; and what a variant's file does to a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alzbench.errors import ExperimentError
from alzbench.experiment import Experiment, load_experiment
from alzbench.experiment.study import expand_study
from alzbench.models import user_file
from alzbench.models.backbones import BACKBONES
from alzbench.models.variants import VARIANTS
from alzbench.runner import check, settings_hash
from tests.helpers.images import CLASSES
from tests.helpers.running import Tiny, run
from tests.helpers.stub_network import Stub

MINE = '''from alzbench.models.variants import HeadOptions, dense_head, pool, register_variant


@register_variant("mine", HeadOptions)
def mine(features, options, classes):
    """A head of one's own."""
    return dense_head(pool(features, options), options, classes)
'''


@pytest.fixture
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget afterwards what a test has registered and loaded."""
    monkeypatch.setattr(VARIANTS, "_items", dict(VARIANTS._items))
    monkeypatch.setattr(user_file, "_loaded", {})


def make(**values: Any) -> Experiment:
    return Experiment.model_validate({"name": "x", **values})


def weights(**by_class: float) -> dict[str, Any]:
    return {"imbalance": {"name": "class_weights", "weights": by_class}}


FULL = dict.fromkeys(CLASSES, 1.0)
BLOCK = "fine_tune.first_block must be a block of mobilenet_v2: block_1 to block_16, or Conv_1; got "


@pytest.mark.parametrize(
    ("values", "text"),
    [
        pytest.param(
            {"fine_tune": {"first_block": "block_17"}}, BLOCK + "'block_17'. Did you mean 'block_", id="block"
        ),
        pytest.param({"fine_tune": {"first_block": "conv_1"}}, BLOCK + "'conv_1'. Did you mean 'Conv_1'?", id="case"),
        pytest.param({"fine_tune": {"first_block": "zzz"}}, BLOCK + "'zzz'.", id="near-nothing"),
        pytest.param(
            weights(**FULL, Demented=1),
            f"imbalance.weights must hold a weight for each of {', '.join(CLASSES)}; there is no class Demented.",
            id="unknown-class",
        ),
        pytest.param(
            weights(NonDemented=1, MildDemented=2),
            f"imbalance.weights must hold a weight for each of {', '.join(CLASSES)}; "
            "VeryMildDemented, ModerateDemented has none.",
            id="missing-classes",
        ),
        pytest.param(weights(nondemented=1), "there is no class nondemented.", id="unknown-before-missing"),
        pytest.param(
            {"model": {"variant": "subject_attention"}, "imbalance": {"name": "adasyn"}},
            "imbalance adasyn creates slices without a subject, but variant subject_attention classifies subjects; "
            "use class_weights, oversampling or balanced_batches instead.",
            id="made-slices-of-a-subject",
        ),
        pytest.param(
            {"model": {"variant": "subject_attention", "options": {"slice": 3}}},
            "variant subject_attention: unknown key model.options.slice. Did you mean 'slices'?",
            id="option",
        ),
        pytest.param(
            {"model": {"variant": "multi_head_attention", "options": {"heads": 0}}},
            "variant multi_head_attention: model.options.heads: ",
            id="option-value",
        ),
        pytest.param(
            {"model": {"options": {"slices": 3}}}, "unknown key model.options.slices.", id="option-of-another"
        ),
        pytest.param(
            {"model": {"variant": "smote"}}, "Unknown variant 'smote'; must be one of baseline, ", id="variant"
        ),
        pytest.param(
            {"model": {"backbone": {"name": "mobilnet_v2"}}},
            "Unknown backbone 'mobilnet_v2'; must be one of " + ", ".join(BACKBONES) + ". Did you mean 'mobilenet_v2'?",
            id="backbone",
        ),
        pytest.param(
            {"model": {"variant": "largest_class", "backbone": {"name": "resnet"}}},
            "Unknown backbone 'resnet'; must be one of mobilenet_v2, ",
            id="backbone-of-a-sanity-baseline",
        ),
        pytest.param(
            {"model": {"file": "/no/where.py"}},
            "model.file must name a readable Python file; /no/where.py: No such file or directory.",
            id="file",
        ),
    ],
)
def test_what_does_not_exist_or_fit_is_refused_in_one_sentence(values: dict[str, Any], text: str) -> None:
    with pytest.raises(ExperimentError) as caught:
        check(make(**values))
    message = str(caught.value)
    assert message.startswith("experiment x: ")
    assert text in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "values",
    [
        *({"fine_tune": {"first_block": name}} for name in ("block_1", "block_16", "Conv_1")),
        weights(**FULL),
        weights(**FULL) | {"model": {"variant": "subject_attention"}},
        *(
            {"model": {"variant": "subject_attention"}, "imbalance": {"name": name}}
            for name in ("none", "class_weights", "oversampling", "balanced_batches")
        ),
        {"model": {"variant": "attention"}, "imbalance": {"name": "smote"}},
        {"data": {"classes": ["a", "b"]}, **weights(b=1, a=2)},
        {"model": {"variant": "largest_class"}},
    ],
    ids=str,
)
def test_what_exists_and_fits_is_right(values: dict[str, Any]) -> None:
    check(make(**values))


@pytest.mark.parametrize(
    "changes",
    [
        {"fine_tune": {}},
        {"fine_tune": {"lr": 1e-4}},
        {"fine_tune": {"first_block": "block_15"}},
        {"imbalance": {"name": "smote"}},
        {"imbalance": {"name": "adasyn"}},
        {"imbalance": {"name": "smote", "neighbours": 3}},
        {"imbalance": {"name": "class_weights"}},
        weights(**FULL),
        {"train": {"loss": "focal"}},
        {"train": {"label_smoothing": 0.1}},
        {"train": {"schedule": "cosine"}},
        {"train": {"schedule": "cosine", "warmup_epochs": 1}},
        {"model": {"options": {"pooling": "max"}}},
    ],
    ids=str,
)
def test_every_new_section_is_hashed_apart(changes: dict[str, Any]) -> None:
    others: list[dict[str, Any]] = [
        {},
        {"fine_tune": {"epochs": 11}},
        {"imbalance": {"name": "svm_smote"}},
        {"train": {"epochs": 4}},
    ]
    assert settings_hash(make(**changes)) not in {settings_hash(make(**other)) for other in others}
    assert settings_hash(make(**changes)) == settings_hash(make(**changes))


# A variant from a file


def test_the_content_of_a_variants_file_is_hashed_and_not_its_path(own_registry: None, tmp_path: Path) -> None:
    del own_registry
    hashes = {}
    texts = {"first.py": MINE, "copy.py": MINE, "other.py": MINE.replace("mine", "theirs")}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        variant = "theirs" if name == "other.py" else "mine"
        hashes[name] = settings_hash(make(model={"variant": variant, "file": str(tmp_path / name)}))
    assert hashes["first.py"] == hashes["copy.py"] != hashes["other.py"]


def test_a_changed_file_is_another_run(own_registry: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    del own_registry
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    experiment = make(model={"variant": "mine", "file": str(path)})
    before = settings_hash(experiment)
    path.write_text(MINE + "# of no consequence\n")
    monkeypatch.setattr(VARIANTS, "_items", {k: v for k, v in VARIANTS._items.items() if k != "mine"})
    assert settings_hash(experiment) != before


def test_a_run_keeps_the_file_of_its_variant(own_registry: None, tiny: Tiny, tmp_path: Path, stub: type[Stub]) -> None:
    del own_registry
    (tmp_path / "mine.py").write_text(MINE)
    model = {"variant": "mine", "file": str(tmp_path / "mine.py")}
    experiments = [tiny(name="own", model=model), tiny(name="ours")]
    own, ours = (outcome.run() for outcome in run(tmp_path / "runs", *experiments))
    assert (own.path / "variant.py").read_text() == MINE
    assert not (ours.path / "variant.py").exists()
    stored = load_experiment(own.path / "experiment.yaml")
    assert (stored.model.file, stored.model.variant) == (str(tmp_path / "mine.py"), "mine")
    assert settings_hash(stored) == own.card.settings_hash
    assert stub.trained == [("own", 0), ("ours", 0)]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study in a folder of its own, whose base names a file beside the base."""
    for folder in ("bases", "studies"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(MINE)
    (tmp_path / "bases" / "base.yaml").write_text("model: {variant: mine, file: mine.py}")
    path = tmp_path / "studies" / "s.yaml"
    path.write_text("base: ../bases/base.yaml\nplan: add_one\nfactors: {rate: {slow: {train.lr: 1e-4}}}\n")
    return path


def test_a_studys_experiments_find_the_file_of_the_base(own_registry: None, study: Path, tmp_path: Path) -> None:
    del own_registry
    experiments = expand_study(study)
    assert {experiment.model.file for experiment in experiments} == {str(tmp_path / "bases" / "mine.py")}
    for experiment in experiments:
        check(experiment)


@pytest.mark.parametrize("level", ["{model.file: mine.py}", "{model: {file: mine.py}}"], ids=["dotted", "nested"])
def test_a_levels_file_lies_relative_to_the_study(study: Path, tmp_path: Path, level: str) -> None:
    study.write_text(f"base: ../bases/base.yaml\nplan: add_one\nfactors: {{head: {{own: {level}}}}}\n")
    assert expand_study(study)[1].model.file == str(tmp_path / "studies" / "mine.py")
