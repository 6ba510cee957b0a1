"""Tests that every registered variant must pass, and tests of single variants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from scipy.special import softmax

from alzbench.errors import ExperimentError
from alzbench.experiment import ModelSettings
from alzbench.models.classifier import SetShape, build_head, set_shape
from alzbench.models.variants import VARIANTS, HeadOptions, register_variant

SHAPE, CLASSES = (3, 3, 10), 4
MAPS = np.random.default_rng(0).normal(size=(8, *SHAPE)).astype(np.float16)
LABELS = np.arange(8) % CLASSES

SETS = np.stack([MAPS, MAPS[::-1], 2 * MAPS], axis=1)
PRESENT = np.array([[True, True, True], [True, False, False]] * 4)

LINEAR = ("positions", "subject_slabs")

every_variant = pytest.mark.parametrize("name", list(VARIANTS))


def subjects(name: str) -> bool:
    return VARIANTS[name].classifies == "subject"


def head(name: str, seed: int = 0, precision: str = "float32", **options: Any) -> Any:
    defaults = {"units": 6, "slices": 3, "slabs": 3}
    known = VARIANTS[name].settings.model_fields
    chosen = {
        option: value for option, value in {**defaults, **options}.items() if option in known or option in options
    }
    return build_head(ModelSettings(variant=name, options=chosen), SHAPE, CLASSES, precision, seed)


def inputs(name: str) -> Any:
    """Eight inputs of the variant: feature maps, or sets of three, some of which are absent."""
    return {"features": SETS, "present": PRESENT} if subjects(name) else MAPS


@every_variant
def test_logits(name: str) -> None:
    logits = np.asarray(head(name)(inputs(name)))
    assert (logits.shape, logits.dtype.name) == ((8, CLASSES), "float32")
    assert np.isfinite(logits).all()


@every_variant
def test_every_weight_is_trained(name: str) -> None:
    model = head(name, **({"dropout": 0.0} if name not in LINEAR else {}))
    before = [w.copy() for w in model.get_weights()]
    model.compile(keras.optimizers.SGD(1.0), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    for _ in range(3):
        model.train_on_batch(inputs(name), LABELS)
    same = [w.path for w, a, b in zip(model.weights, before, model.get_weights(), strict=True) if np.array_equal(a, b)]
    assert [path for path in same if not path.endswith("key/bias")] == []  # the softmax ignores the key's bias


@every_variant
def test_save_and_load(name: str, tmp_path: Path) -> None:
    model = head(name)
    model.save(tmp_path / "head.keras")
    loaded = keras.saving.load_model(tmp_path / "head.keras", safe_mode=True)
    ours, theirs = (network.predict(inputs(name), verbose=0) for network in (model, loaded))
    np.testing.assert_array_equal(ours, theirs)


@every_variant
def test_every_option_changes_the_head(name: str) -> None:
    assert head(name).get_config() == head(name).get_config()
    for option, field in VARIANTS[name].settings.model_fields.items():
        other: Any = {"dropout": 0.5, "pooling": "max", "l2": 0.5, "slabs": 1}.get(option, 7)
        more = {"slabs": 7} if (name, option) == ("subject_slabs", "slices") else {}
        changed = head(name, **{option: other}, **more)
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
    layer = "standard" if name in LINEAR else "hidden"
    assert model.get_layer(layer).compute_dtype == precision.removeprefix("mixed_")
    assert np.asarray(model(inputs(name))).dtype == np.float32


@every_variant
def test_description(name: str) -> None:
    assert VARIANTS[name].description.endswith(".")


def test_the_baseline_uses_only_the_mean() -> None:
    shuffled = MAPS.reshape(8, 9, 10)[:, np.random.default_rng(1).permutation(9)].reshape(MAPS.shape)
    model = head("baseline")
    np.testing.assert_allclose(model(MAPS), model(shuffled), atol=1e-3)


def test_attention_uses_more_than_the_mean() -> None:
    flat = np.broadcast_to(MAPS.mean(axis=(1, 2), keepdims=True), MAPS.shape)
    model = head("attention")
    assert np.abs(np.asarray(model(4 * MAPS)) - np.asarray(model(4 * flat))).max() > 1e-2


def part(model: Any, *layers: str) -> Any:
    """A model from the inputs to the outputs of these layers."""
    outputs = [model.get_layer(layer).output for layer in layers]
    return keras.Model(model.input, outputs[0] if len(outputs) == 1 else outputs)


def pooled(x: np.ndarray, pooling: str) -> np.ndarray:
    """The input pooled over all axes except the first and the last, in NumPy."""
    x = x.astype(np.float32).reshape(len(x), -1, x.shape[-1])
    parts = {"mean": [x.mean(axis=1)], "max": [x.max(axis=1)], "mean_max": [x.mean(axis=1), x.max(axis=1)]}
    parts["none"] = [x.reshape(len(x), -1)]
    return np.concatenate(parts[pooling], axis=1)


every_pooling = pytest.mark.parametrize("pooling", ["mean", "max", "mean_max", "none"])


@every_pooling
def test_pooling_of_a_feature_map(pooling: str) -> None:
    pooled_maps = part(head("baseline", pooling=pooling), "pool")(MAPS)
    np.testing.assert_allclose(pooled_maps, pooled(MAPS, pooling), atol=1e-5)


@every_pooling
@pytest.mark.parametrize("name", ["attention", "multi_head_attention"])
def test_pooling_after_attention(name: str, pooling: str) -> None:
    attended, pooled_maps = part(head(name, pooling=pooling), "attention", "pool")(MAPS)
    np.testing.assert_allclose(pooled_maps, pooled(np.asarray(attended), pooling), atol=1e-5)


@every_pooling
def test_pooling_of_each_slice_of_a_subject(pooling: str) -> None:
    pooled_maps = part(head("subject_attention", pooling=pooling), "vectors")(inputs("subject_attention"))
    expected = np.stack([pooled(SETS[:, slice_], pooling) for slice_ in range(3)], axis=1)
    np.testing.assert_allclose(pooled_maps, expected, atol=1e-5)


def test_multi_head_attention_agrees_with_the_formula() -> None:
    model = head("multi_head_attention", heads=3, key_dim=4)
    attended = part(model, "attention")(MAPS)
    weights = {w.path.split("attention/")[-1]: np.asarray(w.numpy()) for w in model.get_layer("attention").weights}
    x = MAPS.reshape(8, 9, 10).astype(np.float32)
    query, key, value = (
        np.einsum("bnc,chd->bhnd", x, weights[f"{p}/kernel"]) + weights[f"{p}/bias"][:, None]
        for p in ("query", "key", "value")
    )
    heads = softmax(query @ key.swapaxes(2, 3) / np.sqrt(4), axis=-1) @ value
    joined = np.einsum("bhnd,hdo->bno", heads, weights["attention_output/kernel"])
    np.testing.assert_allclose(attended, joined + weights["attention_output/bias"], atol=1e-4)
    assert attended.shape == (8, 9, 3 * 4)


def test_the_order_of_slices_does_not_matter() -> None:
    model = head("subject_attention")
    expected = model({"features": SETS, "present": PRESENT})
    order = [2, 0, 1]
    np.testing.assert_allclose(model({"features": SETS[:, order], "present": PRESENT[:, order]}), expected, atol=1e-4)


def test_slices_that_are_absent_do_not_matter() -> None:
    model = head("subject_attention")
    expected = model({"features": SETS, "present": PRESENT})
    other = np.where(PRESENT[:, :, None, None, None], SETS, np.float16(50))
    np.testing.assert_allclose(model({"features": other, "present": PRESENT}), expected, atol=1e-5)
    all_present = np.asarray(model({"features": SETS, "present": np.ones_like(PRESENT)}))
    assert np.abs(all_present - expected)[1::2].max() > 1e-2  # present slices do matter


def test_only_subject_variants_classify_subjects() -> None:
    assert [name for name in VARIANTS if subjects(name)] == ["subject_attention", "subject_slabs"]


def test_positions_is_linear_with_a_penalty_on_the_squared_weights() -> None:
    model = head("positions", l2=0.25)
    kernel, bias = (np.asarray(w) for w in model.get_layer("logits").get_weights())
    assert kernel.shape == (3 * 3 * 10, CLASSES)
    standard = MAPS.reshape(8, -1).astype(np.float32) / np.sqrt(1 + 1e-3)  # no statistics yet
    np.testing.assert_allclose(model(MAPS), standard @ kernel + bias, atol=1e-4)
    np.testing.assert_allclose(np.sum(model.losses), 0.25 * np.sum(kernel**2), rtol=1e-5)


def test_slabs_are_means_of_neighbouring_places() -> None:
    from alzbench.models.slabs import SlabMeans

    maps = np.arange(2 * 4, dtype=np.float32).reshape(2, 4, 1, 1, 1) + 1
    present = np.array([[True, True, True, True], [True, False, False, False]])
    means = np.asarray(SlabMeans(2)(maps, present))[..., 0, 0, 0]
    np.testing.assert_allclose(means, [[1.5, 3.5], [5, 5]])  # the empty slab has the mean of the present slices
    with pytest.raises(ValueError, match="slabs must divide the 4 slices"):
        SlabMeans(3)(maps, present)


def test_the_place_of_a_slice_matters_to_slabs_alone() -> None:
    order, everything = [2, 0, 1], np.ones_like(PRESENT)
    model = head("subject_slabs")
    expected = np.asarray(model({"features": SETS, "present": everything}))
    moved = np.asarray(model({"features": SETS[:, order], "present": everything}))
    assert np.abs(moved - expected).max() > 1e-2
    other = np.where(PRESENT[:, :, None, None, None], SETS, np.float16(50))
    first, second = (np.asarray(model({"features": f, "present": PRESENT})) for f in (SETS, other))
    np.testing.assert_allclose(first, second, atol=1e-4)


def test_the_first_slice_is_known_from_the_head() -> None:
    assert set_shape(head("subject_slabs", first=7)) == SetShape(3, 7)
    assert set_shape(head("subject_attention")) == SetShape(3)
    assert set_shape(head("positions")) is None


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "atention",
            {},
            r"Unknown variant 'atention'; must be one of baseline, attention, .*\. Did you mean 'attention'\?",
        ),
        ("attention", {"headz": 2}, "variant attention: unknown key model.options.headz"),
        ("attention", {"key_dim": "many"}, "model.options.key_dim: .*got 'many'"),
        ("baseline", {"dropout": 1.0}, "model.options.dropout: must be below 1"),
        (
            "baseline",
            {"pooling": "median"},
            "model.options.pooling: .*'mean_max' or 'none'.*got 'median'",
        ),
        ("multi_head_attention", {"heads": 0}, "model.options.heads: must be at least 1"),
        ("positions", {"l2": -1}, "model.options.l2: must be at least 0"),
        ("subject_slabs", {"slices": 30}, r"slices must be a multiple of slabs \(4\); it is 30"),
        ("subject_attention", {"slices": 0}, "model.options.slices: must be at least 1"),
        ("attention", {"slices": 3}, "unknown key model.options.slices"),
        ("baseline", {"key_dim": 3}, "unknown key model.options.key_dim"),
    ],
    ids=[
        "name",
        "unknown",
        "type",
        "range",
        "choice",
        "heads",
        "penalty",
        "slabs",
        "slices",
        "of-subjects",
        "of-another",
    ],
)
def test_wrong_names_and_options(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ExperimentError, match=message):
        VARIANTS[name].check_options(options)


def test_a_users_variant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VARIANTS, "_items", dict(VARIANTS._items))

    @register_variant("flattened", HeadOptions)
    def flattened(features: Any, options: HeadOptions, classes: int) -> Any:
        """All positions, flattened."""
        hidden = keras.layers.Dense(options.units, name="hidden")(keras.layers.Flatten()(features))
        return keras.layers.Dense(classes, dtype="float32")(hidden)

    assert VARIANTS["flattened"].description == "All positions, flattened."
    assert head("flattened")(MAPS).shape == (8, CLASSES)
    with pytest.raises(ValueError, match="variant 'flattened' is already registered"):
        register_variant("flattened", HeadOptions)(flattened)
