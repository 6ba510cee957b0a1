"""Variants and backbones of a user's file, built before a run; errors name the file and the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from alzbench.errors import ExperimentError
from alzbench.experiment import Experiment
from alzbench.models import user_file
from alzbench.models.backbones import BACKBONES
from alzbench.models.user_build import check_build
from alzbench.models.user_file import blaming_files, find_variant
from alzbench.models.variants import VARIANTS
from tests.helpers.command import Command, assert_sentence
from tests.helpers.user_backbone import TWO_CONVOLUTIONS

HEAD = """import keras

from alzbench.models.variants import HeadOptions, dense_head, pool, register_variant


class Layer(keras.layers.Layer):
    def call(self, x):
        return LAYER


@register_variant("mine", HeadOptions)
def mine(features, options, classes):
    \"\"\"Mine.\"\"\"
    return RETURNED
"""
GOOD = "dense_head(Layer()(pool(features, options)), options, classes)"


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the variants and files of a test after it."""
    monkeypatch.setattr(VARIANTS, "_items", dict(VARIANTS._items))
    monkeypatch.setattr(BACKBONES, "_items", dict(BACKBONES._items))
    monkeypatch.setattr(user_file, "_loaded", {})


def written(folder: Path, returned: str = GOOD, layer: str = "x") -> Experiment:
    """Return an experiment with a variant's file."""
    file = folder / "mine.py"
    file.write_text(HEAD.replace("RETURNED", returned).replace("LAYER", layer))
    model = {"variant": "mine", "file": str(file), "backbone": {"weights": "none", "alpha": 0.35}}
    return Experiment.model_validate({"name": "x", "model": model, "data": {"size": 32}})


def error_of(experiment: Experiment) -> str:
    find_variant(experiment.model)
    with pytest.raises(ExperimentError) as error:
        check_build(experiment)
    return str(error.value)


def test_a_variant_that_can_be_built_is_accepted(tmp_path: Path) -> None:
    check_build(written(tmp_path))


@pytest.mark.parametrize(
    ("returned", "layer", "said"),
    [
        pytest.param("not_defined", "x", "fails in line 14: NameError: name 'not_defined' is not defined.", id="name"),
        pytest.param(GOOD, "x.colour", "fails in line 8: AttributeError: ", id="layer"),
        pytest.param(
            "dense_head(features, options)", "x", "fails in line 14: TypeError: dense_head() missing", id="type"
        ),
        pytest.param("keras.layers.Dense(3)(pool(features, options))", "x", "it returns (None, 3).", id="classes"),
        pytest.param("keras.layers.Dense(classes)(features)", "x", "it returns (None, 1, 1, 4).", id="rank"),
    ],
)
def test_an_error_in_a_variant_names_its_file_and_line(tmp_path: Path, returned: str, layer: str, said: str) -> None:
    text = error_of(written(tmp_path, returned, layer))
    assert str(tmp_path / "mine.py") in text
    assert said in text
    assert "\x1b" not in text


def test_an_error_in_a_backbone_names_its_file_and_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(TWO_CONVOLUTIONS.replace("keras.layers.Conv2D(16, 3,", "keras.layers.Conv2D(16, 3, colour=1,"))
    backbone = {"name": "two_convolutions", "file": str(file)}
    experiment = Experiment.model_validate({"name": "x", "model": {"backbone": backbone}, "data": {"size": 32}})
    with pytest.raises(ExperimentError, match=rf"^{file} fails in line 11: .*colour"):
        check_build(experiment)


def test_an_error_of_other_code_stays_what_it_is(tmp_path: Path) -> None:
    find_variant(written(tmp_path).model)
    with pytest.raises(ZeroDivisionError), blaming_files():
        _ = 1 / 0


def test_a_dry_run_builds_the_variant(alzbench: Command, tmp_path: Path) -> None:
    model = written(tmp_path, returned="features / 'text'").model
    (tmp_path / "x.yaml").write_text(
        f"data: {{size: 32}}\nmodel: {{variant: mine, file: {model.file}, backbone: {{weights: none, alpha: 0.35}}}}"
    )
    result = alzbench("run", tmp_path / "x.yaml", "--dry-run", "--runs", tmp_path / "runs")
    assert_sentence(result, 2, f"experiment x: {model.file} fails in line 14: ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('@register_variant("mine")', "variant mine must be registered with the class of its options, a StrictModel"),
        ('@register_variant("mine", HeadOptions, classifies="subject")', "its options must have `slices`"),
    ],
)
def test_a_wrong_registration_says_what_is_missing(tmp_path: Path, text: str, said: str) -> None:
    experiment = written(tmp_path)
    file = tmp_path / "mine.py"
    file.write_text(file.read_text().replace('@register_variant("mine", HeadOptions)', text))
    with pytest.raises(ExperimentError, match=said):
        find_variant(experiment.model).check_options({})
