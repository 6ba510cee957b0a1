"""Stored models open in Keras after `import alzbench`, in any order of imports, and that import stays light."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from alzbench.experiment import BackboneSettings, DataSettings, ModelSettings
from tests.helpers.imports import HEAVY

ORDERS = {
    "alzbench-first": "import alzbench; import keras; load = keras.models.load_model",
    "keras-first": "import keras; import alzbench; load = keras.saving.load_model",
    "part-of-keras": "import alzbench; from keras.saving import load_model as load",
    "tf.keras": "import alzbench; import tensorflow as tf; load = tf.keras.models.load_model",
    "tensorflow-first": "import tensorflow as tf; import alzbench; load = tf.keras.models.load_model",
}


def python(code: str) -> str:
    """Run a program in a process of its own, and return its standard output."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def attention_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a model of the attention variant."""
    from alzbench.models.classifier import build_head, join_prefix
    from alzbench.models.prefix import build_prefix

    prefix = build_prefix(BackboneSettings(weights="none", alpha=0.35), DataSettings(size=64))
    head = build_head(ModelSettings(variant="attention"), prefix.shape, 4, "float32", seed=0)
    path = tmp_path_factory.mktemp("model") / "model.keras"
    join_prefix(prefix.model, head).save(path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("imports", ORDERS.values(), ids=ORDERS)
def test_keras_opens_a_stored_model(imports: str, attention_model: Path) -> None:
    assert python(f"{imports}\nprint(load({str(attention_model)!r}).output_shape)").split("\n")[-2] == "(None, 4)"


@pytest.mark.slow
def test_without_alzbench_it_does_not_open(attention_model: Path) -> None:
    code = f"""
import keras
try:
    keras.saving.load_model({str(attention_model)!r})
except Exception as error:
    print("ScaledDotProductAttention" in str(error))
"""
    assert python(code).split() == ["True"]


def test_importing_alzbench_imports_nothing_heavy() -> None:
    code = f"import sys, alzbench; print(*[name for name in {(*HEAVY, 'numpy')!r} if name in sys.modules])"
    assert python(code).split() == []


@pytest.mark.slow
def test_keras_is_imported_as_without_alzbench() -> None:
    """The finder steps aside, and leaves the loader and its source as they are."""
    code = """
import importlib.util
import sys
import alzbench
found = importlib.util.find_spec("keras")
assert "keras" not in sys.modules
assert found.loader.get_filename("keras").endswith("__init__.py")
import keras, inspect
assert type(keras.__spec__.loader).__name__ == "SourceFileLoader"
assert not [finder for finder in sys.meta_path if "alzbench" in type(finder).__module__]
assert inspect.getsource(keras)
print("fine")
"""
    assert python(code).split() == ["fine"]


def test_a_missing_keras_is_still_missing() -> None:
    code = """
import sys
import alzbench
sys.path = []
sys.path_importer_cache.clear()
try:
    import keras
except ModuleNotFoundError as error:
    print(error.name)
"""
    assert python(code).split() == ["keras"]
