"""What every registered variant must do, and what is specific to one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from alzbench.errors import ExperimentError
from alzbench.experiment import ModelSettings
from alzbench.models.classifier import build_head
from alzbench.models.variants import VARIANTS, HeadOptions, register_variant

SHAPE, CLASSES = (3, 3, 10), 4
MAPS = np.random.default_rng(0).normal(size=(8, *SHAPE)).astype(np.float16)
LABELS = np.arange(8) % CLASSES

every_variant = pytest.mark.parametrize("name", list(VARIANTS))


def head(name: str, seed: int = 0, precision: str = "float32", **options: Any) -> Any:
    settings = ModelSettings(variant=name, options={"units": 6, **options})
    return build_head(settings, SHAPE, CLASSES, precision, seed)


@every_variant
def test_logits(name: str) -> None:
    logits = np.asarray(head(name)(MAPS))
    assert (logits.shape, logits.dtype) == ((8, CLASSES), np.float32)
    assert np.isfinite(logits).all()


@every_variant
def test_every_weight_is_trained(name: str) -> None:
    model = head(name, dropout=0.0)
    before = [w.copy() for w in model.get_weights()]
    model.compile(keras.optimizers.SGD(1.0), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    for _ in range(3):
        model.train_on_batch(MAPS, LABELS)
    same = [w.path for w, a, b in zip(model.weights, before, model.get_weights(), strict=True) if np.array_equal(a, b)]
    assert [path for path in same if not path.endswith("key/bias")] == []  # the softmax ignores the key's bias


@every_variant
def test_save_and_load(name: str, tmp_path: Path) -> None:
    model = head(name)
    model.save(tmp_path / "head.keras")
    loaded = keras.saving.load_model(tmp_path / "head.keras", safe_mode=True)
    np.testing.assert_array_equal(model.predict(MAPS, verbose=0), loaded.predict(MAPS, verbose=0))


@every_variant
def test_every_option_changes_the_head(name: str) -> None:
    for option, field in VARIANTS[name].options.model_fields.items():
        changed = head(name, **{option: 0.5 if option == "dropout" else 7})
        assert changed.get_config() != head(name).get_config(), f"{option} ({field.description}) changes nothing"


@every_variant
def test_the_seed_decides_the_weights(name: str) -> None:
    first, same, other = (head(name, seed).get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, same, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@every_variant
@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_ends_in_float32(name: str, precision: str) -> None:
    before = keras.config.dtype_policy().name
    model = head(name, precision=precision)
    assert keras.config.dtype_policy().name == before
    assert model.get_layer("hidden").compute_dtype == precision.removeprefix("mixed_")
    assert np.asarray(model(MAPS)).dtype == np.float32


@every_variant
def test_description(name: str) -> None:
    assert VARIANTS[name].description.endswith(".")


def test_the_baseline_sees_the_mean_alone() -> None:
    shuffled = MAPS.reshape(8, 9, 10)[:, np.random.default_rng(1).permutation(9)].reshape(MAPS.shape)
    model = head("baseline")
    np.testing.assert_allclose(model(MAPS), model(shuffled), atol=1e-3)


def test_attention_sees_more_than_the_mean() -> None:
    flat = np.broadcast_to(MAPS.mean(axis=(1, 2), keepdims=True), MAPS.shape)
    model = head("attention")
    assert np.abs(np.asarray(model(4 * MAPS)) - np.asarray(model(4 * flat))).max() > 1e-2


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("atention", {}, r"Unknown variant 'atention'; there are baseline, attention. Did you mean 'attention'\?"),
        ("attention", {"headz": 2}, "variant attention: unknown key model.options.headz"),
        ("attention", {"key_dim": "many"}, "model.options.key_dim: .*got 'many'"),
        ("baseline", {"dropout": 1.0}, "model.options.dropout: .*less than 1"),
        ("baseline", {"key_dim": 3}, "unknown key model.options.key_dim"),
    ],
    ids=["name", "unknown", "type", "range", "of-another"],
)
def test_wrong_names_and_options(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ExperimentError, match=message):
        VARIANTS[name].check_options(options)


def test_a_variant_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VARIANTS, "_items", dict(VARIANTS._items))

    @register_variant("flattened", HeadOptions)
    def flattened(features: Any, options: HeadOptions, classes: int) -> Any:
        """All positions side by side."""
        hidden = keras.layers.Dense(options.units, name="hidden")(keras.layers.Flatten()(features))
        return keras.layers.Dense(classes, dtype="float32")(hidden)

    assert VARIANTS["flattened"].description == "All positions side by side."
    assert head("flattened")(MAPS).shape == (8, CLASSES)
    with pytest.raises(ValueError, match="variant 'flattened' is registered already"):
        register_variant("flattened", HeadOptions)(flattened)
