"""Variants and backbones from a user's file, which is loaded once, and errors in such files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from alzbench.errors import ExperimentError
from alzbench.experiment import BackboneSettings, DataSettings, ModelSettings
from alzbench.models import user_file
from alzbench.models.backbones import BACKBONES
from alzbench.models.classifier import build_head
from alzbench.models.prefix import build_prefix
from alzbench.models.user_file import file_digest, find_backbone, find_variant
from alzbench.models.variants import VARIANTS
from tests.helpers.user_backbone import TWO_CONVOLUTIONS

FLATTENED = '''"""A user's variant."""
import keras

from alzbench.models.variants import HeadOptions, dense_head, register_variant


@register_variant("NAME", HeadOptions)
def flattened(features, options, classes):
    """All positions, flattened."""
    return dense_head(keras.layers.Flatten()(features), options, classes)
'''


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the variants and files of a test after it."""
    monkeypatch.setattr(VARIANTS, "_items", dict(VARIANTS._items))
    monkeypatch.setattr(BACKBONES, "_items", dict(BACKBONES._items))
    monkeypatch.setattr(user_file, "_loaded", {})


def settings(folder: Path, text: str, variant: str = "flattened", name: str = "mine.py") -> ModelSettings:
    path = folder / name
    path.write_text(text)
    return ModelSettings(variant=variant, file=str(path))


def error_of(model: ModelSettings) -> str:
    with pytest.raises(ExperimentError) as error:
        find_variant(model)
    return str(error.value)


def test_a_file_registers_a_variant_that_is_built(tmp_path: Path) -> None:
    mine = settings(tmp_path, FLATTENED.replace("NAME", "flattened"))
    assert "flattened" not in VARIANTS
    assert find_variant(mine).description == "All positions, flattened."
    head = build_head(mine.model_copy(update={"options": {"units": 5}}), (2, 2, 3), 4, "float32", seed=0)
    assert [tuple(w.shape) for w in head.weights] == [(12, 5), (5,), (5, 4), (4,)]
    assert head(np.ones((6, 2, 2, 3), np.float16)).shape == (6, 4)


def test_a_variant_of_the_package_needs_no_file() -> None:
    assert find_variant(ModelSettings(variant="attention")) is VARIANTS["attention"]


def test_the_same_content_is_executed_once(tmp_path: Path) -> None:
    counting = f"with open({str(tmp_path / 'count')!r}, 'a') as file:\n    file.write('x')\n"
    text = counting + FLATTENED.replace("NAME", "flattened")
    first = find_variant(settings(tmp_path, text))
    assert find_variant(settings(tmp_path, text)) is first
    assert find_variant(settings(tmp_path, text, name="copy.py")) is first
    assert (tmp_path / "count").read_text() == "x"


def test_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.py"
    missing = ModelSettings(variant="flattened", file=str(path))
    expected = f"model.file must name a readable Python file; {path}: No such file or directory."
    assert error_of(missing) == expected
    with pytest.raises(ExperimentError) as error:
        file_digest(missing)
    assert str(error.value) == expected
    assert error_of(ModelSettings(file=str(tmp_path))).endswith(f"{tmp_path}: Is a directory.")


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    text = settings(tmp_path, "no Python", name="notes.txt")
    assert error_of(text) == f"model.file must be a Python file whose name ends in .py, got {text.file}."


def test_a_syntax_error_is_reported_with_its_line(tmp_path: Path) -> None:
    broken = settings(tmp_path, "import keras\n\ndef f(:\n    pass\n")
    assert error_of(broken).startswith(f"model.file {broken.file} fails in line 3: SyntaxError: ")


def test_an_error_at_import_is_reported_with_its_line(tmp_path: Path) -> None:
    broken = settings(tmp_path, "x = 0\n\n\ndef f():\n    return 1 / x\n\n\nf()\n")
    assert error_of(broken) == f"model.file {broken.file} fails in line 5: ZeroDivisionError: division by zero."
    absent = settings(tmp_path, "\nimport no_such_module_here\n")
    assert error_of(absent) == (
        f"model.file {absent.file} fails in line 2: ModuleNotFoundError: No module named 'no_such_module_here'."
    )


def test_the_line_is_in_the_file_if_other_code_raises_the_error(tmp_path: Path) -> None:
    broken = settings(tmp_path, "import json\n\njson.loads('{')\n")
    assert f"{broken.file} fails in line 3: JSONDecodeError: " in error_of(broken)


def test_a_name_that_is_taken(tmp_path: Path) -> None:
    taken = settings(tmp_path, FLATTENED.replace("NAME", "baseline"), variant="baseline")
    before = VARIANTS["baseline"]
    assert error_of(taken) == (
        f"model.file {taken.file} fails in line 7: ValueError: the variant 'baseline' is already registered."
    )
    assert VARIANTS["baseline"] is before


def test_a_file_that_registers_another_name(tmp_path: Path) -> None:
    other = settings(tmp_path, FLATTENED.replace("NAME", "flatened"))
    assert error_of(other).startswith("Unknown variant 'flattened'; must be one of baseline, ")
    assert error_of(other).endswith("Did you mean 'flatened'?")


def test_a_file_is_loaded_again_after_an_error(tmp_path: Path) -> None:
    assert "division by zero" in error_of(settings(tmp_path, "1 / 0"))
    assert "division by zero" in error_of(settings(tmp_path, "1 / 0"))
    assert find_variant(settings(tmp_path, FLATTENED.replace("NAME", "flattened"))).name == "flattened"


def test_the_digest_depends_on_the_content(tmp_path: Path) -> None:
    first = file_digest(settings(tmp_path, "a = 1\n"))
    assert file_digest(settings(tmp_path, "a = 1\n", name="copy.py")) == first
    assert file_digest(settings(tmp_path, "a = 2\n")) != first
    assert file_digest(ModelSettings()) == ""


# Backbones


def backbone(folder: Path, text: str, name: str = "two_convolutions", file: str = "mine.py") -> BackboneSettings:
    path = folder / file
    path.write_text(text)
    return BackboneSettings(name=name, file=str(path), weights="none")


def test_a_file_registers_a_backbone_that_is_built(tmp_path: Path) -> None:
    mine = backbone(tmp_path, TWO_CONVOLUTIONS)
    assert find_backbone(mine).description == "Two convolutions."
    whole = build_prefix(mine, DataSettings(size=32))
    lower = build_prefix(mine.model_copy(update={"until": "lower"}), DataSettings(size=32))
    assert (lower.shape, whole.shape) == ((15, 15, 8), (7, 7, 16))


def test_other_code_under_the_same_name_has_another_key(tmp_path: Path) -> None:
    keys = []
    for text in (TWO_CONVOLUTIONS, TWO_CONVOLUTIONS.replace('"relu"', '"elu"')):
        mine = backbone(tmp_path, text, file=f"{len(keys)}.py")
        keys.append(build_prefix(mine, DataSettings(size=32)).key)
        BACKBONES.remove("two_convolutions")
    assert keys[0] != keys[1]


def test_a_file_may_register_a_variant_and_a_backbone(tmp_path: Path) -> None:
    both = FLATTENED.replace("NAME", "flattened") + TWO_CONVOLUTIONS
    assert find_variant(settings(tmp_path, both)).name == "flattened"
    assert find_backbone(backbone(tmp_path, both)).name == "two_convolutions"


def test_errors_in_a_backbones_file_name_its_setting(tmp_path: Path) -> None:
    broken = backbone(tmp_path, TWO_CONVOLUTIONS + "1 / 0\n")
    with pytest.raises(ExperimentError, match=r"^model\.backbone\.file .*mine\.py fails in line \d+: Zero"):
        find_backbone(broken)
    assert "two_convolutions" not in BACKBONES
    missing = BackboneSettings(name="x", file=str(tmp_path / "nowhere.py"))
    for function in (find_backbone, file_digest):
        with pytest.raises(ExperimentError, match=r"^model\.backbone\.file must name a readable Python file; "):
            function(missing)
    with pytest.raises(ExperimentError, match="Did you mean 'two_convolutions'"):
        find_backbone(backbone(tmp_path, TWO_CONVOLUTIONS, "two_convolution"))
