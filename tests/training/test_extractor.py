"""The exported prefix: kept in the cache, exported again if damaged, and Keras if it cannot be exported."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import numpy as np
import pytest

from alzbench.errors import RunError
from alzbench.models.prefix import Prefix
from alzbench.training import extractor
from alzbench.training.extractor import KerasExtractor, OnnxExtractor, make_extractor
from tests.helpers.small_models import draw_pixels, make_prefix

pytestmark = pytest.mark.slow
pytest.importorskip("onnxruntime")
pytest.importorskip("tf2onnx")


@pytest.fixture
def prefix() -> Prefix:
    return Prefix(make_prefix(), "key")


@pytest.fixture
def exports(monkeypatch: pytest.MonkeyPatch) -> list[Prefix]:
    """The prefixes that are exported."""
    seen: list[Prefix] = []
    export = extractor._export
    monkeypatch.setattr(extractor, "_export", lambda prefix: (seen.append(prefix), export(prefix))[1])
    return seen


def test_the_exported_file_is_kept_and_a_damaged_one_replaced(
    prefix: Prefix, exports: list[Prefix], own_environment: Path
) -> None:
    pixels = draw_pixels(11)
    expected = KerasExtractor(prefix)(pixels)
    for _ in range(2):  # the second is read from the cache
        np.testing.assert_allclose(OnnxExtractor(prefix)(pixels), expected, atol=2e-3)
        assert len(exports) == 1
    (file,) = own_environment.rglob("*.onnx")
    content = file.read_bytes()
    file.write_bytes(content[:-10])
    np.testing.assert_allclose(OnnxExtractor(prefix)(pixels), expected, atol=2e-3)
    assert len(exports) == 2
    OnnxExtractor(prefix)
    assert len(exports) == 2
    assert len(list(own_environment.rglob("*.onnx"))) == 1


def test_keras_runs_what_cannot_be_exported(prefix: Prefix, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Prefix) -> bytes:
        raise ValueError("no such operation")

    assert make_extractor(prefix).name == "ONNX Runtime"
    monkeypatch.setattr(extractor, "_export", fail)
    warned: list[str] = []
    other = make_extractor(Prefix(prefix.model, "other"), warned.append)
    assert other.name == "Keras"
    (line,) = warned
    assert "no such operation" in line


def test_equal_prefixes_share_an_extractor_while_it_is_used(prefix: Prefix) -> None:
    first = make_extractor(prefix)
    assert make_extractor(Prefix(make_prefix(), "key")) is first
    assert make_extractor(Prefix(prefix.model, "other")) is not first
    gone = weakref.ref(first)
    del first
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("kind", [KerasExtractor, OnnxExtractor])
def test_values_that_float16_cannot_hold_are_refused(kind: type[KerasExtractor | OnnxExtractor]) -> None:
    small = make_prefix()
    small.get_layer("mix").set_weights([np.full((1, 1, 1, 3), 1e5, np.float32), np.zeros(3, np.float32)])
    white = np.full((2, 32, 32, 1), 255, np.uint8)
    with pytest.raises(RunError) as error:
        kind(Prefix(small, "large"))(white)
    assert str(error.value) == (
        "Feature maps must be below 65,504 to be stored as float16, and reach 100,000. Change data.scaling, or end the "
        "backbone at another layer with model.backbone.until."
    )
